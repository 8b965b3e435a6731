// Element-wise functions of one value.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/blocked_operators.h"
#include "core/exec/operators/elementwise.h"
#include "core/exec/operators/float_rows.h"
#include "core/exec/operators/results.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace halfstep {

namespace {

/// −x; integers wrap around.
template <class T>
T wrappedNegative(T x) {
  return static_cast<T>(std::uint64_t{0} - static_cast<std::uint64_t>(x));
}

/// Functions of a floating-point value: f is called with float or double.
template <class F>
OpResult realFunction(const OpCall& call, F f) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  if (x.type() == ElementType::float32) {
    return oneOutput(mapped<float>(x, f));
  }
  if (x.type() == ElementType::float64) {
    return oneOutput(mapped<double>(x, f));
  }
  return call.fail("it takes floating-point values, not " + std::string(elementTypeName(x.type())));
}

/// Functions of any number.
template <class F>
OpResult numberFunction(const OpCall& call, F f) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  return dispatchNumbers(x.type(),
                         [&]<class T>(TypeTag<T>) -> OpResult { return oneOutput(mapped<T>(x, f)); });
}

template <class T>
T gauss(T x) { // Φ(x)
  return T(0.5) * std::erfc(-x / static_cast<T>(1.4142135623730951));
}

template <class T>
T sigmoidOf(T x) { // without overflow on either side
  if (x >= T(0)) {
    return T(1) / (T(1) + std::exp(-x));
  }
  const T e = std::exp(x);
  return e / (T(1) + e);
}

template <class T>
T softplusOf(T x) {
  return std::max(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
}

OpResult absolute(const OpCall& call) {
  return numberFunction(call, []<class T>(T x) {
    if constexpr (std::is_unsigned_v<T>) {
      return x;
    } else if constexpr (std::is_integral_v<T>) {
      return x < 0 ? wrappedNegative(x) : x;
    } else {
      return std::abs(x);
    }
  });
}

OpResult negative(const OpCall& call) {
  return numberFunction(call, []<class T>(T x) {
    if constexpr (std::is_integral_v<T>) {
      return wrappedNegative(x);
    } else {
      return -x;
    }
  });
}

OpResult sign(const OpCall& call) {
  return numberFunction(call,
                        []<class T>(T x) { return static_cast<T>(x > T(0) ? 1 : (x < T(0) ? -1 : x)); });
}

OpResult relu(const OpCall& call) {
  if (auto blocked = blockedUnary(call, BlockedUnary::relu)) {
    return std::move(*blocked);
  }
  return numberFunction(call, []<class T>(T x) { return x < T(0) ? T(0) : x; });
}

OpResult bitNot(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  return dispatchNumbers(x.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    if constexpr (std::is_integral_v<T>) {
      return oneOutput(mapped<T>(x, [](T v) { return static_cast<T>(~v); }));
    } else {
      return Error{ErrorKind::failed, "BitwiseNot takes integers"};
    }
  });
}

OpResult logicNot(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  if (x.type() != ElementType::boolean) {
    return call.fail("its input is not boolean");
  }
  return oneOutput(
      mapped<std::uint8_t>(x, [](std::uint8_t v) { return static_cast<std::uint8_t>(v == 0 ? 1 : 0); }));
}

/// IsNaN and IsInf give booleans.
template <class F>
OpResult test(const OpCall& call, F f) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const auto made, newTensor<std::uint8_t>(x.shape(), ElementType::boolean));
  for (std::size_t i = 0; i < x.count(); ++i) {
    made.values[i] = f(x.valueAt(i)) ? 1 : 0;
  }
  return std::vector<Value>{made.finish()};
}

OpResult isNan(const OpCall& call) {
  return test(call, [](double x) { return std::isnan(x); });
}

OpResult isInf(const OpCall& call) {
  const bool positive = call.integer("detect_positive", 1) != 0;
  const bool negativeToo = call.integer("detect_negative", 1) != 0;
  return test(call, [=](double x) { return std::isinf(x) && (x > 0.0 ? positive : negativeToo); });
}

OpResult leakyRelu(const OpCall& call) {
  const float alpha = call.real("alpha", 0.01f);
  if (auto blocked = blockedUnary(call, BlockedUnary::leakyRelu, alpha)) {
    return std::move(*blocked);
  }
  return realFunction(call, [alpha]<class T>(T x) { return x < T(0) ? static_cast<T>(alpha) * x : x; });
}

OpResult elu(const OpCall& call) {
  const float alpha = call.real("alpha", 1.0f);
  return realFunction(call,
                      [alpha]<class T>(T x) { return x < T(0) ? static_cast<T>(alpha) * std::expm1(x) : x; });
}

OpResult celu(const OpCall& call) {
  const float alpha = call.real("alpha", 1.0f);
  return realFunction(call, [alpha]<class T>(T x) {
    const T a = static_cast<T>(alpha);
    return std::max(T(0), x) + std::min(T(0), a * std::expm1(x / a));
  });
}

OpResult selu(const OpCall& call) {
  const float alpha = call.real("alpha", 1.67326319217681884765625f);
  const float gamma = call.real("gamma", 1.05070102214813232421875f);
  return realFunction(call, [=]<class T>(T x) {
    return static_cast<T>(gamma) * (x <= T(0) ? static_cast<T>(alpha) * std::expm1(x) : x);
  });
}

OpResult hardSigmoid(const OpCall& call) {
  const float alpha = call.real("alpha", 0.2f);
  const float beta = call.real("beta", 0.5f);
  return realFunction(call, [=]<class T>(T x) {
    return std::clamp(static_cast<T>(alpha) * x + static_cast<T>(beta), T(0), T(1));
  });
}

OpResult thresholdedRelu(const OpCall& call) {
  const float alpha = call.real("alpha", 1.0f);
  return realFunction(call, [alpha]<class T>(T x) { return x > static_cast<T>(alpha) ? x : T(0); });
}

OpResult shrink(const OpCall& call) {
  const float bias = call.real("bias", 0.0f);
  const float lambda = call.real("lambd", 0.5f);
  return numberFunction(call, [=]<class T>(T x) {
    const auto value = static_cast<double>(x);
    const double limit = static_cast<double>(lambda);
    const double by = static_cast<double>(bias);
    return static_cast<T>(value < -limit ? value + by : (value > limit ? value - by : 0.0));
  });
}

OpResult swish(const OpCall& call) {
  const float alpha = call.real("alpha", 1.0f);
  return realFunction(call, [alpha]<class T>(T x) { return x * sigmoidOf(static_cast<T>(alpha) * x); });
}

/// A function without parameters as an OpFunction.
#define HALFSTEP_REAL_FUNCTION(name, expression)                                                             \
  OpResult name(const OpCall& call) {                                                                        \
    return realFunction(call, []<class T>(T x) -> T { return expression; });                                 \
  }
HALFSTEP_REAL_FUNCTION(acosOf, std::acos(x))
HALFSTEP_REAL_FUNCTION(acoshOf, std::acosh(x))
HALFSTEP_REAL_FUNCTION(asinOf, std::asin(x))
HALFSTEP_REAL_FUNCTION(asinhOf, std::asinh(x))
HALFSTEP_REAL_FUNCTION(atanOf, std::atan(x))
HALFSTEP_REAL_FUNCTION(atanhOf, std::atanh(x))
HALFSTEP_REAL_FUNCTION(ceilOf, std::ceil(x))
HALFSTEP_REAL_FUNCTION(cosOf, std::cos(x))
HALFSTEP_REAL_FUNCTION(coshOf, std::cosh(x))
HALFSTEP_REAL_FUNCTION(floorOf, std::floor(x))
HALFSTEP_REAL_FUNCTION(logOf, std::log(x))
HALFSTEP_REAL_FUNCTION(reciprocalOf, T(1) / x)
HALFSTEP_REAL_FUNCTION(roundOf, std::nearbyint(x))
HALFSTEP_REAL_FUNCTION(sinOf, std::sin(x))
HALFSTEP_REAL_FUNCTION(sinhOf, std::sinh(x))
HALFSTEP_REAL_FUNCTION(softplus, softplusOf(x))
HALFSTEP_REAL_FUNCTION(softsign, x / (T(1) + std::abs(x)))
HALFSTEP_REAL_FUNCTION(sqrtOf, std::sqrt(x))
HALFSTEP_REAL_FUNCTION(tanOf, std::tan(x))
HALFSTEP_REAL_FUNCTION(hardSwish, x* std::clamp(x / T(6) + T(0.5), T(0), T(1)))
HALFSTEP_REAL_FUNCTION(mish, x* std::tanh(softplusOf(x)))
#undef HALFSTEP_REAL_FUNCTION

/// Those that every network is full of: in float32 by rows.
template <class Exact>
OpResult commonFunction(const OpCall& call, void (*row)(const float*, float*, std::size_t), Exact exact) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  if (x.type() != ElementType::float32) {
    return realFunction(call, exact);
  }
  const Elements<float> values(x);
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(x.shape()));
  inPieces(values.size(), [&](std::size_t from, std::size_t to) {
    row(values.data() + from, made.values.data() + from, to - from);
  });
  return std::vector<Value>{made.finish()};
}

OpResult expOf(const OpCall& call) {
  return commonFunction(call, exponentials, []<class T>(T x) { return std::exp(x); });
}

OpResult sigmoid(const OpCall& call) {
  if (auto blocked = blockedUnary(call, BlockedUnary::sigmoid)) {
    return std::move(*blocked);
  }
  return commonFunction(call, logistics, []<class T>(T x) { return sigmoidOf(x); });
}

OpResult tanhOf(const OpCall& call) {
  if (auto blocked = blockedUnary(call, BlockedUnary::tanh)) {
    return std::move(*blocked);
  }
  return commonFunction(call, hyperbolicTangents, []<class T>(T x) { return std::tanh(x); });
}

OpResult erfOf(const OpCall& call) {
  return commonFunction(call, errorFunctions, []<class T>(T x) { return std::erf(x); });
}

OpResult gelu(const OpCall& call) {
  if (call.text("approximate", "none") == "tanh") {
    return commonFunction(call, tanhGelus, []<class T>(T x) {
      const T inner = static_cast<T>(0.7978845608028654) * (x + static_cast<T>(0.044715) * x * x * x);
      return T(0.5) * x * (T(1) + std::tanh(inner));
    });
  }
  return commonFunction(call, normalGelus, []<class T>(T x) { return x * gauss(x); });
}

struct ClipLimits {
  float least = -std::numeric_limits<float>::infinity();
  float most = std::numeric_limits<float>::infinity();
};

/// The limits of a float32 input.
Result<ClipLimits> clipLimits(const OpCall& call) {
  ClipLimits limits;
  if (call.version() < 11) {
    limits = {call.real("min", limits.least), call.real("max", limits.most)};
  }
  for (std::size_t i = 1; i <= 2; ++i) {
    if (call.has(i)) {
      HALFSTEP_TRY(const double limit, call.scalar(i));
      (i == 1 ? limits.least : limits.most) = static_cast<float>(limit);
    }
  }
  return limits;
}

/// Limits are attributes before opset 11, inputs from then on.
OpResult clip(const OpCall& call) {
  if (call.input(0).lazy() != nullptr) { // float32
    HALFSTEP_TRY(const ClipLimits limits, clipLimits(call));
    if (auto blocked = blockedUnary(call, BlockedUnary::clip, limits.least, limits.most)) {
      return std::move(*blocked);
    }
  }
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  return dispatchNumbers(x.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    T least = std::numeric_limits<T>::lowest();
    T most = std::numeric_limits<T>::max();
    if constexpr (std::is_floating_point_v<T>) {
      least = -std::numeric_limits<T>::infinity();
      most = std::numeric_limits<T>::infinity();
    }
    if (call.version() < 11) {
      if (call.hasAttribute("min")) {
        least = static_cast<T>(call.real("min", 0.0f));
      }
      if (call.hasAttribute("max")) {
        most = static_cast<T>(call.real("max", 0.0f));
      }
    }
    for (std::size_t i = 1; i <= 2; ++i) {
      if (call.has(i)) {
        HALFSTEP_TRY(const Tensor limit, call.tensor(i));
        if (limit.type() != x.type() || limit.count() != 1) {
          return call.fail("a limit is no scalar of the input's type");
        }
        (i == 1 ? least : most) = Elements<T>(limit)[0];
      }
    }
    return oneOutput(mapped<T>(x, [=](T v) { return std::min(std::max(v, least), most); }));
  });
}

constexpr Widening kFloats = Widening::floats;

constexpr OperatorEntry kEntries[] = {
    {"", "Abs", absolute, kFloats},
    {"", "Acos", acosOf, kFloats},
    {"", "Acosh", acoshOf, kFloats},
    {"", "Asin", asinOf, kFloats},
    {"", "Asinh", asinhOf, kFloats},
    {"", "Atan", atanOf, kFloats},
    {"", "Atanh", atanhOf, kFloats},
    {"", "BitwiseNot", bitNot},
    {"", "Ceil", ceilOf, kFloats},
    {"", "Celu", celu, kFloats},
    {"", "Clip", clip, kFloats},
    {"", "Cos", cosOf, kFloats},
    {"", "Cosh", coshOf, kFloats},
    {"", "Elu", elu, kFloats},
    {"", "Erf", erfOf, kFloats},
    {"", "Exp", expOf, kFloats},
    {"", "Floor", floorOf, kFloats},
    {"", "Gelu", gelu, kFloats},
    {"", "HardSigmoid", hardSigmoid, kFloats},
    {"", "HardSwish", hardSwish, kFloats},
    {"", "IsInf", isInf},
    {"", "IsNaN", isNan},
    {"", "LeakyRelu", leakyRelu, kFloats},
    {"", "Log", logOf, kFloats},
    {"", "Mish", mish, kFloats},
    {"", "Neg", negative, kFloats},
    {"", "Not", logicNot},
    {"", "Reciprocal", reciprocalOf, kFloats},
    {"", "Relu", relu, kFloats},
    {"", "Round", roundOf, kFloats},
    {"", "Selu", selu, kFloats},
    {"", "Shrink", shrink, kFloats},
    {"", "Sigmoid", sigmoid, kFloats},
    {"", "Sign", sign, kFloats},
    {"", "Sin", sinOf, kFloats},
    {"", "Sinh", sinhOf, kFloats},
    {"", "Softplus", softplus, kFloats},
    {"", "Softsign", softsign, kFloats},
    {"", "Sqrt", sqrtOf, kFloats},
    {"", "Swish", swish, kFloats},
    {"", "Tan", tanOf, kFloats},
    {"", "Tanh", tanhOf, kFloats},
    {"", "ThresholdedRelu", thresholdedRelu, kFloats},
    {"com.microsoft", "Gelu", gelu, kFloats},
};

} // namespace

std::span<const OperatorEntry> functionOperators() {
  return kEntries;
}

} // namespace halfstep
