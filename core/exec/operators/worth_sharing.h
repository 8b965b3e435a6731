// From how much work on operators share it between threads: for those who run them, and for those who time
// them alone as the executor would run them. Pure; any thread.
#pragma once

#include "core/tensor/tensor.h"

#include <algorithm>
#include <cstdint>

namespace halfstep {

/// Multiplications from which on a product or a convolution is worth two threads: some ten microseconds'
/// worth.
inline constexpr std::int64_t kProductWorthSharing = std::int64_t{1} << 18;

/// Multiplications of one product within a recurrent operator from which on it is.
inline constexpr std::int64_t kRecurrenceWorthSharing = std::int64_t{1} << 21;

/// Whether a convolution is. `weights`: Conv [M, C/g, k…], ConvTranspose [C, M/g, k…]; `input` and `output`
/// [N, channels, spatial…].
inline bool isConvolutionWorthSharing(const Shape& weights, const Shape& input, const Shape& output) {
  std::int64_t work = output.empty() ? 0 : output[0];
  for (std::size_t axis = 1; axis < weights.size(); ++axis) {
    work *= weights[axis];
  }
  for (std::size_t axis = 1; axis < output.size() && work < kProductWorthSharing; ++axis) {
    work *= axis == 1 ? weights[0] : std::max(output[axis], input[axis]);
  }
  return work >= kProductWorthSharing;
}

} // namespace halfstep
