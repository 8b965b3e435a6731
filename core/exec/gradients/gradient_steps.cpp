#include "core/exec/gradients/gradient_steps.h"

#include "core/exec/operator_families.h"
#include "core/exec/operators/axis_rows.h"
#include "core/exec/rearrange.h"

namespace halfstep {

Result<std::vector<Value>> runOperator(const GradientCall& call, const Node& node,
                                       std::span<const Value> inputs) {
  const OperatorEntry* entry = findOperator(node.domain, node.opType, call.op.version());
  if (entry == nullptr) {
    return call.op.unsupported("its gradient needs " + node.opType + ", which the model's version of " +
                               "ONNX does not have");
  }
  const OpCall::SubgraphRunner none = [&](const Graph&, std::vector<Value>) -> Result<std::vector<Value>> {
    return call.op.unsupported("it has no subgraphs");
  };
  return entry->function(OpCall(node, call.op.version(), inputs, call.op.job(), none));
}

Result<Tensor> runOperator(const GradientCall& call, const char* opType, std::vector<Value> inputs) {
  Node node;
  node.opType = opType;
  node.inputs.resize(inputs.size(), "x");
  node.outputs = {"y"};
  HALFSTEP_TRY(const std::vector<Value> outputs, runOperator(call, node, inputs));
  return outputs.front().tensor();
}

Result<Tensor> zeros(const Shape& shape) {
  return filled(shape, [](std::size_t) { return 0.0f; });
}

Result<Tensor> summedTo(const Tensor& tensor, const Shape& shape) {
  if (tensor.shape() == shape) {
    return tensor;
  }
  const Shape& from = tensor.shape();
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  HALFSTEP_TRY(const Shape together, broadcastShape(shape, from));
  if (together != from) {
    return Error{ErrorKind::failed, shapeText(shape) + " was not broadcast to " + shapeText(from)};
  }
  const std::vector<std::int64_t> strides = broadcastStrides(shape, from);
  const Elements<float> values(tensor);
  std::vector<double> sums(count, 0.0);
  std::vector<std::int64_t> index(from.size(), 0);
  const std::size_t row = from.empty() ? 1 : static_cast<std::size_t>(from.back());
  const std::int64_t step = from.empty() ? 0 : strides.back();
  std::int64_t at = 0;
  for (std::size_t first = 0; first < values.size(); first += row) {
    for (std::size_t i = 0; i < row; ++i) {
      sums[static_cast<std::size_t>(at + static_cast<std::int64_t>(i) * step)] +=
          static_cast<double>(values[first + i]);
    }
    for (std::size_t axis = from.size() - 1; axis-- > 0 && from.size() > 1;) {
      at += strides[axis];
      if (++index[axis] < from[axis]) {
        break;
      }
      at -= strides[axis] * from[axis];
      index[axis] = 0;
    }
  }
  return filled(shape, [&](std::size_t i) { return sums[i]; });
}

Result<Tensor> sumOf(const Tensor& a, const Tensor& b) {
  const Elements<float> x(a);
  const Elements<float> y(b);
  if (x.size() != y.size()) {
    return Error{ErrorKind::failed, "gradients of the shapes " + shapeText(a.shape()) + " and " +
                                        shapeText(b.shape()) + " meet"};
  }
  return filled(a.shape(), [&](std::size_t i) { return x[i] + y[i]; });
}

Result<Tensor> pulledBack(const Tensor& gradient, std::size_t axis, std::int64_t length, const AxisMap& map) {
  HALFSTEP_TRY(const AxisRows rows, axisRows(gradient.shape(), axis));
  Shape shape = gradient.shape();
  shape[axis] = length;
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
  const Elements<float> values(gradient);
  const std::size_t inner = rows.inner;
  const auto lines = static_cast<std::size_t>(length);
  parallelFor(rows.outer, [&](std::size_t outer) {
    std::vector<double> sums(lines * inner, 0.0);
    for (std::size_t o = 0; o < map.outputs.size(); ++o) {
      const float* from = values.data() + (outer * rows.length + o) * inner;
      for (const AxisMap::Term& term : map.outputs[o]) {
        double* to = sums.data() + static_cast<std::size_t>(term.index) * inner;
        for (std::size_t i = 0; i < inner; ++i) {
          to[i] += term.weight * static_cast<double>(from[i]);
        }
      }
    }
    std::transform(sums.begin(), sums.end(), made.values.data() + outer * lines * inner,
                   [](double sum) { return static_cast<float>(sum); });
  });
  return made.finish();
}

InputGradients onlyFor(std::size_t input, Tensor gradient) {
  InputGradients made(input + 1);
  made[input] = std::move(gradient);
  return made;
}

} // namespace halfstep
