// What a network's outputs are: which of them hold distributions over classes or tokens, and along which
// axis. Values; any thread.
#pragma once

#include "core/exec/value.h"
#include "core/model/model.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace halfstep {

/// What the numbers of an output are.
enum class OutputKind : std::uint8_t {
  values,           ///< nothing special: boxes, masks, pixels
  logits,           ///< a softmax over the last axis gives a distribution over classes or tokens
  probabilities,    ///< made by a Softmax
  logProbabilities, ///< made by a LogSoftmax
};

/// A model's output and what its numbers are, found out once for many comparisons.
struct OutputRole {
  std::string name;
  OutputKind kind = OutputKind::values;
  int classAxis = -1;     ///< that the distributions lie along; negative: counted from the end
  bool flattened = false; ///< along all axes behind it as well: a Softmax before opset 13
  /// Something between the Softmax and the output changes the shape. The axis is then the one along which
  /// the values add up to 1, the last such; where there is none, there are no distributions.
  bool reshaped = false;
};

/// Told by the node that makes an output, and for logits by the output's shape and the model's inputs: a
/// [N, C] output that comes from a product or sum, or the [N, T, C] output of a model that takes tokens.
std::vector<OutputRole> outputRoles(const Model& model);

/// Where distributions lie in the row-major values of an output: entry `c` of row `r` is element
/// (r / inner · classes + c)·inner + r % inner.
struct DistributionLayout {
  std::size_t classes = 0; ///< 0 where there are none, otherwise at least 2
  std::size_t inner = 1;   ///< values between two classes of a row

  std::size_t indexOf(std::size_t row, std::size_t entry) const {
    return (row / inner * classes + entry) * inner + row % inner;
  }
};

/// One output's values. Those of OutputKind::values are no distributions.
struct FloatOutput {
  std::string name;
  OutputKind kind = OutputKind::values;
  Shape shape;
  std::vector<float> values;
  DistributionLayout layout;

  /// Whether it holds distributions over at least two classes.
  bool holdsDistributions() const { return layout.classes > 0; }
};

/// Those of `outputs` that are floating-point tensors, in the order of `roles`.
Result<std::vector<FloatOutput>> floatOutputs(std::span<const OutputRole> roles,
                                              const std::map<std::string, Value>& outputs);

/// The distributions in `values` one after the other, [rows, classes]: the class axis moved last. A view of
/// `values` where it is the last already, otherwise of `moved`, which then holds them.
std::span<const float> distributionRows(const DistributionLayout& layout, std::span<const float> values,
                                        std::vector<float>& moved);

} // namespace halfstep
