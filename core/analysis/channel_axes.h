// Which axis of a graph's values numbers the channels, told by the operators that make and take them.
// Values; any thread.
#pragma once

#include "core/model/model.h"

#include <string>
#include <unordered_map>

namespace halfstep {

enum class ChannelAxis {
  second, ///< [N, C, …]: of convolutions, pooling and their normalisations, whatever the rank
  last,   ///< […, C]: of matrix products and layer normalisation
};

/// Of values of the main graph: what the operator that makes a value says, else one that takes it, else what
/// element-wise operators hand on from their other side. Values that nothing is known of are left out.
std::unordered_map<std::string, ChannelAxis> channelAxes(const Model& model);

} // namespace halfstep
