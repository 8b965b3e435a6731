// Moving the channel axes of a weight to the front. Internal to core/quant.
#pragma once

#include "core/support/job_context.h"
#include "core/tensor/tensor.h"

#include <cstddef>
#include <span>
#include <vector>

namespace halfstep {

/// Where the values of a row-major weight stand once the channel axes lead: value (c, j) is read at
/// channelOffsets[c] + valueOffsets[j]. Memory: 8 bytes per channel and per value of a channel, none for a
/// weight that has that order already.
struct AxisOrder {
  std::size_t channels = 0;
  std::size_t values = 0;                  ///< per channel
  bool identity = false;                   ///< the weight has that order already
  std::vector<std::size_t> channelOffsets; ///< empty for the identity
  std::vector<std::size_t> valueOffsets;   ///< empty for the identity

  /// Errors (kind `damagedFile`): an axis that the shape does not have, or one that is named twice.
  static Result<AxisOrder> of(const Shape& shape, std::span<const int> channelAxes);
};

/// out[c·J + j] = in[channelOffsets[c] + valueOffsets[j]], in parallel; the sizes agree. Errors: cancelled.
Result<void> reorder(std::span<const float> in, const AxisOrder& order, std::span<float> out,
                     const JobContext& context);

} // namespace halfstep
