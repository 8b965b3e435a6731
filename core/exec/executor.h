// Runs a model's graph. Nodes run in a topological order whatever the file's; values are let go of after
// their last use; constants are the model's own. Subgraphs see the values around them; local functions are
// called. An Executor refers to nothing that it does not keep alive; run() is const and may be called from
// any thread.
#pragma once

#include "core/exec/compute_type.h"
#include "core/exec/value.h"
#include "core/model/model.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace halfstep {

/// A graph made ready, and what is kept from run to run.
struct PreparedGraph;
class ExecutorState;

/// Sees every value of the main graph as it is made (and its inputs), and may replace it: observers and
/// simulated quantization.
using Tap = std::function<Result<void>(const std::string& name, Value& value)>;

/// Changes what one node is given, just before it runs; the others that take the same values see them
/// unchanged. As many inputs as the node has; floats of 16 bits are not widened yet.
using InputEdit = std::function<Result<void>(std::span<Value> inputs)>;

struct RunOptions {
  Tap tap;
  std::vector<std::string> keep; ///< values to return beside the graph's outputs
  /// Nodes of the model (its subgraphs and functions included) that are to run on other inputs: quantized
  /// weights and activations. Weights keep their reordered form as long as the same tensor is given again.
  std::map<const Node*, InputEdit> edits;
  /// Tensors that stand in for constants of the model wherever they are used, by the address of the
  /// constant's first byte; of the same shape. One for the codes of a quantized constant stands in for what
  /// DequantizeLinear makes of them.
  std::map<const std::byte*, Tensor> constants;
  /// Values of the main graph that are there already, from an earlier run: nodes that nothing else needs are
  /// not run again.
  std::map<std::string, Value> known;
  /// Only these values of the main graph are computed and returned, instead of the graph's outputs.
  std::optional<std::vector<std::string>> wanted;
};

class Executor {
public:
  /// Orders the graph, its subgraphs and the functions' bodies. Errors: a cycle; a value that nothing makes.
  /// `computeType`: in which products of constant weights (Conv, ConvTranspose, Gemm, MatMul and what is made
  /// of them) are computed where oneDNN has code for it on this CPU; all else is float32 or what the model
  /// says. int8 takes the range of a node's inputs from the first ones that it is given. For measuring time:
  /// what quantization does to the values is simulated by edits, exactly and for every scheme.
  static Result<Executor> create(std::shared_ptr<const Model> model,
                                 ComputeType computeType = ComputeType::fp32);

  /// `inputs` by name; those of the graph that have no value must be optional. Returns the graph's outputs
  /// (and what `options.keep` names, where it was computed). Errors: an input that is missing; an operator
  /// that is not supported or refuses what it is given (with the node's name); cancelled.
  Result<std::map<std::string, Value>> run(const std::map<std::string, Value>& inputs, const JobContext& job,
                                           const RunOptions& options = {}) const;

  /// Another one of the same model.
  Result<Executor> inComputeType(ComputeType computeType) const { return create(m_model, computeType); }
  /// How many nodes computed their products in another type than float32 when they last ran.
  std::size_t lowPrecisionNodes() const;

  const Model& model() const { return *m_model; }
  /// The model's graph, its nodes in the order that they run in. For others in core/exec.
  const PreparedGraph& prepared() const;

private:
  std::shared_ptr<const Model> m_model;
  std::shared_ptr<const std::map<const Graph*, PreparedGraph>> m_prepared;
  std::shared_ptr<ExecutorState> m_state;
};

} // namespace halfstep
