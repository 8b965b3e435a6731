// What follows a convolution or a matrix product, done with it: a batch normalization and constants per
// channel go into its weights and bias, a residual sum and activations into oneDNN's post-operations.
// Internal to the operators.
#pragma once

#include "core/exec/operators/blocked_tensor.h"
#include "core/exec/tail.h"

#include <optional>
#include <vector>

namespace halfstep {

class PrimitiveTail {
public:
  enum class Weights { scalable, fixed };

  /// As much of `tail` (null: none) as can be done for an output of `shape` with its channels on `axis`;
  /// where the weights are fixed, without factors.
  PrimitiveTail(const Tail* tail, const Shape& shape, std::size_t axis, Weights weights);

  /// Whether it is what would be made for `tail` now.
  bool fits(const Tail* tail) const;
  /// How many steps it does.
  std::size_t done() const { return m_done; }
  /// Leaves the steps from the residual sum on to others.
  void dropResidual();

  /// Whether y = scale·x + shift per channel goes into weights and bias.
  bool changesWeights() const { return !m_scale.empty(); }
  const std::vector<double>& scale() const { return m_scale; }
  const std::vector<double>& shift() const { return m_shift; }

  /// The step that adds another value; nothing where there is none.
  std::optional<std::size_t> residual() const { return m_residual; }
  /// `sum`: the layout of what is added; null leaves it out.
  dnnl::primitive_attr attributes(const dnnl::memory::desc* sum) const;
  /// The argument that is added.
  int residualArgument() const;

private:
  struct Activation {
    std::size_t step = 0;
    dnnl::algorithm algorithm = dnnl::algorithm::undef;
    float alpha = 0.0f;
    float beta = 0.0f;
  };

  bool addStep(const TailStep& step, std::size_t index);
  bool addAffine(const TailStep& step);
  bool addNormalization(const TailStep& step);
  bool addResidual(const TailStep& step, std::size_t index);
  bool addActivation(const TailStep& step, std::size_t index);

  std::vector<TailStep> m_steps; ///< as offered: their constants are kept, so that addresses tell them apart
  Shape m_shape;
  std::size_t m_axis;
  Weights m_weights;
  std::size_t m_done = 0;
  std::vector<double> m_scale;
  std::vector<double> m_shift;
  std::optional<std::size_t> m_residual;
  std::vector<Activation> m_activations;
};

} // namespace halfstep
