// The operators whose gradients are known, family by family. Internal to core/exec.
#pragma once

#include "core/exec/operator_call.h"
#include "core/tensor/tensor.h"

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace halfstep {

/// What a rule is given. Refers to things that outlive it.
struct GradientCall {
  const OpCall& op;               ///< the node with the inputs that it had, floats of 16 bits widened
  std::span<const Value> outputs; ///< what it made of them, widened too; absent where nobody takes one
  std::span<const std::optional<Tensor>> arriving; ///< dL/d(output), float32 of its shape; none: zeros
  const std::vector<bool>& wanted;                 ///< by input: whether somebody needs dL/d(input)

  bool wants(std::size_t input) const { return input < wanted.size() && wanted[input]; }
  bool arrives(std::size_t output) const { return output < arriving.size() && arriving[output].has_value(); }
  /// The gradient at the first output. Error: it came at another one only.
  Result<Tensor> first() const;
  /// The first output.
  Result<Tensor> result() const;
};

/// dL/d(input), float32 of the input's shape; none for zeros and for what is not wanted.
using InputGradients = std::vector<std::optional<Tensor>>;
using GradientRule = Result<InputGradients> (*)(const GradientCall& call);

struct GradientEntry {
  std::string_view domain; ///< empty is ONNX's own
  std::string_view opType;
  GradientRule rule;
};

std::span<const GradientEntry> arithmeticGradients();
std::span<const GradientEntry> convolutionGradients();
std::span<const GradientEntry> functionGradients();
std::span<const GradientEntry> movementGradients();
std::span<const GradientEntry> normalizationGradients();
std::span<const GradientEntry> poolingGradients();
std::span<const GradientEntry> productGradients();
std::span<const GradientEntry> recurrentGradients();
std::span<const GradientEntry> reductionGradients();

/// The rule of an operator; null if there is none.
GradientRule findGradientRule(std::string_view domain, std::string_view opType);

} // namespace halfstep
