// Conv and ConvTranspose by their definition, for what oneDNN does not take: float64, and more than three
// spatial axes. Internal to the operators.
#pragma once

#include "core/exec/operators/windows.h"

#include <optional>

namespace halfstep {

struct PlainConvolution {
  Tensor input;   ///< [N, C, spatial…], float32 or float64
  Tensor weights; ///< Conv: [M, C/groups, kernel…]; transposed: [C, M/groups, kernel…]; of the same type
  std::optional<Tensor> bias; ///< [M]
  std::int64_t groups = 1;
  bool transposed = false;
};

/// The result, [N, M, `sizes`…]; sums are kept in double. The operands must fit together. Error: too large;
/// cancelled.
Result<Tensor> plainlyConvolved(const JobContext& job, const PlainConvolution& convolution,
                                const Windows& windows, const std::vector<std::int64_t>& sizes);

} // namespace halfstep
