#include "core/exec/prepared_graph.h"

#include "core/model/subgraphs.h"

#include "core/exec/operator_families.h"

#include <algorithm>
#include <deque>
#include <unordered_set>

namespace halfstep {

namespace {

/// The values that a graph takes from around it.
std::unordered_set<std::string> outerValues(const Graph& graph, int depth) {
  std::unordered_set<std::string> taken;
  std::unordered_set<std::string> own;
  for (const ValueInfo& input : graph.inputs) {
    own.insert(input.name);
  }
  for (const auto& [name, tensor] : graph.initializers) {
    own.insert(name);
  }
  for (const Node& node : graph.nodes) {
    own.insert(node.outputs.begin(), node.outputs.end());
    taken.insert(node.inputs.begin(), node.inputs.end());
    for (const Graph* inner : subgraphsOf(node)) {
      if (depth < kDeepestGraph) {
        taken.merge(outerValues(*inner, depth + 1));
      }
    }
  }
  for (const ValueInfo& output : graph.outputs) { // a value from around it may be an output as it is
    taken.insert(output.name);
  }
  std::erase_if(taken, [&](const std::string& name) { return name.empty() || own.contains(name); });
  return taken;
}

/// The names that a node takes, sorted, without repetition.
std::vector<std::string> usesOf(const Node& node) {
  std::unordered_set<std::string> taken(node.inputs.begin(), node.inputs.end());
  for (const Graph* inner : subgraphsOf(node)) {
    taken.merge(outerValues(*inner, 0));
  }
  taken.erase("");
  std::vector<std::string> uses(taken.begin(), taken.end());
  std::sort(uses.begin(), uses.end());
  return uses;
}

struct Ordered {
  std::vector<const Node*> nodes;
  std::vector<std::vector<std::string>> uses; ///< of each
};

/// Kahn's algorithm; nodes that are ready keep the file's order.
Result<Ordered> ordered(const Graph& graph) {
  std::unordered_map<std::string, std::size_t> producers;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& output : graph.nodes[i].outputs) {
      if (!output.empty() && !producers.emplace(output, i).second) {
        return Error{ErrorKind::damagedFile, "two nodes make the value " + output};
      }
    }
  }
  std::vector<std::vector<std::string>> uses(graph.nodes.size());
  std::vector<std::size_t> waitsFor(graph.nodes.size(), 0);
  std::vector<std::vector<std::size_t>> followers(graph.nodes.size());
  std::deque<std::size_t> ready;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    uses[i] = usesOf(graph.nodes[i]);
    for (const std::string& name : uses[i]) {
      if (const auto producer = producers.find(name); producer != producers.end()) {
        followers[producer->second].push_back(i);
        ++waitsFor[i];
      }
    }
    if (waitsFor[i] == 0) {
      ready.push_back(i);
    }
  }
  Ordered made;
  while (!ready.empty()) {
    const std::size_t i = ready.front();
    ready.pop_front();
    made.nodes.push_back(&graph.nodes[i]);
    made.uses.push_back(std::move(uses[i]));
    for (const std::size_t follower : followers[i]) {
      if (--waitsFor[follower] == 0) {
        ready.push_back(follower);
      }
    }
  }
  if (made.nodes.size() < graph.nodes.size()) {
    const auto stuck = std::find_if(waitsFor.begin(), waitsFor.end(), [](std::size_t n) { return n > 0; });
    const Node& node = graph.nodes[static_cast<std::size_t>(stuck - waitsFor.begin())];
    return nodeError(node, {ErrorKind::damagedFile, "the graph has a cycle"});
  }
  return made;
}

Slot slotFor(PreparedGraph& prepared, const std::string& name) {
  if (name.empty()) {
    return kNoSlot;
  }
  const auto [found, added] = prepared.slotsByName.emplace(name, prepared.names.size());
  if (added) {
    prepared.names.push_back(name);
  }
  return found->second;
}

template <class Names>
std::vector<Slot> slotsFor(PreparedGraph& prepared, const Names& names) {
  std::vector<Slot> slots;
  for (const auto& name : names) {
    if constexpr (requires { name.name; }) {
      slots.push_back(slotFor(prepared, name.name));
    } else {
      slots.push_back(slotFor(prepared, name));
    }
  }
  return slots;
}

class Preparation {
public:
  explicit Preparation(const Model& model) {
    for (const Function& function : model.functions) { // the first of a name is the one that is called
      m_functions.emplace(std::tie(function.domain, function.name, function.overload), &function);
    }
  }

  Result<void> add(const Graph& graph, const std::map<std::string, std::int64_t>& opsets, int depth) {
    if (depth > kDeepestGraph) {
      return Error{ErrorKind::unsupported, "subgraphs are nested too deeply"};
    }
    if (m_made.contains(&graph)) {
      return {};
    }
    HALFSTEP_TRY(const Ordered order, ordered(graph));
    for (const Node* node : order.nodes) {
      for (const Graph* inner : subgraphsOf(*node)) {
        HALFSTEP_CHECK(add(*inner, opsets, depth + 1));
      }
    }
    m_made.emplace(&graph, prepared(graph, order, opsets));
    return {};
  }

  PreparedGraphs take() { return std::move(m_made); }

private:
  PreparedGraph prepared(const Graph& graph, const Ordered& order,
                         const std::map<std::string, std::int64_t>& opsets) const {
    PreparedGraph made;
    made.graph = &graph;
    made.opsets = &opsets;
    made.inputs = slotsFor(made, graph.inputs);
    made.outputs = slotsFor(made, graph.outputs);
    for (std::size_t i = 0; i < order.nodes.size(); ++i) {
      const Node& node = *order.nodes[i];
      PreparedNode ready;
      ready.node = &node;
      const auto function = m_functions.find(std::tie(node.domain, node.opType, node.overload));
      if (function != m_functions.end()) {
        ready.function = function->second;
      } else {
        ready.entry = operatorOf(node, opsets, ready.opset);
      }
      ready.inputs = slotsFor(made, node.inputs);
      ready.outputs = slotsFor(made, node.outputs);
      ready.uses = slotsFor(made, order.uses[i]);
      ready.hasSubgraphs = !subgraphsOf(node).empty();
      ready.memory = std::make_shared<NodeMemory>();
      made.nodes.push_back(std::move(ready));
    }
    for (const auto& [name, tensor] : graph.initializers) {
      slotFor(made, name);
    }
    made.initializers.resize(made.names.size());
    for (const auto& [name, tensor] : graph.initializers) {
      if (!name.empty()) {
        made.initializers[made.slotsByName.at(name)] = tensor;
      }
    }
    made.takers.resize(made.names.size(), 0);
    for (const PreparedNode& node : made.nodes) {
      for (const Slot slot : node.uses) {
        ++made.takers[slot];
      }
    }
    for (const Slot slot : made.outputs) {
      if (slot != kNoSlot) {
        ++made.takers[slot];
      }
    }
    return made;
  }

  using FunctionName = std::tuple<const std::string&, const std::string&, const std::string&>;
  std::map<FunctionName, const Function*> m_functions;
  PreparedGraphs m_made;
};

} // namespace

Slot PreparedGraph::slotOf(const std::string& name) const {
  const auto found = slotsByName.find(name);
  return found != slotsByName.end() ? found->second : kNoSlot;
}

Error nodeError(const Node& node, Error error) {
  if (error.kind != ErrorKind::cancelled && error.where.empty()) {
    error.where =
        "node " +
        (node.name.empty() ? (node.outputs.empty() ? "?" : "of " + node.outputs.front()) : node.name) + ", " +
        (node.domain.empty() ? "" : node.domain + ".") + node.opType;
  }
  return error;
}

const OperatorEntry* operatorOf(const Node& node, const std::map<std::string, std::int64_t>& opsets,
                                std::int64_t& opset) {
  const std::string domain = node.domain == "ai.onnx" ? std::string() : node.domain;
  const auto version = opsets.find(domain);
  opset = version != opsets.end() ? version->second : 1;
  return findOperator(domain, node.opType, opset);
}

Result<PreparedGraphs> prepareGraphs(const Model& model) {
  Preparation preparation(model);
  HALFSTEP_CHECK(preparation.add(model.graph, model.opsets, 0));
  for (const Function& function : model.functions) {
    HALFSTEP_CHECK(preparation.add(function.body, function.opsets, 0));
  }
  return preparation.take();
}

} // namespace halfstep
