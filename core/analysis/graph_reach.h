// Which part of a graph a layer's weight can change: everything downstream of the nodes that use it.
// Immutable; any thread.
#pragma once

#include "core/model/layer_finder.h"

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace halfstep {

class GraphReach {
public:
  /// Refers to `model`, which must outlive it.
  explicit GraphReach(const Model& model);

  /// Indices of the main graph's nodes that layer `index` can change, ascending: those that take its constant
  /// or hold (in a subgraph or a function) a node that does, and all that follow from them.
  std::vector<std::size_t> nodesChangedBy(std::size_t index) const;
  /// The values that those nodes make.
  std::unordered_set<std::string> valuesChangedBy(std::size_t index) const;
  /// All names that node `index` of the main graph takes, its subgraphs included.
  const std::unordered_set<std::string>& takenBy(std::size_t index) const { return m_taken[index]; }
  /// Whether a node of the main graph makes this value.
  bool isMade(const std::string& value) const { return m_made.contains(value); }
  const Model& model() const { return m_model; }
  /// Values of the main graph that come from constants alone.
  const std::unordered_set<std::string>& constants() const { return m_constants; }

private:
  const Model& m_model;
  std::vector<std::vector<LayerUse>> m_uses;
  std::unordered_map<std::string, std::vector<std::size_t>> m_takers; ///< of a value, subgraphs included
  std::vector<std::unordered_set<const Node*>> m_inside; ///< all nodes within each node of the main graph
  std::vector<std::unordered_set<std::string>> m_taken;
  std::unordered_set<std::string> m_made;
  std::unordered_set<std::string> m_constants;
};

} // namespace halfstep
