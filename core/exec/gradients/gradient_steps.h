// Steps that many gradient rules share. Internal to core/exec/gradients.
#pragma once

#include "core/exec/elements.h"
#include "core/exec/gradients/gradient_rules.h"
#include "core/support/parallel.h"

namespace halfstep {

/// Runs one operator of ONNX, or of the node's own domain where `node` has one, on `inputs`, at the version
/// of the call's operator set.
Result<std::vector<Value>> runOperator(const GradientCall& call, const Node& node,
                                       std::span<const Value> inputs);
/// The same for an operator without attributes and with one output.
Result<Tensor> runOperator(const GradientCall& call, const char* opType, std::vector<Value> inputs);

/// body(first, last) for pieces of 0…count−1, on several threads.
template <class Body>
void forPieces(std::size_t count, const Body& body) {
  constexpr std::size_t kPiece = std::size_t{1} << 14;
  parallelFor((count + kPiece - 1) / kPiece,
              [&](std::size_t piece) { body(piece * kPiece, std::min(count, (piece + 1) * kPiece)); });
}

/// A float32 tensor of `shape` whose element i is f(i).
template <class F>
Result<Tensor> filled(const Shape& shape, const F& f) {
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
  forPieces(made.values.size(), [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      made.values[i] = static_cast<float>(f(i));
    }
  });
  return made.finish();
}

Result<Tensor> zeros(const Shape& shape);

/// The sum of `tensor` over the axes along which `shape` was broadcast to its shape; sums in double. Error:
/// `shape` does not broadcast to it.
Result<Tensor> summedTo(const Tensor& tensor, const Shape& shape);

/// a + b, of the same shape.
Result<Tensor> sumOf(const Tensor& a, const Tensor& b);

/// A linear map along one axis, output by output: y[o] = Σ weight·x[index].
struct AxisMap {
  struct Term {
    std::int64_t index = 0;
    double weight = 0.0;
  };
  std::vector<std::vector<Term>> outputs;
};
/// dL/dx of y = map(x) along `axis`: [.., outputs, ..] → [.., length, ..].
Result<Tensor> pulledBack(const Tensor& gradient, std::size_t axis, std::int64_t length, const AxisMap& map);

/// Where `count` inputs have one gradient at most: `gradient` for `input`.
InputGradients onlyFor(std::size_t input, Tensor gradient);

} // namespace halfstep
