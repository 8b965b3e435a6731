// Cast and CastLike: between all element types. Floating point to integers truncates (values out of range are
// clamped; NaN gives 0: ONNX leaves both open); to booleans everything but zero is true. BitCast beside them.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/results.h"
#include "core/exec/widening.h"
#include "core/tensor/float_formats.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace halfstep {

namespace {

template <class To, class From>
To converted(From value) {
  if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (std::isnan(value)) {
      return To{0};
    }
    // The limits as floats lie on or outside the type's own.
    constexpr auto kLeast = static_cast<double>(std::numeric_limits<To>::lowest());
    constexpr auto kMost = static_cast<double>(std::numeric_limits<To>::max());
    const auto wide = static_cast<double>(value);
    return wide <= kLeast ? std::numeric_limits<To>::lowest()
                          : (wide >= kMost ? std::numeric_limits<To>::max() : static_cast<To>(wide));
  } else {
    return static_cast<To>(value);
  }
}

/// Every numeric type as one of the whole C++ types: small floats as float32, sub-byte integers as int8.
Result<Tensor> whole(const Tensor& tensor) {
  const int bits = elementBits(tensor.type());
  if (isInteger(tensor.type()) && bits < 8) {
    HALFSTEP_TRY(const auto made, newTensor<std::int8_t>(tensor.shape()));
    for (std::size_t i = 0; i < tensor.count(); ++i) {
      made.values[i] = static_cast<std::int8_t>(tensor.valueAt(i));
    }
    return made.finish();
  }
  if (isFloatingPoint(tensor.type()) && tensor.type() != ElementType::float64) {
    return asFloat32(tensor);
  }
  return tensor;
}

/// NumPy's way of writing a number in an array of strings.
template <class T>
std::string written(T value) {
  if constexpr (std::is_integral_v<T>) {
    return std::to_string(value);
  } else {
    if (std::isnan(value)) {
      return "NaN";
    }
    if (std::isinf(value)) {
      return value > 0 ? "INF" : "-INF";
    }
    char text[40];
    for (int digits = 1; digits <= 17; ++digits) { // the shortest that reads back as the same number
      std::snprintf(text, sizeof text, "%.*g", digits, static_cast<double>(value));
      const bool same = std::is_same_v<T, float> ? std::strtof(text, nullptr) == static_cast<float>(value)
                                                 : std::strtod(text, nullptr) == static_cast<double>(value);
      if (same) {
        break;
      }
    }
    std::string result = text;
    return result.find_first_of(".e") == std::string::npos ? result + ".0" : result;
  }
}

Result<Tensor> toStrings(const Tensor& tensor) {
  HALFSTEP_TRY(const Tensor numbers, whole(tensor));
  return dispatchNumbers(numbers.type(), [&]<class T>(TypeTag<T>) -> Result<Tensor> {
    const Elements<T> values(numbers);
    std::vector<std::string> strings;
    for (const T value : values) {
      strings.push_back(written(value));
    }
    return Tensor::ofStrings(tensor.shape(), std::move(strings));
  });
}

/// Numbers in strings, as float64.
Result<Tensor> fromStrings(const Tensor& tensor) {
  HALFSTEP_TRY(const auto made, newTensor<double>(tensor.shape()));
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    const std::string& text = tensor.strings()[i];
    char* end = nullptr;
    made.values[i] = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0') {
      return Error{ErrorKind::failed, "the string \"" + text + "\" is no number"};
    }
  }
  return made.finish();
}

template <class To>
Result<Tensor> toNumbers(const Tensor& numbers, ElementType type) {
  return dispatchNumbers(numbers.type(), [&]<class From>(TypeTag<From>) -> Result<Tensor> {
    const Elements<From> values(numbers);
    HALFSTEP_TRY(const NewTensor<To> made, newTensor<To>(numbers.shape(), type));
    for (std::size_t i = 0; i < values.size(); ++i) {
      made.values[i] =
          type == ElementType::boolean ? static_cast<To>(values[i] != From{0}) : converted<To>(values[i]);
    }
    return made.finish();
  });
}

/// What Cast says beside the type.
struct CastRule {
  bool saturate = true; ///< small floats: the largest number instead of infinity or NaN
  PowerRounding rounding = PowerRounding::up;
};

/// Integers of less than 8 bits: from integers the low bits, as between the wider types; from floats like
/// those.
Result<Tensor> toSmallIntegers(const Tensor& numbers, ElementType type) {
  const int bits = elementBits(type);
  const double least = isSigned(type) ? -std::exp2(bits - 1) : 0.0;
  const double most = std::exp2(isSigned(type) ? bits - 1 : bits) - 1.0;
  std::vector<std::int32_t> codes(numbers.count());
  if (isInteger(numbers.type()) || numbers.type() == ElementType::boolean) {
    HALFSTEP_TRY(const std::vector<std::int64_t> values, toIntegers(numbers));
    std::transform(values.begin(), values.end(), codes.begin(),
                   [](std::int64_t value) { return static_cast<std::int32_t>(value); });
  } else {
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const double value = numbers.valueAt(i);
      const double kept = std::isnan(value) ? 0.0 : std::clamp(std::trunc(value), least, most);
      codes[i] = static_cast<std::int32_t>(kept);
    }
  }
  return packedCodes(numbers.shape(), type, codes);
}

/// Types of at most 8 bits that no C++ type is.
Result<Tensor> toSmall(const Tensor& numbers, ElementType type, const CastRule& rule) {
  if (isInteger(type) && elementBits(type) < 8) {
    return toSmallIntegers(numbers, type);
  }
  const SmallFloatFormat* format = smallFloatFormatOf(type);
  if (format == nullptr && type != ElementType::float8e8m0) {
    return Error{ErrorKind::unsupported,
                 "casting to " + std::string(elementTypeName(type)) + " is not supported"};
  }
  std::vector<std::int32_t> codes(numbers.count());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const auto value = static_cast<float>(numbers.valueAt(i));
    codes[i] = format != nullptr
                   ? smallFloatFromFloat(*format, value, rule.saturate || type == ElementType::float4e2m1)
                   : float8e8m0FromFloat(value, rule.saturate, rule.rounding);
  }
  return packedCodes(numbers.shape(), type, codes);
}

Result<Tensor> castTo(const Tensor& tensor, ElementType type, const CastRule& rule) {
  if (tensor.type() == type) {
    return tensor;
  }
  if (type == ElementType::string) {
    return toStrings(tensor);
  }
  HALFSTEP_TRY(const Tensor numbers,
               tensor.type() == ElementType::string ? fromStrings(tensor) : whole(tensor));
  if (type == ElementType::float16 || type == ElementType::bfloat16) {
    HALFSTEP_TRY(const Tensor floats, toNumbers<float>(numbers, ElementType::float32));
    return narrowed(floats, type);
  }
  return dispatchNumbers(
      type, [&]<class To>(TypeTag<To>) { return toNumbers<To>(numbers, type); },
      [&](ElementType) { return toSmall(numbers, type, rule); });
}

Result<CastRule> castRule(const OpCall& call) {
  const std::string rounding = call.text("round_mode", "up");
  CastRule rule;
  rule.saturate = call.integer("saturate", 1) != 0;
  rule.rounding = rounding == "down"      ? PowerRounding::down
                  : rounding == "nearest" ? PowerRounding::nearest
                                          : PowerRounding::up;
  const bool isKnown = rounding == "up" || rule.rounding != PowerRounding::up;
  return isKnown ? Result(rule) : call.fail("the round_mode " + rounding + " is not known");
}

OpResult cast(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  std::optional<ElementType> type = elementTypeFromOnnx(call.integer("to", 0));
  if (call.version() < 6) { // by name
    const std::string name = call.text("to", "");
    for (std::int64_t code = 1; code <= 16 && !name.empty(); ++code) {
      static constexpr std::string_view kNames[] = {
          "FLOAT", "UINT8",   "INT8",   "UINT16", "INT16",  "INT32",     "INT64",      "STRING",
          "BOOL",  "FLOAT16", "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16"};
      type = name == kNames[code - 1] ? elementTypeFromOnnx(code) : type;
    }
  }
  if (!type || *type == ElementType::undefined) {
    return call.fail("it does not say to which type");
  }
  HALFSTEP_TRY(const CastRule rule, castRule(call));
  return oneOutput(castTo(data, *type, rule));
}

OpResult castLike(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const Tensor like, call.tensor(1));
  HALFSTEP_TRY(const CastRule rule, castRule(call));
  return oneOutput(castTo(data, like.type(), rule));
}

/// The same bits as another type of as many.
OpResult bitCast(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  const ElementType type = elementTypeFromOnnx(call.integer("to", 0)).value_or(ElementType::undefined);
  if (elementBits(type) == 0 || elementBits(type) != elementBits(data.type())) {
    return call.fail(std::string(elementTypeName(data.type())) + " does not have as many bits as " +
                     std::string(elementTypeName(type)));
  }
  return oneOutput(
      Tensor::own(type, data.shape(), std::vector<std::byte>(data.bytes().begin(), data.bytes().end())));
}

constexpr OperatorEntry kEntries[] = {
    {"", "BitCast", bitCast},
    {"", "Cast", cast},
    {"", "CastLike", castLike},
};

} // namespace

std::span<const OperatorEntry> castingOperators() {
  return kEntries;
}

} // namespace halfstep
