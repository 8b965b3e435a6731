// What the memory gives: the yardstick of the fused passes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace halfstep::bench {

/// The sum of the values' bits: the least that a pass which looks at everything can do. Vectorised for
/// AVX-512 and AVX2 where the CPU has them.
std::uint64_t readAll(std::span<const float> values);

} // namespace halfstep::bench
