// The graphs within a node: an If's branches, a Loop's body.
#pragma once

#include "core/model/graph.h"

#include <vector>

namespace halfstep {

/// All graphs among the attributes of `node`, none null, in the attributes' order. They live as long as it.
std::vector<const Graph*> subgraphsOf(const Node& node);

} // namespace halfstep
