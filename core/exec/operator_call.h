// What the implementation of an operator is given, and how it is registered. One file per operator family in
// operators/; each has a function that returns its entries (operator_families.h).
#pragma once

#include "core/exec/compute_type.h"
#include "core/exec/value.h"
#include "core/model/graph.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>

namespace halfstep {

/// What an operator keeps from one call of a node to the next: primitives, reordered weights. Lives as long
/// as the executor; `mutex` guards `content`.
struct NodeMemory {
  std::mutex mutex;
  std::shared_ptr<void> content;
  std::atomic<ComputeType> computeType = ComputeType::fp32; ///< that the last call took for its products
};

/// Nodes behind one that it may do at once (tail.h).
class Tail;

/// Where a node stands, for the operator that asks about the graph itself.
struct Surroundings {
  const Graph& graph;
  const std::map<std::string, std::int64_t>& opsets;
  const std::vector<Function>& functions;
};

/// One call of an operator. Refers to things that outlive it.
class OpCall {
public:
  /// Runs a subgraph in the scope of the node: `inputs` for its inputs, its outputs returned.
  using SubgraphRunner = std::function<Result<std::vector<Value>>(const Graph&, std::vector<Value> inputs)>;

  OpCall(const Node& node, std::int64_t version, std::span<const Value> inputs, const JobContext& job,
         const SubgraphRunner& subgraphs)
      : m_node(node)
      , m_version(version)
      , m_inputs(inputs)
      , m_job(job)
      , m_subgraphs(subgraphs) {}

  const Node& node() const { return m_node; }
  /// Null where the node is not the same every time (in a function).
  NodeMemory* memory() const { return m_memory; }
  void setMemory(NodeMemory* memory) { m_memory = memory; }
  /// In which type products of constant weights are to be computed, where this CPU has code for it. The same
  /// for all that a node remembers.
  ComputeType computeType() const { return m_computeType; }
  void setComputeType(ComputeType type) { m_computeType = type; }
  /// The result is to go through a Relu, which nobody else will do.
  bool endsInRelu() const { return m_endsInRelu; }
  void setEndsInRelu(bool ends) { m_endsInRelu = ends; }
  /// Whether input `index` is the same at every run, so that what is made of it may be kept. Whoever keeps it
  /// compares tensors all the same: a node's inputs may be edited.
  bool isConstant(std::size_t index) const { return index < 64 && (m_constants >> index & 1u) != 0; }
  /// `bits`: one per input.
  void setConstants(std::uint64_t bits) { m_constants = bits; }
  /// What may be done at once with the result; null where nothing may.
  Tail* tail() const { return m_tail; }
  void setTail(Tail* tail) { m_tail = tail; }
  /// Null where the call comes from no graph.
  const Surroundings* surroundings() const { return m_surroundings; }
  void setSurroundings(const Surroundings* surroundings) { m_surroundings = surroundings; }
  /// The version of the operator set that the model imports for the node's domain.
  std::int64_t version() const { return m_version; }
  const JobContext& job() const { return m_job; }

  std::size_t inputCount() const { return m_inputs.size(); }
  std::span<const Value> inputs() const { return m_inputs; }
  /// Whether input `index` is there.
  bool has(std::size_t index) const { return index < m_inputs.size() && !m_inputs[index].isAbsent(); }
  /// The value of input `index`, absent where it is left out.
  Value input(std::size_t index) const { return index < m_inputs.size() ? m_inputs[index] : Value(); }
  /// Errors: left out, or no tensor.
  Result<Tensor> tensor(std::size_t index) const;
  /// The integers of a small input (axes, shapes, pads).
  Result<std::vector<std::int64_t>> integers(std::size_t index) const;
  /// One number of an input with one element.
  Result<double> scalar(std::size_t index) const;

  std::size_t outputCount() const { return m_node.outputs.size(); }
  /// Whether somebody takes output `index`.
  bool wants(std::size_t index) const {
    return index < m_node.outputs.size() && !m_node.outputs[index].empty();
  }

  bool hasAttribute(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t fallback) const {
    return m_node.integer(name, fallback);
  }
  float real(std::string_view name, float fallback) const { return m_node.real(name, fallback); }
  std::string text(std::string_view name, std::string fallback) const {
    return m_node.text(name, std::move(fallback));
  }
  std::vector<std::int64_t> integers(std::string_view name) const { return m_node.integers(name); }
  std::vector<float> reals(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  /// The subgraph in attribute `name`. Error: there is none.
  Result<std::shared_ptr<const Graph>> graph(std::string_view name) const;
  Result<std::vector<Value>> run(const Graph& graph, std::vector<Value> inputs) const {
    return m_subgraphs(graph, std::move(inputs));
  }

  /// An error of kind `failed`. The executor adds which node it was.
  Error fail(std::string what) const { return {ErrorKind::failed, std::move(what)}; }
  /// An error of kind `unsupported`.
  Error unsupported(std::string what) const { return {ErrorKind::unsupported, std::move(what)}; }

private:
  const Node& m_node;
  std::int64_t m_version;
  std::span<const Value> m_inputs;
  const JobContext& m_job;
  const SubgraphRunner& m_subgraphs;
  NodeMemory* m_memory = nullptr;
  Tail* m_tail = nullptr;
  const Surroundings* m_surroundings = nullptr;
  std::uint64_t m_constants = 0;
  bool m_endsInRelu = false;
  ComputeType m_computeType = ComputeType::fp32;
};

/// As many values as the node has outputs, or fewer where the last ones are not wanted.
using OpResult = Result<std::vector<Value>>;
using OpFunction = OpResult (*)(const OpCall& call);

enum class Widening {
  none,   ///< takes every element type as it is
  floats, ///< float16 and bfloat16 inputs are given as float32, and float32 results rounded back
};

enum class Activation {
  separate,  ///< a Relu behind it is a node of its own
  fusesRelu, ///< heeds OpCall::endsInRelu()
  fusesTail, ///< does of OpCall::tail() what it can
};

struct OperatorEntry {
  std::string_view domain; ///< empty is ONNX's own
  std::string_view opType;
  OpFunction function;
  Widening widening = Widening::none;
  std::int64_t sinceVersion = 1; ///< of the operator set; the entry with the highest one that fits is taken
  Activation activation = Activation::separate;
};

/// `axis` counted from the end where negative. Error: outside the `rank` axes.
Result<std::size_t> normalizedAxis(std::int64_t axis, std::size_t rank);

} // namespace halfstep
