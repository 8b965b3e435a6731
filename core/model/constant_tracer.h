// Follows a value back to the constant it comes from, through operators that only move or retype values, and
// through DequantizeLinear; across subgraphs (outer scopes) and calls of local functions (bound inputs).
#pragma once

#include "core/model/graph.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace halfstep {

/// A graph where it is used: what surrounds it, and for a function's body what its inputs are bound to. Lives
/// as long as the walk over that graph; refers to graphs that outlive it.
class GraphScope {
public:
  /// `outer`: the scope around a subgraph; null for the main graph and function bodies.
  GraphScope(const Graph& graph, const GraphScope* outer);

  /// Binds a function's input to a value of the caller's scope.
  void bind(const std::string& input, const GraphScope& caller, const std::string& value);

  const Graph& graph() const { return *m_graph; }
  /// The node that makes `value` in this graph; null if none.
  const Node* producer(const std::string& value) const;
  /// Nodes of this graph that take `value`, at most 64 of them.
  std::vector<const Node*> consumers(const std::string& value) const;

private:
  friend class ConstantTracer;
  struct Binding {
    const GraphScope* scope;
    std::string value;
  };
  const Graph* m_graph;
  const GraphScope* m_outer;
  std::unordered_map<std::string, std::size_t> m_producers;
  std::unordered_map<std::string, Binding> m_bindings;
  std::unordered_set<std::string> m_inputs;
  mutable std::unordered_multimap<std::string, std::size_t> m_consumers; ///< filled at first use
};

/// A constant as seen at a use: the stored tensor and how the axes at the use come from its own.
struct TracedConstant {
  const Tensor* tensor = nullptr; ///< lives as long as the model
  std::string name;               ///< in the file
  Shape shape;                    ///< at the use
  /// For every axis at the use, the axes of the stored tensor that make it up, ascending; none for an axis of
  /// length 1. No value: it cannot be told.
  std::vector<std::optional<std::vector<int>>> axes;
  bool fakeQuantized = false; ///< passed QuantizeLinear and DequantizeLinear as float

  /// The DequantizeLinear it passed, with its scope, and the constant as that node saw it.
  const Node* dequantize = nullptr;
  const GraphScope* dequantizeScope = nullptr;
  std::vector<std::optional<std::vector<int>>> dequantizeAxes;
};

/// The constant behind `value`, or nothing: it depends on an input of the model, or passed an operator that
/// computes.
std::optional<TracedConstant> traceConstant(const GraphScope& scope, const std::string& value);

/// The constant behind `value` where it is the stored tensor unchanged (Identity and Cast at most; its own
/// element type, not the Cast's); null if there is none.
const Tensor* constantTensor(const GraphScope& scope, const std::string& value);

} // namespace halfstep
