// In which steps a prepared graph runs: nodes whose results never change are computed once and left out, and
// element-wise nodes are done together with the one before them, where nobody looks at what lies between.
// Internal to core/exec.
#pragma once

#include "core/exec/joined_nodes.h"
#include "core/exec/prepared_graph.h"

#include <algorithm>
#include <functional>
#include <unordered_set>

namespace halfstep {

/// A node and those behind it that it may take with it; they run where the last of them stands.
struct ScheduledStep {
  std::size_t node = 0;          ///< of PreparedGraph::nodes
  std::vector<std::size_t> tail; ///< likewise
  std::vector<Slot> released;    ///< whose last use this is
  /// One operator for several nodes, of which `node` is the last; null for none.
  std::shared_ptr<const JoinedNodes> joined;

  void forEachNode(const auto& visit) const {
    if (joined != nullptr) {
      std::for_each(joined->members.begin(), joined->members.end(), visit);
    } else {
      visit(node);
      std::for_each(tail.begin(), tail.end(), visit);
    }
  }
};

struct Schedule {
  std::vector<ScheduledStep> steps;
  std::vector<Value> constants; ///< by slot: initializers, and what was computed from them
};

/// What may not be joined or computed beforehand in a run.
struct ScheduleLimits {
  std::vector<bool> visible;                 ///< by slot: somebody sees or sets it; empty for none
  std::function<bool(const Node&)> isEdited; ///< may be empty
  bool joins = true;                         ///< nodes may be taken together
};

/// Whether a node gives the same whenever its inputs are the same, and sees nothing else.
bool isRepeatable(const PreparedNode& node);

/// `constants`: by slot, of nodes that are not to run because all they make is among them.
Schedule schedule(const PreparedGraph& graph, std::vector<Value> constants, const ScheduleLimits& limits);

} // namespace halfstep
