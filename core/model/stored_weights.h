// Decides what the constant in a weight slot is: float values, codes with what decodes them, or no weight at
// all.
#pragma once

#include "core/model/constant_tracer.h"
#include "core/model/model.h"
#include "core/model/weight_slots.h"

namespace halfstep {

/// What a Layer needs to know of its weight besides the tensor.
struct FoundWeight {
  std::optional<StoredQuantization> stored;
  std::vector<int> channelAxes; ///< of the stored tensor (of the unpacked codes)
  std::string note;
};

/// The weight in `slot` of `node`, whose input there is `constant`. Nothing: integers that nothing decodes.
/// Errors: a stored quantization that does not fit together, or of a kind that is not supported.
Result<std::optional<FoundWeight>> weightOf(const GraphScope& scope, const Node& node, const WeightSlot& slot,
                                            const TracedConstant& constant);

/// FoundWeight::channelAxes.
std::vector<int> channelAxesOf(const Node& node, const WeightSlot& slot, const TracedConstant& constant);

} // namespace halfstep
