// Pooling over windows of any number of spatial axes, over the whole input, and MaxUnpool.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/blocked_operators.h"
#include "core/exec/operators/blocked_tensor.h"
#include "core/exec/operators/float_rows.h"
#include "core/exec/rearrange.h"
#include "core/support/parallel.h"

#include <cmath>
#include <limits>

namespace halfstep {

namespace {

/// An input [N, C, spatial…] and the windows over it.
struct Pool {
  Tensor input;
  std::vector<std::int64_t> spatial;
  std::vector<std::int64_t> counts;
  Windows windows;
  Shape shape; ///< of the output
  std::int64_t planes = 0;
  std::int64_t planeSize = 1;
  std::int64_t positionsPerPlane = 1;
};

/// All but the input's elements.
Result<Pool> poolOf(const OpCall& call) {
  Pool pool;
  HALFSTEP_TRY(const Shape x, shapeOfInput(call, 0));
  if (x.size() < 3) {
    return call.fail("input " + shapeText(x) + " has no spatial axis");
  }
  pool.spatial.assign(x.begin() + 2, x.end());
  HALFSTEP_TRY(pool.windows, windowsOf(call, call.integers("kernel_shape"), pool.spatial));
  HALFSTEP_TRY(pool.counts, positions(call, pool.windows, pool.spatial, call.integer("ceil_mode", 0) != 0));
  pool.planes = x[0] * x[1];
  pool.shape = {x[0], x[1]};
  pool.shape.insert(pool.shape.end(), pool.counts.begin(), pool.counts.end());
  HALFSTEP_CHECK(elementCount(pool.shape)); // and those of a window: the products below and in overWindow()
  HALFSTEP_CHECK(elementCount(pool.windows.kernel));
  for (std::size_t axis = 0; axis < pool.spatial.size(); ++axis) {
    pool.planeSize *= pool.spatial[axis];
    pool.positionsPerPlane *= pool.counts[axis];
  }
  return pool;
}

/// Calls visit(offset in the plane) for every element of the window at `position` (counted row-major) that
/// lies in the input; returns how many of the window's elements lie in the padded input.
template <class Visit>
std::int64_t overWindow(const Pool& pool, std::int64_t position, const Visit& visit) {
  const std::size_t rank = pool.spatial.size();
  const Windows& windows = pool.windows;
  constexpr std::size_t kMostAxes = 8;
  std::int64_t start[kMostAxes];
  std::int64_t first[kMostAxes]; // of the window's elements, the first that lies in the input, and the end
  std::int64_t end[kMostAxes];
  std::int64_t padded = 1;
  bool empty = false;
  for (std::size_t axis = rank; axis-- > 0;) {
    const std::int64_t step = windows.dilations[axis];
    start[axis] = position % pool.counts[axis] * windows.strides[axis] - windows.before[axis];
    position /= pool.counts[axis];
    const auto before = [&](std::int64_t limit) { // how many elements lie before `limit`
      return std::clamp<std::int64_t>((limit - start[axis] + step - 1) / step, 0, windows.kernel[axis]);
    };
    first[axis] = before(0);
    end[axis] = before(pool.spatial[axis]);
    padded *= before(pool.spatial[axis] + windows.after[axis]);
    empty = empty || first[axis] >= end[axis];
  }
  if (empty) {
    return padded;
  }
  std::int64_t index[kMostAxes];
  std::copy_n(first, rank, index);
  while (true) {
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      offset = offset * pool.spatial[axis] + start[axis] + index[axis] * windows.dilations[axis];
    }
    visit(offset);
    std::size_t axis = rank;
    while (axis > 0 && ++index[axis - 1] == end[axis - 1]) {
      --axis;
      index[axis] = first[axis];
    }
    if (axis == 0) {
      return padded;
    }
  }
}

Result<void> checkRank(const OpCall& call, const Pool& pool) {
  return pool.spatial.size() <= 8 ? Result<void>() : call.unsupported("more than eight spatial axes");
}

/// The index that MaxPool gives: over the whole input, row-major, or with storage_order 1 column-major within
/// a plane.
std::int64_t indexOf(const Pool& pool, std::int64_t plane, std::int64_t offset, bool columnMajor) {
  if (columnMajor) {
    std::int64_t mirrored = 0;
    std::int64_t stride = 1;
    std::int64_t rest = offset;
    std::vector<std::int64_t> at(pool.spatial.size());
    for (std::size_t axis = pool.spatial.size(); axis-- > 0;) {
      at[axis] = rest % pool.spatial[axis];
      rest /= pool.spatial[axis];
    }
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      mirrored += at[axis] * stride;
      stride *= pool.spatial[axis];
    }
    offset = mirrored;
  }
  return plane * pool.planeSize + offset;
}

OpResult maxPool(const OpCall& call) {
  HALFSTEP_TRY(Pool pool, poolOf(call));
  if (!call.wants(1)) {
    if (auto blocked = blockedPool(call, BlockedPool::max, pool.windows, pool.shape)) {
      return std::move(*blocked);
    }
  }
  HALFSTEP_TRY(pool.input, call.tensor(0));
  HALFSTEP_CHECK(checkRank(call, pool));
  const bool columnMajor = call.integer("storage_order", 0) != 0;
  return dispatchNumbers(pool.input.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> x(pool.input);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(pool.shape, pool.input.type()));
    const bool wantsIndices = call.wants(1);
    HALFSTEP_TRY(const auto indices, newTensor<std::int64_t>(wantsIndices ? pool.shape : Shape{0}));
    parallelFor(static_cast<std::size_t>(pool.planes), [&](std::size_t p) {
      const auto plane = static_cast<std::int64_t>(p);
      for (std::int64_t position = 0; position < pool.positionsPerPlane && !call.job().stopRequested();
           ++position) {
        T best = std::numeric_limits<T>::lowest();
        std::int64_t where = -1;
        overWindow(pool, position, [&](std::int64_t offset) {
          const T value = x[static_cast<std::size_t>(plane * pool.planeSize + offset)];
          if (where < 0 || value > best) {
            best = value;
            where = offset;
          }
        });
        const auto at = static_cast<std::size_t>(plane * pool.positionsPerPlane + position);
        made.values[at] = best;
        if (wantsIndices) {
          indices.values[at] = where < 0 ? -1 : indexOf(pool, plane, where, columnMajor);
        }
      }
    });
    HALFSTEP_CHECK(call.job().checkpoint());
    std::vector<Value> outputs{made.finish()};
    if (wantsIndices) {
      outputs.emplace_back(indices.finish());
    }
    return outputs;
  });
}

/// One number per window of a floating-point input; f(values in the window…) through an accumulator.
template <class Accumulate, class Finish>
OpResult pooled(const OpCall& call, const Pool& pool, Accumulate accumulate, Finish finish) {
  HALFSTEP_CHECK(checkRank(call, pool));
  return dispatchNumbers(pool.input.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> x(pool.input);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(pool.shape, pool.input.type()));
    parallelFor(static_cast<std::size_t>(pool.planes), [&](std::size_t p) {
      const auto plane = static_cast<std::int64_t>(p);
      for (std::int64_t position = 0; position < pool.positionsPerPlane && !call.job().stopRequested();
           ++position) {
        double sum = 0.0;
        std::int64_t count = 0;
        const std::int64_t padded = overWindow(pool, position, [&](std::int64_t offset) {
          sum +=
              accumulate(static_cast<double>(x[static_cast<std::size_t>(plane * pool.planeSize + offset)]));
          ++count;
        });
        made.values[static_cast<std::size_t>(plane * pool.positionsPerPlane + position)] =
            static_cast<T>(finish(sum, count, padded));
      }
    });
    HALFSTEP_CHECK(call.job().checkpoint());
    return std::vector<Value>{made.finish()};
  });
}

OpResult averagePool(const OpCall& call) {
  HALFSTEP_TRY(Pool pool, poolOf(call));
  const bool withPadding = call.integer("count_include_pad", 0) != 0;
  const auto kind = withPadding ? BlockedPool::averageWithPadding : BlockedPool::average;
  if (auto blocked = blockedPool(call, kind, pool.windows, pool.shape)) {
    return std::move(*blocked);
  }
  HALFSTEP_TRY(pool.input, call.tensor(0));
  return pooled(
      call, pool, [](double x) { return x; },
      [withPadding](double sum, std::int64_t count, std::int64_t padded) {
        const std::int64_t by = withPadding ? padded : count;
        return by > 0 ? sum / static_cast<double>(by) : 0.0;
      });
}

OpResult lpPool(const OpCall& call) {
  HALFSTEP_TRY(Pool pool, poolOf(call));
  HALFSTEP_TRY(pool.input, call.tensor(0));
  const auto p = static_cast<double>(call.version() < 2 ? call.real("p", 2.0f)
                                                        : static_cast<float>(call.integer("p", 2)));
  return pooled(
      call, pool, [p](double x) { return std::pow(std::abs(x), p); },
      [p](double sum, std::int64_t, std::int64_t) { return std::pow(sum, 1.0 / p); });
}

/// The whole spatial extent as one window.
Result<Pool> globalPool(const OpCall& call) {
  Pool pool;
  HALFSTEP_TRY(pool.input, call.tensor(0));
  const Shape& x = pool.input.shape();
  if (x.size() < 2) {
    return call.fail("input " + shapeText(x) + " has no channels");
  }
  pool.planes = x[0] * x[1];
  pool.shape = {x[0], x[1]};
  for (std::size_t axis = 2; axis < x.size(); ++axis) {
    pool.planeSize *= x[axis];
    pool.shape.push_back(1);
  }
  return pool;
}

template <class F>
OpResult overPlanes(const OpCall& call, F f) {
  HALFSTEP_TRY(const Pool pool, globalPool(call));
  return dispatchNumbers(pool.input.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> x(pool.input);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(pool.shape, pool.input.type()));
    parallelFor(static_cast<std::size_t>(pool.planes), [&](std::size_t plane) {
      const auto size = static_cast<std::size_t>(pool.planeSize);
      made.values[plane] = f(x.span().subspan(plane * size, size));
    });
    return std::vector<Value>{made.finish()};
  });
}

OpResult globalAveragePool(const OpCall& call) {
  HALFSTEP_TRY(Shape shape, shapeOfInput(call, 0));
  if (call.input(0).lazy() != nullptr && shape.size() >= 3 && shape.size() <= 5) {
    const std::size_t rank = shape.size() - 2;
    const std::vector<std::int64_t> ones(rank, 1);
    const std::vector<std::int64_t> none(rank, 0);
    const Windows whole{{shape.begin() + 2, shape.end()}, ones, ones, none, none};
    std::fill(shape.begin() + 2, shape.end(), 1);
    if (auto blocked = blockedPool(call, BlockedPool::average, whole, shape)) {
      return std::move(*blocked);
    }
  }
  return overPlanes(call, []<class T>(std::span<const T> values) {
    double sum = 0.0;
    if constexpr (std::is_same_v<T, float>) {
      sum = sumOf(values.data(), values.size());
    } else {
      for (const T value : values) {
        sum += static_cast<double>(value);
      }
    }
    return static_cast<T>(values.empty() ? 0.0 : sum / static_cast<double>(values.size()));
  });
}

OpResult globalMaxPool(const OpCall& call) {
  return overPlanes(call, []<class T>(std::span<const T> values) {
    return values.empty() ? T{} : *std::max_element(values.begin(), values.end());
  });
}

OpResult globalLpPool(const OpCall& call) {
  const auto p = static_cast<double>(call.version() < 2 ? call.real("p", 2.0f)
                                                        : static_cast<float>(call.integer("p", 2)));
  return overPlanes(call, [p]<class T>(std::span<const T> values) {
    double sum = 0.0;
    for (const T value : values) {
      sum += std::pow(std::abs(static_cast<double>(value)), p);
    }
    return static_cast<T>(std::pow(sum, 1.0 / p));
  });
}

/// Puts every value where MaxPool found it: indices are over the output that MaxPool's input would have.
OpResult maxUnpool(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const Tensor where, call.tensor(1));
  HALFSTEP_TRY(const std::vector<std::int64_t> indices, toIntegers(where));
  const Shape& x = data.shape();
  if (x.size() < 3 || indices.size() != data.count()) {
    return call.fail("values and indices do not fit together");
  }
  const std::size_t rank = x.size() - 2;
  const std::vector<std::int64_t> kernel = call.integers("kernel_shape");
  HALFSTEP_TRY(const std::vector<std::int64_t> strides, perAxis(call, "strides", rank, 1, 1));
  HALFSTEP_TRY(const std::vector<std::int64_t> pads, perAxis(call, "pads", 2 * rank, 0, 0));
  const bool sane = std::all_of(kernel.begin(), kernel.end(),
                                [](std::int64_t length) { return length >= 1 && length <= 1 << 30; });
  if (kernel.size() != rank || !sane) {
    return call.fail("a kernel of " + shapeText(kernel) + " makes no sense");
  }
  Shape natural{x[0], x[1]};
  for (std::size_t axis = 0; axis < rank; ++axis) {
    natural.push_back((x[axis + 2] - 1) * strides[axis] + kernel[axis] - pads[axis] - pads[axis + rank]);
  }
  Shape shape = natural;
  if (call.has(2)) {
    HALFSTEP_TRY(shape, call.integers(2));
  }
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  HALFSTEP_CHECK(elementCount(natural));
  HALFSTEP_CHECK(allocateBytes(count * sizeof(std::int64_t)));
  if (shape.size() != natural.size()) {
    return call.fail("its output_shape has " + std::to_string(shape.size()) + " axes");
  }
  // Indices count in the natural shape; a larger output keeps the coordinates.
  const std::vector<std::int64_t> naturalStrides = rowMajorStrides(natural);
  const std::vector<std::int64_t> outStrides = rowMajorStrides(shape);
  std::vector<std::int64_t> from(count, -1);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    std::int64_t rest = indices[i];
    std::int64_t at = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      const std::int64_t coordinate = rest / naturalStrides[axis];
      rest %= naturalStrides[axis];
      if (coordinate < 0 || coordinate >= shape[axis]) {
        return call.fail("an index lies outside the output");
      }
      at += coordinate * outStrides[axis];
    }
    from[static_cast<std::size_t>(at)] = static_cast<std::int64_t>(i);
  }
  HALFSTEP_TRY(Tensor result, rearranged(data, shape, 1, from));
  return std::vector<Value>{std::move(result)};
}

constexpr OperatorEntry kEntries[] = {
    {"", "AveragePool", averagePool, Widening::floats},
    {"", "GlobalAveragePool", globalAveragePool, Widening::floats},
    {"", "GlobalLpPool", globalLpPool, Widening::floats},
    {"", "GlobalMaxPool", globalMaxPool, Widening::floats},
    {"", "LpPool", lpPool, Widening::floats},
    {"", "MaxPool", maxPool, Widening::floats},
    {"", "MaxUnpool", maxUnpool, Widening::floats},
};

} // namespace

std::span<const OperatorEntry> poolingOperators() {
  return kEntries;
}

} // namespace halfstep
