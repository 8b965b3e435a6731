// Resizing is separable: for each axis a table says which source elements an output element takes and with
// which weights; the axes are then worked off one after the other. The formulas are those of the operator's
// specification (ONNX Operators.md, Resize).
#include "core/exec/operators/resizing.h"

#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"
#include "core/support/parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace halfstep::resizing {

namespace {

/// Where output element j takes its value: entries first[j]…first[j+1]−1.
struct Taps {
  std::vector<std::size_t> first{0};
  std::vector<std::int64_t> index;
  std::vector<double> weight;
  std::vector<bool> outside; ///< the output element is the extrapolation value
  bool identity = true;
};

/// The position in the source that output element `at` is taken from.
double sourcePosition(const Axis& axis, Coordinates coordinates, double at) {
  const auto in = static_cast<double>(axis.in);
  const auto out = static_cast<double>(axis.out);
  switch (coordinates) {
  case Coordinates::asymmetric:
    return at / axis.scale;
  case Coordinates::alignCorners: { // with the length before it was rounded down, as in the reference
    const double length = in * axis.scale;
    return axis.out == 1 && length <= 1 ? 0 : (length == 1 ? 0 : at * (in - 1) / (length - 1));
  }
  case Coordinates::pytorchHalfPixel:
    return axis.out > 1 ? (at + 0.5) / axis.scale - 0.5 : 0;
  case Coordinates::tfHalfPixelForNn:
    return (at + 0.5) / axis.scale;
  case Coordinates::tfCropAndResize:
    return axis.out > 1 ? axis.roiStart * (in - 1) + at * (axis.roiEnd - axis.roiStart) * (in - 1) / (out - 1)
                        : 0.5 * (axis.roiStart + axis.roiEnd) * (in - 1);
  case Coordinates::halfPixelSymmetric: {
    const double offset = in / 2 * (1 - out / (axis.scale * in));
    return offset + (at + 0.5) / axis.scale - 0.5;
  }
  case Coordinates::halfPixel:
    break;
  }
  return (at + 0.5) / axis.scale - 0.5;
}

double nearestIndex(double x, Nearest nearest, double scale) {
  switch (nearest) {
  case Nearest::roundPreferFloor:
    return std::ceil(x - 0.5);
  case Nearest::roundPreferCeil:
    return std::floor(x + 0.5);
  case Nearest::floor:
    return std::floor(x);
  case Nearest::ceil:
    return std::ceil(x);
  case Nearest::simple: // before opset 11: the next one where it shrinks
    break;
  }
  return scale < 1 ? std::ceil(x) : std::floor(x);
}

/// The interpolation kernels: a triangle, and the cubic convolution of Keys.
double kernel(const Settings& settings, double distance) {
  const double x = std::abs(distance);
  if (settings.mode == Mode::linear) {
    return std::max(0.0, 1 - x);
  }
  const double a = settings.cubicA;
  if (x <= 1) {
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  }
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/// Adds the entries of one output element whose source position is `x`.
void addTaps(const Settings& settings, const Axis& axis, double x, Taps& taps) {
  const std::int64_t last = axis.in - 1;
  if (settings.mode == Mode::nearest) {
    const double index = nearestIndex(x, settings.nearest, axis.scale);
    taps.index.push_back(static_cast<std::int64_t>(std::clamp(index, 0.0, static_cast<double>(last))));
    taps.weight.push_back(1);
    return;
  }
  // Antialiasing stretches the kernel where the axis shrinks.
  const double stretch = settings.antialias ? std::min(axis.scale, 1.0) : 1.0;
  const double reach = (settings.mode == Mode::linear ? 1 : 2) / stretch;
  const auto low = static_cast<std::int64_t>(std::floor(x - reach)) + 1;
  const auto high = static_cast<std::int64_t>(std::ceil(x + reach)) - 1;
  const std::size_t first = taps.index.size();
  double sum = 0;
  for (std::int64_t i = low; i <= high; ++i) {
    const bool inside = i >= 0 && i <= last;
    const double weight = kernel(settings, stretch * (static_cast<double>(i) - x));
    if (weight == 0 || (settings.excludeOutside && !inside)) {
      continue;
    }
    taps.index.push_back(std::clamp<std::int64_t>(i, 0, last));
    taps.weight.push_back(weight);
    sum += weight;
  }
  if ((settings.excludeOutside || settings.antialias) && sum != 0) {
    for (std::size_t k = first; k < taps.weight.size(); ++k) {
      taps.weight[k] /= sum;
    }
  }
}

Result<Taps> tapsOf(const Settings& settings, const Axis& axis, const JobContext& job) {
  constexpr double kLargestReach = 1 << 24;
  Taps taps;
  taps.identity = axis.in == axis.out;
  for (std::int64_t j = 0; j < axis.out; ++j) {
    if (j % 4096 == 0) {
      HALFSTEP_CHECK(job.checkpoint());
    }
    const double x = sourcePosition(axis, settings.coordinates, static_cast<double>(j));
    const bool crop = settings.coordinates == Coordinates::tfCropAndResize;
    const bool outside = crop && (x < 0 || x > static_cast<double>(axis.in - 1));
    taps.outside.push_back(outside);
    if (!std::isfinite(x) || std::abs(x) > 1e15 || (settings.antialias && axis.scale * kLargestReach < 1)) {
      return Error{ErrorKind::failed, "an axis of " + std::to_string(axis.in) + " cannot be scaled by " +
                                          std::to_string(axis.scale)};
    }
    if (outside) {
      taps.identity = false;
    } else {
      addTaps(settings, axis, x, taps);
      taps.identity = taps.identity && taps.index.size() == taps.first.back() + 1 && taps.index.back() == j &&
                      taps.weight.back() == 1;
    }
    taps.first.push_back(taps.index.size());
  }
  return taps;
}

/// One axis of `source`, whose other axes are `outer` and `inner` elements, resized.
std::vector<double> resizedAxis(const std::vector<double>& source, const Axis& axis, const Taps& taps,
                                std::size_t outer, std::size_t inner) {
  const auto in = static_cast<std::size_t>(axis.in);
  const auto out = static_cast<std::size_t>(axis.out);
  std::vector<double> result(outer * out * inner, 0.0);
  if (inner == 1) { // the last axis: whole rows at a time, so that short ones are not a task each
    constexpr std::size_t kTogether = 4096;
    const std::size_t rows = std::max<std::size_t>(1, kTogether / std::max<std::size_t>(out, 1));
    parallelFor((outer + rows - 1) / rows, [&](std::size_t task) {
      for (std::size_t row = task * rows; row < std::min(outer, (task + 1) * rows); ++row) {
        const double* from = source.data() + row * in;
        double* to = result.data() + row * out;
        for (std::size_t j = 0; j < out; ++j) {
          double sum = 0.0;
          for (std::size_t k = taps.first[j]; k < taps.first[j + 1]; ++k) {
            sum += taps.weight[k] * from[static_cast<std::size_t>(taps.index[k])];
          }
          to[j] = sum;
        }
      }
    });
    return result;
  }
  parallelFor(outer, [&](std::size_t row) {
    for (std::size_t j = 0; j < out; ++j) {
      double* to = result.data() + (row * out + j) * inner;
      for (std::size_t k = taps.first[j]; k < taps.first[j + 1]; ++k) {
        const double weight = taps.weight[k];
        const double* from = source.data() + (row * in + static_cast<std::size_t>(taps.index[k])) * inner;
        for (std::size_t i = 0; i < inner; ++i) {
          to[i] += weight * from[i];
        }
      }
    }
  });
  return result;
}

/// Calls `body(index)` with the flat indices of all output elements of which an axis is outside.
template <class F>
void forOutside(const std::vector<Axis>& axes, const std::vector<Taps>& taps, F body) {
  bool any = false;
  for (const Taps& one : taps) {
    any = any || std::find(one.outside.begin(), one.outside.end(), true) != one.outside.end();
  }
  if (!any) {
    return;
  }
  std::size_t count = 1;
  for (const Axis& axis : axes) {
    count *= static_cast<std::size_t>(axis.out);
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t rest = i;
    for (std::size_t axis = axes.size(); axis-- > 0;) {
      const auto length = static_cast<std::size_t>(axes[axis].out);
      if (taps[axis].outside[rest % length]) {
        body(i);
        break;
      }
      rest /= length;
    }
  }
}

Shape shapeOf(const std::vector<Axis>& axes) {
  Shape shape;
  for (const Axis& axis : axes) {
    shape.push_back(axis.out);
  }
  return shape;
}

/// Interpolation between numbers. Integers lose their fraction, as in the reference.
Result<Tensor> interpolated(const Tensor& x, const std::vector<Axis>& axes, const std::vector<Taps>& taps,
                            double extrapolation) {
  const Shape shape = shapeOf(axes);
  Shape current = x.shape();
  return dispatchNumbers(x.type(), [&]<class T>(TypeTag<T>) -> Result<Tensor> {
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, x.type()));
    const Elements<T> source(x);
    std::vector<double> values(source.begin(), source.end());
    // What shrinks most comes first, so that nothing in between is larger than both ends.
    std::vector<std::size_t> order(axes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto growth = [&](std::size_t axis) {
      return static_cast<double>(axes[axis].out) / static_cast<double>(axes[axis].in);
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return growth(a) < growth(b); });
    for (const std::size_t axis : order) {
      if (!taps[axis].identity) {
        values = resizedAxis(values, axes[axis], taps[axis], dimensionsProduct(current, 0, axis),
                             dimensionsProduct(current, axis + 1, current.size()));
        current[axis] = axes[axis].out;
      }
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      constexpr double kSlack = std::is_integral_v<T> ? 1e-6 : 0; // 2.9999999 was meant to be 3
      made.values[i] = saturated<T>(values[i] + std::copysign(kSlack, values[i]));
    }
    forOutside(axes, taps, [&](std::size_t i) { made.values[i] = saturated<T>(extrapolation); });
    return made.finish();
  });
}

/// The nearest elements, of any type.
Result<Tensor> nearestElements(const Tensor& x, const std::vector<Axis>& axes, const std::vector<Taps>& taps,
                               double extrapolation) {
  const Shape shape = shapeOf(axes);
  std::size_t block = 1;
  std::size_t moving = axes.size();
  while (moving > 0 && taps[moving - 1].identity) {
    --moving;
    block *= static_cast<std::size_t>(axes[moving].out);
  }
  Shape outer(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(moving));
  HALFSTEP_TRY(const NewTensor<std::int64_t> from, newTensor<std::int64_t>(outer));
  for (std::size_t i = 0; i < from.values.size(); ++i) {
    std::size_t rest = i;
    std::int64_t at = 0;
    std::int64_t stride = 1;
    for (std::size_t axis = moving; axis-- > 0;) {
      const std::size_t j = rest % static_cast<std::size_t>(axes[axis].out);
      rest /= static_cast<std::size_t>(axes[axis].out);
      if (taps[axis].outside[j]) {
        at = std::numeric_limits<std::int64_t>::min();
        break;
      }
      at += stride * taps[axis].index[taps[axis].first[j]];
      stride *= axes[axis].in;
    }
    from.values[i] = at;
  }
  HALFSTEP_TRY(Tensor result, rearranged(x, shape, block, from.values));
  bool any = false;
  forOutside(axes, taps, [&](std::size_t) { any = true; });
  if (!any || extrapolation == 0 || x.type() == ElementType::string) {
    return result;
  }
  return dispatchNumbers(x.type(), [&]<class T>(TypeTag<T>) -> Result<Tensor> {
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, x.type()));
    const Elements<T> values(result);
    std::copy(values.begin(), values.end(), made.values.begin());
    forOutside(axes, taps, [&](std::size_t i) { made.values[i] = saturated<T>(extrapolation); });
    return made.finish();
  });
}

} // namespace

OpResult resizedTensor(const OpCall& call, const Tensor& x, const std::vector<Axis>& axes,
                       const Settings& settings) {
  HALFSTEP_TRY(const std::size_t count, elementCount(shapeOf(axes)));
  if (count > 0 && x.count() == 0) {
    return call.fail("an empty tensor cannot be resized to " + shapeText(shapeOf(axes)));
  }
  std::vector<Taps> taps;
  if (count == 0) {
    return oneOutput(rearranged(x, shapeOf(axes), 1, {}));
  }
  HALFSTEP_TRY(const auto room, allocateBytes(count * sizeof(double))); // for what is made in between
  for (const Axis& axis : axes) {
    HALFSTEP_TRY(Taps made, tapsOf(settings, axis, call.job()));
    taps.push_back(std::move(made));
  }
  return oneOutput(settings.mode == Mode::nearest ? nearestElements(x, axes, taps, settings.extrapolation)
                                                  : interpolated(x, axes, taps, settings.extrapolation));
}

} // namespace halfstep::resizing
