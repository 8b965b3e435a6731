// A graph made ready to run: its nodes in order, its names as numbers, its operators found. Made once, then
// immutable but for what the nodes keep. Internal to core/exec.
#pragma once

#include "core/exec/operator_call.h"
#include "core/exec/value.h"
#include "core/model/model.h"

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace halfstep {

/// Stands for a value: the index of its name in PreparedGraph::names.
using Slot = std::size_t;
inline constexpr Slot kNoSlot = static_cast<Slot>(-1);

/// How deep subgraphs and function calls may lie within each other.
inline constexpr int kDeepestGraph = 64;

struct PreparedNode {
  const Node* node = nullptr;
  const Function* function = nullptr;   ///< that the node calls
  const OperatorEntry* entry = nullptr; ///< null: a function, or not supported
  std::int64_t opset = 1;
  std::vector<Slot> inputs;  ///< kNoSlot where one is left out
  std::vector<Slot> outputs; ///< likewise
  std::vector<Slot> uses;    ///< what it takes, its subgraphs' outer values among them, without repetition
  bool hasSubgraphs = false;
  std::shared_ptr<NodeMemory> memory;
};

struct PreparedGraph {
  const Graph* graph = nullptr;
  const std::map<std::string, std::int64_t>* opsets = nullptr; ///< that the operators were found for
  std::vector<PreparedNode> nodes;                             ///< in the order to run them
  std::vector<std::string> names;
  std::unordered_map<std::string, Slot> slotsByName;
  std::vector<Value> initializers; ///< by slot; absent where it is none
  std::vector<Slot> inputs;
  std::vector<Slot> outputs;
  std::vector<std::size_t> takers; ///< by slot: nodes that take it, and the graph's outputs

  /// kNoSlot if the graph does not have the name.
  Slot slotOf(const std::string& name) const;
};

using PreparedGraphs = std::map<const Graph*, PreparedGraph>;

/// `error` with the node's name, unless it says where already.
Error nodeError(const Node& node, Error error);

/// The implementation of a node; null if there is none. `opset` is set to the version of its domain.
const OperatorEntry* operatorOf(const Node& node, const std::map<std::string, std::int64_t>& opsets,
                                std::int64_t& opset);

/// The graph of a model, its subgraphs and the functions' bodies. Errors: a cycle; two nodes make one value;
/// nested too deeply.
Result<PreparedGraphs> prepareGraphs(const Model& model);

} // namespace halfstep
