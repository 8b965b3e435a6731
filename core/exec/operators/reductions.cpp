// The Reduce operators, and the registration of their relatives in axis_operators.h.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/axis_operators.h"
#include "core/exec/operators/axis_rows.h"
#include "core/exec/operators/float_rows.h"
#include "core/exec/rearrange.h"

#include <numeric>

namespace halfstep {

namespace {

/// What sums are kept in: double, or integers that wrap around, as they do in NumPy.
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;

template <class T>
Wide<T> wide(T value) {
  return static_cast<Wide<T>>(value);
}

/// Σ of a row.
template <class T>
Wide<T> total(std::span<const T> values) {
  if constexpr (std::is_same_v<T, float>) {
    return sumOf(values.data(), values.size());
  } else {
    Wide<T> sum = 0;
    for (const T value : values) {
      sum += wide(value);
    }
    return sum;
  }
}

/// Each operation reduces one row; an empty one gives the operation's neutral element.
struct SumOf {
  template <class T>
  static T row(std::span<const T> values) {
    return static_cast<T>(total(values));
  }
};
struct ProductOf {
  template <class T>
  static T row(std::span<const T> values) {
    Wide<T> product = 1;
    for (const T value : values) {
      product *= wide(value);
    }
    return static_cast<T>(product);
  }
};
struct SquaresOf {
  template <class T>
  static T row(std::span<const T> values) {
    if constexpr (std::is_same_v<T, float>) {
      return static_cast<float>(squaredDistances(values.data(), 0.0, values.size()));
    }
    Wide<T> total = 0;
    for (const T value : values) {
      total += wide(value) * wide(value);
    }
    return static_cast<T>(total);
  }
};
struct MagnitudesOf {
  template <class T>
  static T row(std::span<const T> values) {
    Wide<T> total = 0;
    for (const T value : values) {
      if constexpr (std::is_floating_point_v<T>) {
        total += std::abs(wide(value));
      } else {
        total += value < T{0} ? Wide<T>{0} - wide(value) : wide(value);
      }
    }
    return static_cast<T>(total);
  }
};
/// Of integers: towards zero, and 0 where there are none.
struct MeanOf {
  template <class T>
  static T row(std::span<const T> values) {
    const Wide<T> sum = total(values);
    if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(sum / static_cast<double>(values.size()));
    } else if constexpr (std::is_signed_v<T>) {
      const auto count = static_cast<std::int64_t>(values.size());
      return count == 0 ? T{0} : static_cast<T>(static_cast<std::int64_t>(sum) / count);
    } else {
      return values.empty() ? T{0} : static_cast<T>(sum / values.size());
    }
  }
};
struct LengthOf {
  template <class T>
  static T row(std::span<const T> values) {
    double total = 0;
    for (const T value : values) {
      total += static_cast<double>(value) * static_cast<double>(value);
    }
    return fromDouble<T>(std::sqrt(total));
  }
};
struct LogSumOf {
  template <class T>
  static T row(std::span<const T> values) {
    double total = 0;
    for (const T value : values) {
      total += static_cast<double>(value);
    }
    return fromDouble<T>(std::log(total));
  }
};
/// log Σ exp x = m + log Σ exp(x − m) with the largest x as m, so that nothing overflows.
struct LogSumExpOf {
  template <class T>
  static T row(std::span<const T> values) {
    double most = -std::numeric_limits<double>::infinity();
    for (const T value : values) {
      most = std::max(most, static_cast<double>(value));
    }
    const double shift = std::isfinite(most) ? most : 0.0;
    double total = 0;
    for (const T value : values) {
      total += std::exp(static_cast<double>(value) - shift);
    }
    return fromDouble<T>(std::log(total) + shift);
  }
};
/// What is no number stays so, as in NumPy. Of nothing: the value below (above) all others.
template <bool kLargest>
struct ExtremeOf {
  template <class T>
  static T row(std::span<const T> values) {
    using Limits = std::numeric_limits<T>;
    T best = kLargest ? Limits::lowest() : Limits::max();
    if constexpr (std::is_floating_point_v<T>) {
      best = kLargest ? -Limits::infinity() : Limits::infinity();
    }
    for (const T value : values) {
      if constexpr (std::is_floating_point_v<T>) {
        if (std::isnan(value)) {
          return value;
        }
      }
      best = kLargest ? std::max(best, value) : std::min(best, value);
    }
    return best;
  }
};

/// Which axes go. They are an attribute, or input 1 in newer versions; none at all means every axis, unless
/// noop_with_empty_axes says that it means none (then each element is reduced by itself: onnx issue 6103).
Result<std::vector<bool>> reducedAxes(const OpCall& call, std::size_t rank) {
  std::vector<std::int64_t> axes = call.integers("axes");
  if (call.has(1)) {
    HALFSTEP_TRY(axes, call.integers(1));
  }
  if (axes.empty()) {
    return std::vector<bool>(rank, call.integer("noop_with_empty_axes", 0) == 0);
  }
  std::vector<bool> reduced(rank, false);
  for (const std::int64_t axis : axes) {
    if (rank == 0 && (axis == 0 || axis == -1)) { // exporters write this for scalars
      continue;
    }
    HALFSTEP_TRY(const std::size_t index, normalizedAxis(axis, rank));
    reduced[index] = true;
  }
  return reduced;
}

struct Reduction {
  Tensor rows; ///< the elements, those of one result after each other
  Shape shape; ///< of the result
  std::size_t length = 0;
};

Result<Reduction> prepared(const OpCall& call) {
  HALFSTEP_TRY(Tensor data, call.tensor(0));
  const std::size_t rank = data.shape().size();
  HALFSTEP_TRY(const std::vector<bool> reduced, reducedAxes(call, rank));
  std::vector<std::size_t> order(rank);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_partition(order.begin(), order.end(), [&](std::size_t axis) { return !reduced[axis]; });
  const bool keeps = call.integer("keepdims", 1) != 0;
  Reduction reduction;
  Shape gone;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (reduced[axis]) {
      gone.push_back(data.shape()[axis]);
    }
    if (!reduced[axis] || keeps) {
      reduction.shape.push_back(reduced[axis] ? 1 : data.shape()[axis]);
    }
  }
  HALFSTEP_TRY(reduction.length, elementCount(gone));
  if (!std::is_sorted(order.begin(), order.end())) {
    HALFSTEP_TRY(data, transposed(data, order));
  }
  reduction.rows = std::move(data);
  return reduction;
}

template <class Operation>
OpResult reduce(const OpCall& call) {
  HALFSTEP_TRY(const Reduction reduction, prepared(call));
  const ElementType type = reduction.rows.type();
  return dispatchNumbers(type, [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> values(reduction.rows);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(reduction.shape, type));
    const std::size_t length = reduction.length;
    forRows(made.values.size(), length, [&](std::size_t row) {
      made.values[row] = Operation::row(values.span().subspan(row * length, length));
      if (type == ElementType::boolean) { // the limits and odd bytes are no booleans
        made.values[row] = made.values[row] != T{0} ? T{1} : T{0};
      }
    });
    return std::vector<Value>{made.finish()};
  });
}

constexpr Widening kFloats = Widening::floats;

constexpr OperatorEntry kEntries[] = {
    {"", "ArgMax", argMax, kFloats},
    {"", "ArgMin", argMin, kFloats},
    {"", "CumProd", cumulativeProduct, kFloats},
    {"", "CumSum", cumulativeSum, kFloats},
    {"", "Hardmax", hardmax, kFloats},
    {"", "LogSoftmax", logSoftmax, kFloats},
    {"", "ReduceL1", reduce<MagnitudesOf>, kFloats},
    {"", "ReduceL2", reduce<LengthOf>, kFloats},
    {"", "ReduceLogSum", reduce<LogSumOf>, kFloats},
    {"", "ReduceLogSumExp", reduce<LogSumExpOf>, kFloats},
    {"", "ReduceMax", reduce<ExtremeOf<true>>, kFloats},
    {"", "ReduceMean", reduce<MeanOf>, kFloats},
    {"", "ReduceMin", reduce<ExtremeOf<false>>, kFloats},
    {"", "ReduceProd", reduce<ProductOf>, kFloats},
    {"", "ReduceSum", reduce<SumOf>, kFloats},
    {"", "ReduceSumSquare", reduce<SquaresOf>, kFloats},
    {"", "Softmax", softmax, kFloats},
    {"", "TopK", topK, kFloats},
};

} // namespace

std::span<const OperatorEntry> reductionsOperators() {
  return kEntries;
}

} // namespace halfstep
