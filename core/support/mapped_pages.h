// Memory that views of files take.
#pragma once

#include <cstddef>
#include <span>

namespace halfstep {

/// Lets go of the physical pages within `bytes`, where they are a read-only view of a file: whoever reads
/// them again gets them from the system's cache. Other memory stays as it is. Takes some tenths of a
/// millisecond; any thread, while `bytes` is kept alive.
void releaseMappedPages(std::span<const std::byte> bytes);

} // namespace halfstep
