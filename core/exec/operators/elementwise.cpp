// Element-wise operators: arithmetic, comparison, logic and functions of one value, with multidirectional
// broadcasting (from opset 7 on; before it by the attributes `axis` and `broadcast`).
#include "core/exec/operators/elementwise.h"
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/blocked_operators.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace halfstep {

namespace {

/// The second operand of old broadcasting: its axes are those of the first from `axis` on.
Result<Tensor> alignedSecond(const OpCall& call, const Tensor& a, const Tensor& b) {
  if (call.version() >= 7 || call.integer("broadcast", 0) == 0 || !call.hasAttribute("axis")) {
    return b;
  }
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", 0), a.shape().size() + 1));
  Shape shape = b.shape();
  while (axis + shape.size() < a.shape().size()) {
    shape.push_back(1);
  }
  return reshaped(b, shape);
}

/// Both operands of a result along its axes: one loop over `count` elements, within `outer` others.
struct BroadcastLoops {
  struct Axis {
    std::int64_t count = 1, a = 0, b = 0; ///< steps of the operands, 0 where they repeat
  };
  std::vector<Axis> outer;
  Axis inner;
};

BroadcastLoops broadcastLoops(const Shape& a, const Shape& b, const Shape& shape) {
  const std::vector<std::int64_t> aStrides = broadcastStrides(a, shape);
  const std::vector<std::int64_t> bStrides = broadcastStrides(b, shape);
  BroadcastLoops loops;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const BroadcastLoops::Axis next{shape[i], aStrides[i], bStrides[i]};
    if (next.count == 1) {
      continue;
    }
    if (!loops.outer.empty() && loops.outer.back().a == next.a * next.count &&
        loops.outer.back().b == next.b * next.count) {
      const std::int64_t count = loops.outer.back().count * next.count;
      loops.outer.back() = {count, next.a, next.b};
    } else {
      loops.outer.push_back(next);
    }
  }
  if (!loops.outer.empty()) {
    loops.inner = loops.outer.back();
    loops.outer.pop_back();
  }
  return loops;
}

/// out = f(x, y) along one axis; the steps are 0 or 1. Plain pointers: the loops are vectorized.
template <class In, class Out, class F>
void combineRow(const In* x, std::int64_t xStep, const In* y, std::int64_t yStep, Out* out, std::size_t count,
                F f) {
  if (xStep == 1 && yStep == 1) {
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = static_cast<Out>(f(x[i], y[i]));
    }
  } else if (xStep == 1) {
    const In value = *y;
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = static_cast<Out>(f(x[i], value));
    }
  } else if (yStep == 1) {
    const In value = *x;
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = static_cast<Out>(f(value, y[i]));
    }
  } else {
    std::fill_n(out, count, static_cast<Out>(f(*x, *y)));
  }
}

/// A stretch of the result and where its operands begin, in elements; a step is 0 where an operand repeats.
struct RowPair {
  std::int64_t x = 0, xStep = 0, y = 0, yStep = 0;
  std::size_t out = 0, count = 0;
};

/// Calls `work` for every stretch of the result of operands of shapes `a` and `b`, on several threads. No
/// template: the operators' loops over every type are what takes long to compile.
void forRowPairs(const Shape& a, const Shape& b, const Shape& shape, std::size_t total,
                 const std::function<void(const RowPair&)>& work) {
  if (total == 0) {
    return;
  }
  const BroadcastLoops loops = broadcastLoops(a, b, shape);
  const BroadcastLoops::Axis& inner = loops.inner;
  const auto length = static_cast<std::size_t>(inner.count);
  if (length == total) {
    inPieces(total, [&](std::size_t from, std::size_t to) {
      const auto at = static_cast<std::int64_t>(from);
      work({at * inner.a, inner.a, at * inner.b, inner.b, from, to - from});
    });
    return;
  }
  const std::size_t rowsPerPiece = std::max<std::size_t>(1, kElementwisePiece / length);
  inPieces(total / length, rowsPerPiece, [&](std::size_t from, std::size_t to) {
    for (std::size_t row = from; row < to; ++row) {
      std::int64_t rest = static_cast<std::int64_t>(row);
      std::int64_t xAt = 0;
      std::int64_t yAt = 0;
      for (std::size_t axis = loops.outer.size(); axis-- > 0;) {
        const BroadcastLoops::Axis& at = loops.outer[axis];
        xAt += rest % at.count * at.a;
        yAt += rest % at.count * at.b;
        rest /= at.count;
      }
      work({xAt, inner.a, yAt, inner.b, row * length, length});
    }
  });
}

/// out = f(a, b) for all elements, broadcast.
template <class In, class Out, class F>
Result<Tensor> combine(const Tensor& a, const Tensor& b, ElementType outType, F f) {
  HALFSTEP_TRY(const Shape shape, broadcastShape(a.shape(), b.shape()));
  HALFSTEP_TRY(NewTensor<Out> made, newTensor<Out>(shape, outType));
  const Elements<In> x(a);
  const Elements<In> y(b);
  Out* out = made.values.data();
  forRowPairs(a.shape(), b.shape(), shape, made.values.size(), [&](const RowPair& row) {
    combineRow(x.data() + row.x, row.xStep, y.data() + row.y, row.yStep, out + row.out, row.count, f);
  });
  return made.finish();
}

struct Operands {
  Tensor a;
  Tensor b;
};

Result<Operands> operands(const OpCall& call) {
  HALFSTEP_TRY(Tensor a, call.tensor(0));
  HALFSTEP_TRY(Tensor b, call.tensor(1));
  if (a.type() != b.type()) {
    return call.fail("its operands are " + std::string(elementTypeName(a.type())) + " and " +
                     std::string(elementTypeName(b.type())));
  }
  HALFSTEP_TRY(b, alignedSecond(call, a, b));
  return Operands{std::move(a), std::move(b)};
}

/// Arithmetic: the result has the operands' type.
template <class Operation>
OpResult arithmetic(const OpCall& call) {
  HALFSTEP_TRY(const Operands both, operands(call));
  return dispatchNumbers(both.a.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    return oneOutput(
        combine<T, T>(both.a, both.b, both.a.type(), [](T x, T y) { return Operation::apply(x, y); }));
  });
}

/// Integers wrap around, as they do in NumPy: computed without sign.
template <class T, class F>
T wrapping(T x, T y, F f) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    return static_cast<T>(
        f(static_cast<std::uint64_t>(static_cast<U>(x)), static_cast<std::uint64_t>(static_cast<U>(y))));
  } else {
    return f(x, y);
  }
}

struct Add {
  template <class T>
  static T apply(T x, T y) {
    return wrapping(x, y, [](auto a, auto b) { return a + b; });
  }
};
struct Subtract {
  template <class T>
  static T apply(T x, T y) {
    return wrapping(x, y, [](auto a, auto b) { return a - b; });
  }
};
struct Multiply {
  template <class T>
  static T apply(T x, T y) {
    return wrapping(x, y, [](auto a, auto b) { return a * b; });
  }
};
/// Integers: towards zero; by zero gives 0, as there is no value to give.
struct Divide {
  template <class T>
  static T apply(T x, T y) {
    if constexpr (std::is_integral_v<T>) {
      if (y == 0) {
        return T{0};
      }
      if constexpr (std::is_signed_v<T>) {
        if (y == T{-1}) {
          return Subtract::apply(T{0}, x);
        }
      }
    }
    return static_cast<T>(x / y);
  }
};
struct Minimum {
  template <class T>
  static T apply(T x, T y) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::isnan(x) || std::isnan(y) ? std::numeric_limits<T>::quiet_NaN() : std::min(x, y);
    }
    return std::min(x, y);
  }
};
struct Maximum {
  template <class T>
  static T apply(T x, T y) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::isnan(x) || std::isnan(y) ? std::numeric_limits<T>::quiet_NaN() : std::max(x, y);
    }
    return std::max(x, y);
  }
};
/// fmod = 0: the divisor's sign, as Python's %.
struct FloorModulo {
  template <class T>
  static T apply(T x, T y) {
    if constexpr (std::is_integral_v<T>) {
      if (y == 0) {
        return T{0};
      }
      if constexpr (std::is_signed_v<T>) {
        if (y == T{-1}) {
          return T{0};
        }
        const T rest = static_cast<T>(x % y);
        return rest != 0 && (rest < 0) != (y < 0) ? static_cast<T>(rest + y) : rest;
      } else {
        return static_cast<T>(x % y);
      }
    } else {
      const T rest = std::fmod(x, y);
      return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
    }
  }
};
/// fmod = 1: the dividend's sign, as C's fmod.
struct TruncatedModulo {
  template <class T>
  static T apply(T x, T y) {
    if constexpr (std::is_integral_v<T>) {
      if (y == 0) {
        return T{0};
      }
      if constexpr (std::is_signed_v<T>) {
        if (y == T{-1}) {
          return T{0};
        }
      }
      return static_cast<T>(x % y);
    } else {
      return std::fmod(x, y);
    }
  }
};

OpResult modulo(const OpCall& call) {
  return call.integer("fmod", 0) != 0 ? arithmetic<TruncatedModulo>(call) : arithmetic<FloorModulo>(call);
}

/// Base and exponent may be of different types; the result has the base's.
OpResult power(const OpCall& call) {
  HALFSTEP_TRY(Tensor a, call.tensor(0));
  HALFSTEP_TRY(Tensor b, call.tensor(1));
  HALFSTEP_TRY(b, alignedSecond(call, a, b));
  if (a.type() == ElementType::float32 && b.count() == 1 && b.shape().size() <= a.shape().size()) {
    const double exponent = b.valueAt(0); // squares and roots are what networks ask for
    if (exponent == 2.0) {
      return oneOutput(mapped<float>(a, [](float x) { return x * x; }));
    }
    if (exponent == 3.0) {
      return oneOutput(mapped<float>(a, [](float x) { return x * x * x; }));
    }
  }
  HALFSTEP_TRY(NewTensor<double> exponents, newTensor<double>(b.shape()));
  for (std::size_t i = 0; i < b.count(); ++i) {
    exponents.values[i] = b.valueAt(i);
  }
  const Tensor exponent = exponents.finish();
  HALFSTEP_TRY(const Shape shape, broadcastShape(a.shape(), b.shape()));
  HALFSTEP_TRY(const Tensor left, broadcasted(a, shape));
  HALFSTEP_TRY(const Tensor right, broadcasted(exponent, shape));
  const Elements<double> y(right);
  return dispatchNumbers(a.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> x(left);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, a.type()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      if constexpr (std::is_same_v<T, float>) {
        made.values[i] = std::pow(x[i], static_cast<float>(y[i]));
      } else {
        made.values[i] = static_cast<T>(std::pow(static_cast<double>(x[i]), y[i]));
      }
    }
    return std::vector<Value>{made.finish()};
  });
}

/// Comparison: the result is boolean.
template <class Operation>
OpResult comparison(const OpCall& call) {
  HALFSTEP_TRY(const Operands both, operands(call));
  if (both.a.type() == ElementType::string) {
    HALFSTEP_TRY(const Shape shape, broadcastShape(both.a.shape(), both.b.shape()));
    HALFSTEP_TRY(const Tensor a, broadcasted(both.a, shape));
    HALFSTEP_TRY(const Tensor b, broadcasted(both.b, shape));
    HALFSTEP_TRY(const auto made, newTensor<std::uint8_t>(shape, ElementType::boolean));
    for (std::size_t i = 0; i < a.count(); ++i) {
      made.values[i] = Operation::apply(a.strings()[i], b.strings()[i]) ? 1 : 0;
    }
    return std::vector<Value>{made.finish()};
  }
  return dispatchNumbers(both.a.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    return oneOutput(combine<T, std::uint8_t>(both.a, both.b, ElementType::boolean,
                                              [](T x, T y) { return Operation::apply(x, y) ? 1 : 0; }));
  });
}

struct Equal {
  template <class T>
  static bool apply(const T& x, const T& y) {
    return x == y;
  }
};
struct Greater {
  template <class T>
  static bool apply(const T& x, const T& y) {
    return x > y;
  }
};
struct GreaterOrEqual {
  template <class T>
  static bool apply(const T& x, const T& y) {
    return x >= y;
  }
};
struct Less {
  template <class T>
  static bool apply(const T& x, const T& y) {
    return x < y;
  }
};
struct LessOrEqual {
  template <class T>
  static bool apply(const T& x, const T& y) {
    return x <= y;
  }
};

/// Logic on booleans, whatever non-zero byte stands for true.
template <class Operation>
OpResult logic(const OpCall& call) {
  HALFSTEP_TRY(const Operands both, operands(call));
  if (both.a.type() != ElementType::boolean) {
    return call.fail("its operands are not boolean");
  }
  return oneOutput(combine<std::uint8_t, std::uint8_t>(
      both.a, both.b, ElementType::boolean,
      [](std::uint8_t x, std::uint8_t y) { return Operation::apply(x != 0, y != 0) ? 1 : 0; }));
}

struct And {
  static bool apply(bool x, bool y) { return x && y; }
};
struct Or {
  static bool apply(bool x, bool y) { return x || y; }
};
struct Xor {
  static bool apply(bool x, bool y) { return x != y; }
};

/// Bitwise operators on integers.
template <class Operation>
OpResult bitwise(const OpCall& call) {
  HALFSTEP_TRY(const Operands both, operands(call));
  return dispatchNumbers(both.a.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    if constexpr (std::is_integral_v<T>) {
      return oneOutput(combine<T, T>(both.a, both.b, both.a.type(),
                                     [](T x, T y) { return static_cast<T>(Operation::apply(x, y)); }));
    } else {
      return Error{ErrorKind::failed, "bitwise operators take integers"};
    }
  });
}

struct BitAnd {
  template <class T>
  static auto apply(T x, T y) {
    return x & y;
  }
};
struct BitOr {
  template <class T>
  static auto apply(T x, T y) {
    return x | y;
  }
};
struct BitXor {
  template <class T>
  static auto apply(T x, T y) {
    return x ^ y;
  }
};

OpResult bitShift(const OpCall& call) {
  const bool left = call.text("direction", "") == "LEFT";
  HALFSTEP_TRY(const Operands both, operands(call));
  return dispatchNumbers(both.a.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    if constexpr (std::is_integral_v<T>) {
      using U = std::make_unsigned_t<T>;
      return oneOutput(combine<T, T>(both.a, both.b, both.a.type(), [left](T x, T y) {
        const auto by = static_cast<std::uint64_t>(static_cast<U>(y));
        if (by >= sizeof(T) * 8) {
          return T{0};
        }
        const auto bits = static_cast<std::uint64_t>(static_cast<U>(x));
        return static_cast<T>(left ? bits << by : bits >> by);
      }));
    } else {
      return Error{ErrorKind::failed, "BitShift takes integers"};
    }
  });
}

/// Min, Max, Sum, Mean: any number of operands, one after the other.
template <class Operation>
OpResult variadic(const OpCall& call) {
  HALFSTEP_TRY(Tensor total, call.tensor(0));
  for (std::size_t i = 1; i < call.inputCount(); ++i) {
    HALFSTEP_TRY(const Tensor next, call.tensor(i));
    if (next.type() != total.type()) {
      return call.fail("its operands are of different types");
    }
    auto joined = dispatchNumbers(total.type(), [&]<class T>(TypeTag<T>) -> Result<Tensor> {
      return combine<T, T>(total, next, total.type(), [](T x, T y) { return Operation::apply(x, y); });
    });
    HALFSTEP_TRY(total, std::move(joined));
  }
  return std::vector<Value>{total};
}

OpResult mean(const OpCall& call) {
  HALFSTEP_TRY(const std::vector<Value> sum, variadic<Add>(call));
  const auto count = static_cast<double>(call.inputCount());
  const Tensor& total = sum.front().tensor();
  return dispatchNumbers(total.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> values(total);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(total.shape(), total.type()));
    std::transform(values.begin(), values.end(), made.values.begin(),
                   [&](T x) { return static_cast<T>(static_cast<double>(x) / count); });
    return std::vector<Value>{made.finish()};
  });
}

OpResult prelu(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(Tensor slope, call.tensor(1));
  if (slope.type() != x.type()) {
    return call.fail("its slopes are of another type than its input");
  }
  if (call.version() < 7 && slope.shape().size() == 1 && x.shape().size() > 1) { // one slope per channel
    Shape shape(x.shape().size() - 1, 1);
    shape[0] = slope.shape()[0];
    HALFSTEP_TRY(slope, reshaped(slope, shape));
  }
  return dispatchNumbers(x.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    return oneOutput(
        combine<T, T>(x, slope, x.type(), [](T v, T s) { return v < T(0) ? Multiply::apply(s, v) : v; }));
  });
}

/// The elements of both, one after the other.
Result<Tensor> joinedFlat(const Tensor& a, const Tensor& b) {
  HALFSTEP_TRY(Tensor flatA, reshaped(a, {static_cast<std::int64_t>(a.count())}));
  HALFSTEP_TRY(Tensor flatB, reshaped(b, {static_cast<std::int64_t>(b.count())}));
  const Tensor parts[] = {std::move(flatA), std::move(flatB)};
  return concatenated(parts, 0);
}

/// Where and the choice between two tensors of any type.
OpResult where(const OpCall& call) {
  HALFSTEP_TRY(const Tensor condition, call.tensor(0));
  HALFSTEP_TRY(const Tensor a, call.tensor(1));
  HALFSTEP_TRY(const Tensor b, call.tensor(2));
  if (a.type() != b.type() || condition.type() != ElementType::boolean) {
    return call.fail("it takes a boolean and two tensors of one type");
  }
  HALFSTEP_TRY(const Shape both, broadcastShape(a.shape(), b.shape()));
  HALFSTEP_TRY(const Shape shape, broadcastShape(both, condition.shape()));
  HALFSTEP_TRY(const Tensor chosen, broadcasted(condition, shape));
  // Indices into a and b, one after the other.
  HALFSTEP_TRY(const Tensor joined, joinedFlat(a, b));
  const auto indices = [&](const Tensor& tensor, std::int64_t offset) -> Result<Tensor> {
    HALFSTEP_TRY(const auto made, newTensor<std::int64_t>(tensor.shape()));
    for (std::size_t i = 0; i < made.values.size(); ++i) {
      made.values[i] = offset + static_cast<std::int64_t>(i);
    }
    return broadcasted(made.finish(), shape);
  };
  HALFSTEP_TRY(const Tensor fromA, indices(a, 0));
  HALFSTEP_TRY(const Tensor fromB, indices(b, static_cast<std::int64_t>(a.count())));
  const Elements<std::uint8_t> choose(chosen);
  const Elements<std::int64_t> indexA(fromA);
  const Elements<std::int64_t> indexB(fromB);
  std::vector<std::int64_t> from(choose.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    from[i] = choose[i] != 0 ? indexA[i] : indexB[i];
  }
  return oneOutput(rearranged(joined, shape, 1, from));
}

/// Add, Sub and Mul, which go on in a layout that oneDNN left, and take a Relu with them.
template <class Operation, BlockedBinary kOperation>
OpResult blockedArithmetic(const OpCall& call) {
  if (auto blocked = blockedBinary(call, kOperation)) {
    return std::move(*blocked);
  }
  HALFSTEP_TRY(std::vector<Value> outputs, arithmetic<Operation>(call));
  if (call.endsInRelu()) {
    HALFSTEP_TRY(outputs.front(), withoutNegatives(outputs.front().tensor()));
  }
  return outputs;
}

constexpr Widening kFloats = Widening::floats;

constexpr OperatorEntry kEntries[] = {
    {"", "Add", blockedArithmetic<Add, BlockedBinary::add>, kFloats, 7, Activation::fusesRelu},
    {"", "Add", arithmetic<Add>, kFloats},
    {"", "And", logic<And>},
    {"", "BitShift", bitShift},
    {"", "BitwiseAnd", bitwise<BitAnd>},
    {"", "BitwiseOr", bitwise<BitOr>},
    {"", "BitwiseXor", bitwise<BitXor>},
    {"", "Div", arithmetic<Divide>, kFloats},
    {"", "Equal", comparison<Equal>, kFloats},
    {"", "Greater", comparison<Greater>, kFloats},
    {"", "GreaterOrEqual", comparison<GreaterOrEqual>, kFloats},
    {"", "Less", comparison<Less>, kFloats},
    {"", "LessOrEqual", comparison<LessOrEqual>, kFloats},
    {"", "Max", variadic<Maximum>, kFloats},
    {"", "Mean", mean, kFloats},
    {"", "Min", variadic<Minimum>, kFloats},
    {"", "Mod", modulo, kFloats},
    {"", "Mul", blockedArithmetic<Multiply, BlockedBinary::multiply>, kFloats, 7, Activation::fusesRelu},
    {"", "Mul", arithmetic<Multiply>, kFloats},
    {"", "Or", logic<Or>},
    {"", "PRelu", prelu, kFloats},
    {"", "Pow", power, kFloats},
    {"", "Sub", blockedArithmetic<Subtract, BlockedBinary::subtract>, kFloats, 7, Activation::fusesRelu},
    {"", "Sub", arithmetic<Subtract>, kFloats},
    {"", "Sum", variadic<Add>, kFloats},
    {"", "Where", where},
    {"", "Xor", logic<Xor>},
};

} // namespace

std::span<const OperatorEntry> elementwiseOperators() {
  return kEntries;
}

} // namespace halfstep
