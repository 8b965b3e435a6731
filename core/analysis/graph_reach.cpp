#include "core/analysis/graph_reach.h"

#include "core/model/subgraphs.h"

#include <algorithm>

namespace halfstep {

namespace {

constexpr int kDeepest = 64; // as the executor allows

/// Collects `node` and all nodes within it, and the names that any of them takes.
void collect(const Model& model, const Node& node, int depth, std::unordered_set<const Node*>& nodes,
             std::unordered_set<std::string>& names) {
  if (depth > kDeepest || !nodes.insert(&node).second) {
    return;
  }
  names.insert(node.inputs.begin(), node.inputs.end());
  for (const Graph* graph : subgraphsOf(node)) {
    for (const Node& inner : graph->nodes) {
      collect(model, inner, depth + 1, nodes, names);
    }
    for (const ValueInfo& output : graph->outputs) {
      names.insert(output.name);
    }
  }
  for (const Function& function : model.functions) {
    if (function.domain == node.domain && function.name == node.opType &&
        function.overload == node.overload) {
      std::unordered_set<std::string> local; // names of a function's body mean nothing outside
      for (const Node& inner : function.body.nodes) {
        collect(model, inner, depth + 1, nodes, local);
      }
    }
  }
}

} // namespace

GraphReach::GraphReach(const Model& model)
    : m_model(model)
    , m_uses(findLayerUses(model)) {
  const auto& nodes = model.graph.nodes;
  m_inside.resize(nodes.size());
  m_taken.resize(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    collect(model, nodes[i], 0, m_inside[i], m_taken[i]);
    m_taken[i].erase(std::string());
    m_made.insert(nodes[i].outputs.begin(), nodes[i].outputs.end());
    for (const std::string& name : m_taken[i]) {
      m_takers[name].push_back(i);
    }
  }
  for (const auto& [name, tensor] : model.graph.initializers) {
    m_constants.insert(name);
  }
  const auto isConstant = [&](std::size_t i) {
    const bool random = nodes[i].opType.starts_with("Random") || nodes[i].opType == "Multinomial";
    return !random && std::all_of(m_taken[i].begin(), m_taken[i].end(),
                                  [&](const std::string& name) { return m_constants.contains(name); });
  };
  for (bool grew = true; grew;) {
    grew = false;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (isConstant(i)) {
        for (const std::string& output : nodes[i].outputs) {
          grew = (!output.empty() && m_constants.insert(output).second) || grew;
        }
      }
    }
  }
}

std::vector<std::size_t> GraphReach::nodesChangedBy(std::size_t index) const {
  const auto& nodes = m_model.graph.nodes;
  std::vector<bool> changed(nodes.size(), false);
  std::vector<std::size_t> pending;
  const auto mark = [&](std::size_t i) {
    if (!changed[i]) {
      changed[i] = true;
      pending.push_back(i);
    }
  };
  if (const auto takers = m_takers.find(m_model.layers[index].weightName); takers != m_takers.end()) {
    std::for_each(takers->second.begin(), takers->second.end(), mark);
  }
  for (const LayerUse& use : m_uses[index]) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (m_inside[i].contains(use.node)) {
        mark(i);
      }
    }
  }
  while (!pending.empty()) {
    const std::size_t i = pending.back();
    pending.pop_back();
    for (const std::string& output : nodes[i].outputs) {
      if (const auto takers = m_takers.find(output); takers != m_takers.end()) {
        std::for_each(takers->second.begin(), takers->second.end(), mark);
      }
    }
  }
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (changed[i]) {
      result.push_back(i);
    }
  }
  return result;
}

std::unordered_set<std::string> GraphReach::valuesChangedBy(std::size_t index) const {
  std::unordered_set<std::string> values;
  for (const std::size_t i : nodesChangedBy(index)) {
    values.insert(m_model.graph.nodes[i].outputs.begin(), m_model.graph.nodes[i].outputs.end());
  }
  return values;
}

} // namespace halfstep
