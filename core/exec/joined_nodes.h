// Nodes that together are one operator, as exporters write it out for want of it: LayerNormalization,
// RMSNormalization and Gelu. Internal to core/exec.
#pragma once

#include "core/exec/prepared_graph.h"

#include <functional>
#include <memory>
#include <vector>

namespace halfstep {

struct JoinedNodes {
  std::vector<std::size_t> members; ///< of PreparedGraph::nodes, ascending; the last makes the result
  Node node;                        ///< the operator
  PreparedNode prepared;            ///< of `node`
};

/// `constants`: by slot. `mayJoin(node)`: nobody changes the node; `isHidden(slot)`: nobody sees the value.
/// No node is in two groups, and nothing between their members is taken by others. The operator may refuse
/// what the members take.
std::vector<std::shared_ptr<const JoinedNodes>> joinedNodes(const PreparedGraph& graph,
                                                            const std::vector<Value>& constants,
                                                            const std::function<bool(std::size_t)>& mayJoin,
                                                            const std::function<bool(Slot)>& isHidden);

} // namespace halfstep
