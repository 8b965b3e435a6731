// Gradients of the Reduce operators, of pooling over everything, and of the softmax family.
#include "core/exec/gradients/gradient_steps.h"
#include "core/exec/operators/axis_rows.h"
#include "core/exec/rearrange.h"

#include <cmath>

namespace halfstep {

namespace {

using Gradient = Result<InputGradients>;

/// The result and what arrives, spread over the axes that went; and how many elements each result is made of.
struct Spread {
  Tensor x;
  Tensor y;
  Tensor arriving;
  double length = 1.0;
};

/// `shape` is that of the input with 1 for every reduced axis.
Result<Spread> spreadOver(const GradientCall& call, const Shape& shape) {
  Spread made;
  HALFSTEP_TRY(made.x, call.op.tensor(0));
  HALFSTEP_TRY(made.y, call.result());
  HALFSTEP_TRY(made.arriving, call.first());
  made.length = static_cast<double>(made.x.count()) /
                static_cast<double>(std::max<std::size_t>(made.arriving.count(), 1));
  const auto spread = [&](Tensor& tensor) -> Result<void> {
    HALFSTEP_TRY(tensor, reshaped(tensor, shape));
    HALFSTEP_TRY(tensor, broadcasted(tensor, made.x.shape()));
    return {};
  };
  HALFSTEP_CHECK(spread(made.y));
  HALFSTEP_CHECK(spread(made.arriving));
  return made;
}

/// The axes are an attribute, or input 1 in newer versions; none means all, or none of them where
/// noop_with_empty_axes says so.
Result<Shape> shapeWithOnes(const GradientCall& call) {
  HALFSTEP_TRY(const Tensor data, call.op.tensor(0));
  std::vector<std::int64_t> axes = call.op.integers("axes");
  if (call.op.has(1)) {
    HALFSTEP_TRY(axes, call.op.integers(1));
  }
  Shape shape = data.shape();
  if (axes.empty() && call.op.integer("noop_with_empty_axes", 0) == 0) {
    return Shape(shape.size(), 1);
  }
  for (const std::int64_t given : axes) {
    HALFSTEP_TRY(const std::size_t axis, normalizedAxis(given, shape.size()));
    shape[axis] = 1;
  }
  return shape;
}

/// `slope(x, y, length)`: how the result y of `length` elements changes with its element x.
template <class F>
Gradient reduced(const GradientCall& call, const Shape& shape, const F& slope) {
  HALFSTEP_TRY(const Spread all, spreadOver(call, shape));
  const Elements<float> x(all.x);
  const Elements<float> y(all.y);
  const Elements<float> dy(all.arriving);
  HALFSTEP_TRY(Tensor made, filled(all.x.shape(), [&](std::size_t i) {
                 return static_cast<double>(dy[i]) *
                        slope(static_cast<double>(x[i]), static_cast<double>(y[i]), all.length);
               }));
  return onlyFor(0, std::move(made));
}

template <class F>
Gradient reduced(const GradientCall& call, const F& slope) {
  if (!call.wants(0)) {
    return InputGradients();
  }
  HALFSTEP_TRY(const Shape shape, shapeWithOnes(call));
  return reduced(call, shape, slope);
}

double average(double, double, double length) {
  return 1.0 / length;
}

Gradient reducedSum(const GradientCall& call) {
  return reduced(call, [](double, double, double) { return 1.0; });
}

Gradient reducedMean(const GradientCall& call) {
  return reduced(call, average);
}

Gradient sumSquare(const GradientCall& call) {
  return reduced(call, [](double x, double, double) { return 2.0 * x; });
}

Gradient lengthOf(const GradientCall& call) {
  return reduced(call, [](double x, double y, double) { return y == 0.0 ? 0.0 : x / y; });
}

Gradient magnitudes(const GradientCall& call) {
  return reduced(call, [](double x, double, double) { return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : 0.0); });
}

Gradient logSum(const GradientCall& call) {
  return reduced(call, [](double, double y, double) { return std::exp(-y); });
}

Gradient logSumExp(const GradientCall& call) {
  return reduced(call, [](double x, double y, double) { return std::exp(x - y); });
}

/// To the largest (or smallest) element, to equal ones in equal parts.
Gradient extreme(const GradientCall& call, const Shape& shape) {
  HALFSTEP_TRY(const Spread all, spreadOver(call, shape));
  const Elements<float> x(all.x);
  const Elements<float> y(all.y);
  const Elements<float> dy(all.arriving);
  HALFSTEP_TRY(const Tensor taken, filled(all.x.shape(), [&](std::size_t i) { return x[i] == y[i]; }));
  HALFSTEP_TRY(Tensor counts, summedTo(taken, shape));
  HALFSTEP_TRY(counts, broadcasted(counts, all.x.shape()));
  const Elements<float> takers(counts);
  HALFSTEP_TRY(Tensor made,
               filled(all.x.shape(), [&](std::size_t i) { return x[i] == y[i] ? dy[i] / takers[i] : 0.0f; }));
  return onlyFor(0, std::move(made));
}

Gradient reducedExtreme(const GradientCall& call) {
  if (!call.wants(0)) {
    return InputGradients();
  }
  HALFSTEP_TRY(const Shape shape, shapeWithOnes(call));
  return extreme(call, shape);
}

/// All spatial axes of [N, C, …].
Result<Shape> withoutSpace(const GradientCall& call) {
  HALFSTEP_TRY(const Tensor data, call.op.tensor(0));
  Shape shape = data.shape();
  std::fill(shape.begin() + std::min<std::ptrdiff_t>(2, std::ssize(shape)), shape.end(), 1);
  return shape;
}

Gradient globalAverage(const GradientCall& call) {
  HALFSTEP_TRY(const Shape shape, withoutSpace(call));
  return reduced(call, shape, average);
}

Gradient globalMax(const GradientCall& call) {
  HALFSTEP_TRY(const Shape shape, withoutSpace(call));
  return extreme(call, shape);
}

/// The rows of Softmax and LogSoftmax. Before opset 13 everything from the axis on is one row.
Result<AxisRows> softmaxRows(const GradientCall& call, const Shape& shape) {
  const bool flattens = call.op.version() < 13;
  if (shape.empty()) {
    return AxisRows{1, 1, 1, 1};
  }
  HALFSTEP_TRY(const std::size_t axis,
               normalizedAxis(call.op.integer("axis", flattens ? 1 : -1), shape.size()));
  return axisRows(shape, axis, flattens ? shape.size() - axis : 1);
}

/// `total(dy, y)`: what is summed along a row; `part(dy, y, sum)`: an element's gradient.
template <class Total, class Part>
Gradient alongRows(const GradientCall& call, const Total& total, const Part& part) {
  HALFSTEP_TRY(const Tensor result, call.result());
  HALFSTEP_TRY(const Tensor arriving, call.first());
  HALFSTEP_TRY(const AxisRows rows, softmaxRows(call, result.shape()));
  const Elements<float> y(result);
  const Elements<float> dy(arriving);
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(result.shape()));
  forRows(rows.rows, rows.length, [&](std::size_t row) {
    const std::size_t start = rows.start(row);
    double sum = 0.0;
    for (std::size_t i = 0; i < rows.length; ++i) {
      const std::size_t at = start + i * rows.inner;
      sum += total(static_cast<double>(dy[at]), static_cast<double>(y[at]));
    }
    for (std::size_t i = 0; i < rows.length; ++i) {
      const std::size_t at = start + i * rows.inner;
      made.values[at] =
          static_cast<float>(part(static_cast<double>(dy[at]), static_cast<double>(y[at]), sum));
    }
  });
  return onlyFor(0, made.finish());
}

Gradient softmax(const GradientCall& call) {
  return alongRows(
      call, [](double dy, double y) { return dy * y; },
      [](double dy, double y, double sum) { return y * (dy - sum); });
}

Gradient logSoftmax(const GradientCall& call) {
  return alongRows(
      call, [](double dy, double) { return dy; },
      [](double dy, double y, double sum) { return dy - std::exp(y) * sum; });
}

constexpr GradientEntry kReductionGradients[] = {
    {"", "GlobalAveragePool", globalAverage},
    {"", "GlobalMaxPool", globalMax},
    {"", "LogSoftmax", logSoftmax},
    {"", "ReduceL1", magnitudes},
    {"", "ReduceL2", lengthOf},
    {"", "ReduceLogSum", logSum},
    {"", "ReduceLogSumExp", logSumExp},
    {"", "ReduceMax", reducedExtreme},
    {"", "ReduceMean", reducedMean},
    {"", "ReduceMin", reducedExtreme},
    {"", "ReduceSum", reducedSum},
    {"", "ReduceSumSquare", sumSquare},
    {"", "Softmax", softmax},
};

} // namespace

std::span<const GradientEntry> reductionGradients() {
  return kReductionGradients;
}

} // namespace halfstep
