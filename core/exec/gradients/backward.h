// Reverse-mode differentiation of a float network: how its outputs change with values of its main graph, the
// weights above all. One forward run keeps what the gradients need; any number of backward passes use it.
// The float graph is what is differentiated: nothing is learnt or changed here. Source of the method: S.
// Linnainmaa, "Taylor expansion of the accumulated rounding error", 1976.
#pragma once

#include "core/exec/executor.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace halfstep {

/// By name; each an error where a node between the value and the seeded outputs has no gradient, or refuses.
using Gradients = std::map<std::string, Result<Tensor>>;

/// A forward run with what the way back needs. Refers to the executor, which must outlive it; otherwise a
/// value, immutable: backward() may be called from any thread.
class ForwardPass {
public:
  /// Runs the network on `inputs`. `wanted`: the values of the main graph (initializers, results of nodes)
  /// whose gradients will be asked for. Peak memory: all values downstream of `wanted` together.
  /// Errors: those of Executor::run; a name that is no value of the main graph.
  static Result<ForwardPass> run(const Executor& executor, const std::map<std::string, Value>& inputs,
                                 std::vector<std::string> wanted, const JobContext& job);

  /// The graph's outputs, and the wanted values.
  const std::map<std::string, Value>& values() const { return m_values; }

  /// For every wanted value the gradient of Σ over the outputs o and their elements of seeds[o]·o. `seeds`:
  /// float tensors of the outputs' shapes, by name; outputs left out count as zeros. Gradients are float32
  /// and have the shape of their value; zeros where it does not reach a seeded output. Sums run in a fixed
  /// order; only oneDNN's own convolutions and products may split theirs by the number of threads.
  /// Errors: a seed that does not fit; cancelled. What concerns single values stands in their place.
  Result<Gradients> backward(const std::map<std::string, Tensor>& seeds, const JobContext& job) const;

private:
  const Executor* m_executor = nullptr;
  std::vector<std::string> m_wanted;
  std::vector<bool> m_active; ///< by slot: depends on a wanted value, or is one
  std::map<std::string, Value> m_values;
};

/// One forward run and one way back.
Result<Gradients> gradients(const Executor& executor, const std::map<std::string, Value>& inputs,
                            const std::map<std::string, Tensor>& seeds, std::vector<std::string> wanted,
                            const JobContext& job);

} // namespace halfstep
