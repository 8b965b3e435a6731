// Parallel loops over blocks. OpenMP is the one thread pool (oneDNN and OpenBLAS share it); under the thread
// sanitizer, which does not see OpenMP's synchronisation, plain threads do the same.
// Results must not depend on the number of threads: each block writes its own slot, and the caller folds the
// slots in order.
#pragma once

#include <cstddef>
#include <functional>

namespace halfstep {

/// How many threads a parallel loop uses at most.
int parallelThreads();

/// Calls `body(index)` once for every index in 0…count-1, on several threads, in no particular order. What a
/// body throws (std::bad_alloc) is thrown again here; bodies that have not begun by then are left out.
void parallelFor(std::size_t count, const std::function<void(std::size_t)>& body);

} // namespace halfstep
