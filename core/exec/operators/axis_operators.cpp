// ArgMax, ArgMin, CumSum, CumProd, TopK, Softmax, LogSoftmax and Hardmax.
#include "core/exec/operators/axis_operators.h"

#include "core/exec/elements.h"
#include "core/exec/operators/axis_rows.h"
#include "core/exec/operators/float_rows.h"

#include <numeric>

namespace halfstep {

namespace {

template <class T>
bool isNotANumber(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::isnan(value);
  } else {
    return false;
  }
}

/// An order of all values: what is no number lies above all numbers, as NumPy sorts it.
template <class T>
bool lessThan(T a, T b) {
  return a < b || (isNotANumber(b) && !isNotANumber(a));
}

/// For ArgMax and ArgMin: the first (or last) index of the extreme value; what is no number wins, as in
/// NumPy.
template <bool kMaximum, class T>
std::int64_t extremeIndex(const T* row, const AxisRows& around, bool takeLast) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < around.length; ++i) {
    const T value = row[i * around.inner];
    const T leader = row[best * around.inner];
    const bool beats = kMaximum ? value > leader : value < leader;
    const bool ties = value == leader || (isNotANumber(value) && isNotANumber(leader));
    if (isNotANumber(leader) ? takeLast && isNotANumber(value)
                             : beats || isNotANumber(value) || (ties && takeLast)) {
      best = i;
    }
  }
  return static_cast<std::int64_t>(best);
}

template <bool kMaximum>
OpResult extreme(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", 0), data.shape().size()));
  HALFSTEP_TRY(const AxisRows around, axisRows(data.shape(), axis));
  const bool takeLast = call.integer("select_last_index", 0) != 0;
  Shape shape = data.shape();
  if (call.integer("keepdims", 1) != 0) {
    shape[axis] = 1;
  } else {
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  }
  HALFSTEP_TRY(const NewTensor<std::int64_t> made, newTensor<std::int64_t>(shape));
  if (around.length == 0 && !made.values.empty()) {
    return call.fail("the axis has no elements to choose from");
  }
  return dispatchNumbers(data.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> values(data);
    forRows(around.rows, around.length, [&](std::size_t row) {
      made.values[row] = extremeIndex<kMaximum>(values.data() + around.start(row), around, takeLast);
    });
    return std::vector<Value>{made.finish()};
  });
}

/// Σ or Π of the elements so far. Integers wrap around, as they do in NumPy.
template <bool kProduct, class T>
void accumulateAlong(const T* in, T* out, const AxisRows& around, bool exclusive, bool reverse) {
  std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t> total = kProduct ? 1 : 0;
  for (std::size_t i = 0; i < around.length; ++i) {
    const std::size_t at = (reverse ? around.length - 1 - i : i) * around.inner;
    const auto before = total;
    const auto value = static_cast<decltype(total)>(in[at]);
    total = kProduct ? total * value : total + value;
    out[at] = static_cast<T>(exclusive ? before : total);
  }
}

template <bool kProduct>
OpResult accumulated(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const std::vector<std::int64_t> given, call.integers(1));
  if (given.size() != 1) {
    return call.fail("the axis is not one number");
  }
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(given.front(), data.shape().size()));
  HALFSTEP_TRY(const AxisRows around, axisRows(data.shape(), axis));
  const bool exclusive = call.integer("exclusive", 0) != 0;
  const bool reverse = call.integer("reverse", 0) != 0;
  return dispatchNumbers(data.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> values(data);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(data.shape(), data.type()));
    forRows(around.rows, around.length, [&](std::size_t row) {
      const std::size_t start = around.start(row);
      accumulateAlong<kProduct>(values.data() + start, made.values.data() + start, around, exclusive,
                                reverse);
    });
    return std::vector<Value>{made.finish()};
  });
}

/// The order of a row's indices, best first; those of equal values in the order of the row.
template <class T>
void rankRow(const T* row, const AxisRows& around, std::size_t count, bool largest,
             std::vector<std::size_t>& order) {
  order.resize(around.length);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto better = [&](std::size_t a, std::size_t b) {
    const T left = row[a * around.inner];
    const T right = row[b * around.inner];
    if (largest ? lessThan(right, left) : lessThan(left, right)) {
      return true;
    }
    const bool worse = largest ? lessThan(left, right) : lessThan(right, left);
    return !worse && a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(), better);
}

/// How many to take: an attribute before opset 10, an input from then on.
Result<std::int64_t> topCount(const OpCall& call) {
  if (call.version() < 10) {
    return call.integer("k", -1);
  }
  HALFSTEP_TRY(const std::vector<std::int64_t> given, call.integers(1));
  if (given.size() != 1) {
    return call.fail("K is not one number");
  }
  return given.front();
}

/// The axis of the softmax family. Before opset 13 everything from the axis on is one row.
Result<AxisRows> softmaxRows(const OpCall& call, const Shape& shape) {
  const bool flattens = call.version() < 13;
  if (shape.empty()) {
    return AxisRows{1, 1, 1, 1};
  }
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", flattens ? 1 : -1), shape.size()));
  return axisRows(shape, axis, flattens ? shape.size() - axis : 1);
}

/// f(in, out, around) for each row of a floating-point tensor.
template <class F>
OpResult alongRows(const OpCall& call, F f) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const AxisRows around, softmaxRows(call, data.shape()));
  return dispatchNumbers(data.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    if constexpr (std::is_floating_point_v<T>) {
      const Elements<T> values(data);
      HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(data.shape()));
      forRows(around.rows, around.length, [&](std::size_t row) {
        const std::size_t start = around.start(row);
        f(values.data() + start, made.values.data() + start, around);
      });
      return std::vector<Value>{made.finish()};
    } else {
      return Error{ErrorKind::failed, "it takes floating-point numbers"};
    }
  });
}

template <class T>
T largestOf(const T* row, const AxisRows& around) {
  T most = -std::numeric_limits<T>::infinity();
  for (std::size_t i = 0; i < around.length; ++i) {
    most = std::max(most, row[i * around.inner]);
  }
  return most;
}

} // namespace

OpResult argMax(const OpCall& call) {
  return extreme<true>(call);
}

OpResult argMin(const OpCall& call) {
  return extreme<false>(call);
}

OpResult cumulativeSum(const OpCall& call) {
  return accumulated<false>(call);
}

OpResult cumulativeProduct(const OpCall& call) {
  return accumulated<true>(call);
}

OpResult topK(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const std::int64_t wanted, topCount(call));
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", -1), data.shape().size()));
  if (wanted < 0 || wanted > data.shape()[axis]) {
    return call.fail("K is " + std::to_string(wanted) + " where the axis has " +
                     std::to_string(data.shape()[axis]) + " elements");
  }
  const bool largest = call.integer("largest", 1) != 0;
  Shape shape = data.shape();
  shape[axis] = wanted;
  HALFSTEP_TRY(const AxisRows from, axisRows(data.shape(), axis));
  HALFSTEP_TRY(const AxisRows to, axisRows(shape, axis));
  HALFSTEP_TRY(const NewTensor<std::int64_t> indices, newTensor<std::int64_t>(shape));
  return dispatchNumbers(data.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> values(data);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, data.type()));
    forRows(made.values.empty() ? 0 : from.rows, from.length, [&](std::size_t row) {
      std::vector<std::size_t> order;
      const T* in = values.data() + from.start(row);
      rankRow(in, from, to.length, largest, order); // sorted, whether or not that is asked for
      for (std::size_t i = 0; i < to.length; ++i) {
        const std::size_t at = to.start(row) + i * to.inner;
        made.values[at] = in[order[i] * from.inner];
        indices.values[at] = static_cast<std::int64_t>(order[i]);
      }
    });
    return std::vector<Value>{made.finish(), indices.finish()};
  });
}

OpResult softmax(const OpCall& call) {
  return alongRows(call, []<class T>(const T* in, T* out, const AxisRows& around) {
    if constexpr (std::is_same_v<T, float>) {
      if (around.inner == 1) {
        softmaxOf(in, out, around.length);
        return;
      }
    }
    const T most = largestOf(in, around);
    double total = 0;
    for (std::size_t i = 0; i < around.length; ++i) {
      out[i * around.inner] = std::exp(in[i * around.inner] - most);
      total += static_cast<double>(out[i * around.inner]);
    }
    const double factor = 1.0 / total;
    for (std::size_t i = 0; i < around.length; ++i) {
      out[i * around.inner] = static_cast<T>(static_cast<double>(out[i * around.inner]) * factor);
    }
  });
}

OpResult logSoftmax(const OpCall& call) {
  return alongRows(call, []<class T>(const T* in, T* out, const AxisRows& around) {
    const T most = largestOf(in, around);
    double total = 0;
    for (std::size_t i = 0; i < around.length; ++i) {
      total += static_cast<double>(std::exp(in[i * around.inner] - most));
    }
    const double logarithm = std::log(total);
    for (std::size_t i = 0; i < around.length; ++i) {
      out[i * around.inner] =
          static_cast<T>(static_cast<double>(in[i * around.inner]) - static_cast<double>(most) - logarithm);
    }
  });
}

/// 1 at the first of the largest values, 0 elsewhere.
OpResult hardmax(const OpCall& call) {
  return alongRows(call, []<class T>(const T* in, T* out, const AxisRows& around) {
    for (std::size_t i = 0; i < around.length; ++i) {
      out[i * around.inner] = T(0);
    }
    if (around.length > 0) {
      out[static_cast<std::size_t>(extremeIndex<true>(in, around, false)) * around.inner] = T(1);
    }
  });
}

} // namespace halfstep
