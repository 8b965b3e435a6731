// Gradients of matrix products: dA = dY·Bᵀ, dB = Aᵀ·dY, summed where a matrix served a whole batch.
#include "core/exec/gradients/gradient_steps.h"

#include "core/exec/rearrange.h"

#include <algorithm>
#include <numeric>
#include <string>

namespace halfstep {

namespace {

using Gradient = Result<InputGradients>;

/// With the last two axes exchanged.
Result<Tensor> flipped(const Tensor& tensor) {
  std::vector<std::size_t> order(tensor.shape().size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return transposed(tensor, order);
}

/// All axes but the last as one.
Result<Tensor> asMatrix(const Tensor& tensor) {
  const std::int64_t columns = tensor.shape().back();
  return reshaped(tensor, {columns == 0 ? 0 : static_cast<std::int64_t>(tensor.count()) / columns, columns});
}

/// op(a)·op(b) of matrices, by the executor's own Gemm.
Result<Tensor> product(const GradientCall& call, const Tensor& a, bool flipA, const Tensor& b, bool flipB) {
  Node node;
  node.opType = "Gemm";
  node.inputs = {"a", "b"};
  node.outputs = {"y"};
  node.attributes["transA"] = std::int64_t{flipA};
  node.attributes["transB"] = std::int64_t{flipB};
  const Value inputs[] = {a, b};
  HALFSTEP_TRY(const std::vector<Value> made, runOperator(call, node, inputs));
  return made.front().tensor();
}

/// Operands as matrices: a vector on the left is a row, on the right a column.
struct Factors {
  Tensor a;
  Tensor b;
  Tensor arriving;
};

Result<Factors> factors(const GradientCall& call) {
  Factors made;
  HALFSTEP_TRY(made.a, call.op.tensor(0));
  HALFSTEP_TRY(made.b, call.op.tensor(1));
  HALFSTEP_TRY(made.arriving, call.first());
  Shape result = made.arriving.shape();
  const bool row = made.a.shape().size() == 1;
  const bool column = made.b.shape().size() == 1;
  if (row) {
    HALFSTEP_TRY(made.a, reshaped(made.a, {1, made.a.shape()[0]}));
    result.insert(result.end() - (column ? 0 : 1), 1);
  }
  if (column) {
    HALFSTEP_TRY(made.b, reshaped(made.b, {made.b.shape()[0], 1}));
    result.push_back(1);
  }
  HALFSTEP_TRY(made.arriving, reshaped(made.arriving, result));
  return made;
}

Gradient matMul(const GradientCall& call) {
  HALFSTEP_TRY(const Factors all, factors(call));
  HALFSTEP_TRY(const Tensor givenA, call.op.tensor(0));
  HALFSTEP_TRY(const Tensor givenB, call.op.tensor(1));
  InputGradients made(2);
  const bool oneMatrix = all.b.shape().size() == 2; // for all rows of a: one product
  if (call.wants(0)) {
    Tensor part;
    if (oneMatrix) {
      HALFSTEP_TRY(const Tensor rows, asMatrix(all.arriving));
      HALFSTEP_TRY(part, product(call, rows, false, all.b, true));
    } else {
      HALFSTEP_TRY(const Tensor right, flipped(all.b));
      HALFSTEP_TRY(part, runOperator(call, "MatMul", {all.arriving, right}));
      HALFSTEP_TRY(part, summedTo(part, all.a.shape()));
    }
    HALFSTEP_TRY(made[0], reshaped(part, givenA.shape()));
  }
  if (call.wants(1)) {
    Tensor part;
    if (oneMatrix) {
      HALFSTEP_TRY(const Tensor rows, asMatrix(all.arriving));
      HALFSTEP_TRY(const Tensor left, asMatrix(all.a));
      HALFSTEP_TRY(part, product(call, left, true, rows, false));
    } else {
      HALFSTEP_TRY(const Tensor left, flipped(all.a));
      HALFSTEP_TRY(part, runOperator(call, "MatMul", {left, all.arriving}));
      HALFSTEP_TRY(part, summedTo(part, all.b.shape()));
    }
    HALFSTEP_TRY(made[1], reshaped(part, givenB.shape()));
  }
  return made;
}

Result<Tensor> scaled(const Tensor& tensor, float factor) {
  if (factor == 1.0f) {
    return tensor;
  }
  const Elements<float> values(tensor);
  return filled(tensor.shape(), [&](std::size_t i) { return factor * values[i]; });
}

/// y = alpha·A'·B' + beta·C.
Gradient gemm(const GradientCall& call) {
  HALFSTEP_TRY(const Tensor a, call.op.tensor(0));
  HALFSTEP_TRY(const Tensor b, call.op.tensor(1));
  HALFSTEP_TRY(const Tensor arriving, call.first());
  HALFSTEP_TRY(const Tensor dy, scaled(arriving, call.op.real("alpha", 1.0f)));
  const bool flipA = call.op.integer("transA", 0) != 0;
  const bool flipB = call.op.integer("transB", 0) != 0;
  InputGradients made(3);
  if (call.wants(0)) { // flipped: dA = B'·dYᵀ
    HALFSTEP_TRY(made[0], flipA ? product(call, b, flipB, dy, true) : product(call, dy, false, b, !flipB));
  }
  if (call.wants(1)) { // flipped: dB = dYᵀ·A'
    HALFSTEP_TRY(made[1], flipB ? product(call, dy, true, a, flipA) : product(call, a, !flipA, dy, false));
  }
  if (call.wants(2)) {
    HALFSTEP_TRY(const Tensor c, call.op.tensor(2));
    HALFSTEP_TRY(const Tensor part, scaled(arriving, call.op.real("beta", 1.0f)));
    HALFSTEP_TRY(made[2], summedTo(part, c.shape()));
  }
  return made;
}

/// The letters of the operands and of the result.
struct Equation {
  std::vector<std::string> operands;
  std::string result;
};

Result<Equation> equationOf(const GradientCall& call) {
  std::string text = call.op.text("equation", "");
  std::erase(text, ' ');
  const std::size_t arrow = text.find("->");
  if (arrow == std::string::npos || text.find('.') != std::string::npos) {
    return call.op.unsupported("the gradient of " + text + " is not known");
  }
  Equation made{{""}, text.substr(arrow + 2)};
  for (const char letter : text.substr(0, arrow)) {
    if (letter == ',') {
      made.operands.emplace_back();
    } else {
      made.operands.back() += letter;
    }
  }
  return made;
}

/// An operand's gradient is a product again: of what arrives with the other operands, summed over the letters
/// that the operand does not have.
Gradient einsum(const GradientCall& call) {
  HALFSTEP_TRY(const Equation equation, equationOf(call));
  HALFSTEP_TRY(const Tensor arriving, call.first());
  if (equation.operands.size() != call.op.inputCount()) {
    return call.op.fail("it has another number of inputs than its equation");
  }
  InputGradients made(call.op.inputCount());
  for (std::size_t input = 0; input < made.size(); ++input) {
    if (!call.wants(input)) {
      continue;
    }
    const std::string& own = equation.operands[input];
    std::string left = equation.result;
    std::vector<Value> inputs = {arriving};
    for (std::size_t other = 0; other < made.size(); ++other) {
      if (other != input) {
        left += ',' + equation.operands[other];
        inputs.push_back(call.op.input(other));
      }
    }
    const bool fits = std::all_of(own.begin(), own.end(), [&](char letter) { // else it was summed by itself
      return std::count(own.begin(), own.end(), letter) == 1 && left.find(letter) != std::string::npos;
    });
    if (!fits) {
      return call.op.unsupported("the gradient of such an equation is not known");
    }
    Node node;
    node.opType = "Einsum";
    node.inputs.resize(inputs.size(), "x");
    node.outputs = {"y"};
    node.attributes["equation"] = left + "->" + own;
    HALFSTEP_TRY(const std::vector<Value> product, runOperator(call, node, inputs));
    HALFSTEP_TRY(const Tensor given, call.op.tensor(input));
    if (product.front().tensor().shape() != given.shape()) {
      return call.op.unsupported("the gradient is not known for operands that are repeated");
    }
    made[input] = product.front().tensor();
  }
  return made;
}

constexpr GradientEntry kProductGradients[] = {
    {"", "Einsum", einsum},
    {"", "Gemm", gemm},
    {"", "MatMul", matMul},
};

} // namespace

std::span<const GradientEntry> productGradients() {
  return kProductGradients;
}

} // namespace halfstep
