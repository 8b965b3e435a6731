// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear. Formulas: ONNX Operators.md. Arithmetic is in
// single precision, as in the reference.
#include "core/exec/operator_families.h"
#include "core/exec/operators/float_rows.h"
#include "core/exec/operators/quantizing.h"
#include "core/exec/operators/results.h"
#include "core/support/parallel.h"
#include "core/tensor/float_formats.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace halfstep {

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 15;

/// The range of an integer type of at most 32 bits.
struct IntegerRange {
  std::int64_t least;
  std::int64_t most;
};
IntegerRange rangeOf(ElementType type) {
  const int bits = elementBits(type);
  return isSigned(type) ? IntegerRange{-(std::int64_t{1} << (bits - 1)), (std::int64_t{1} << (bits - 1)) - 1}
                        : IntegerRange{0, (std::int64_t{1} << bits) - 1};
}

/// Calls body(first, last, index of the scale) for runs of elements with one scale, on several threads.
template <class F>
void forRuns(std::size_t count, const Scaling& scaling, F body) {
  parallelFor((count + kPiece - 1) / kPiece, [&](std::size_t piece) {
    const std::size_t end = std::min(count, (piece + 1) * kPiece);
    for (std::size_t i = piece * kPiece; i < end;) {
      const std::size_t last = std::min(end, scaling.runEnd(i));
      body(i, last, scaling.index(i));
      i = last;
    }
  });
}

/// As many zero points as there are scales.
template <class T>
Result<std::vector<T>> zeroPoints(const QuantParameters& parameters) {
  std::vector<T> zeros(parameters.scale.count(), T{0});
  const Tensor& given = parameters.zeroPoint;
  if (given.type() == ElementType::undefined) {
    return zeros;
  }
  if (std::is_integral_v<T> ? !isInteger(given.type()) : given.type() == ElementType::string) {
    return Error{ErrorKind::failed, "the zero points are " + std::string(elementTypeName(given.type()))};
  }
  if (given.count() != zeros.size()) {
    return Error{ErrorKind::failed, "there are " + std::to_string(given.count()) + " zero points for " +
                                        std::to_string(zeros.size()) + " scales"};
  }
  for (std::size_t i = 0; i < zeros.size(); ++i) {
    zeros[i] = static_cast<T>(given.valueAt(i));
  }
  return zeros;
}

std::int64_t clampedRound(float value, float zero, const IntegerRange& range) {
  const float sum = std::nearbyint(value) + zero;
  if (!(sum > static_cast<float>(range.least))) { // NaN as well
    return range.least;
  }
  return sum >= static_cast<float>(range.most) ? range.most : static_cast<std::int64_t>(sum);
}

} // namespace

Result<Scaling> Scaling::create(const Shape& shape, const Shape& scale, std::int64_t axis,
                                std::int64_t block) {
  HALFSTEP_TRY(const std::size_t scales, elementCount(scale));
  Scaling scaling;
  HALFSTEP_TRY(scaling.m_count, elementCount(shape));
  if (scales == 1) {
    return scaling;
  }
  const Error unfit{ErrorKind::failed,
                    "scales of " + shapeText(scale) + " do not fit a tensor of " + shapeText(shape)};
  HALFSTEP_TRY(const std::size_t at, normalizedAxis(axis, shape.size()));
  scaling.m_single = false;
  scaling.m_length = dimensionOf(shape, at);
  scaling.m_inner = dimensionsProduct(shape, at + 1, shape.size());
  if (block < 0) {
    return unfit;
  }
  if (block == 0) {
    return scale.size() == 1 && scales == scaling.m_length ? Result<Scaling>(scaling)
                                                           : Result<Scaling>(unfit);
  }
  scaling.m_block = static_cast<std::size_t>(block);
  Shape expected = shape;
  expected[at] = shape[at] / block + (shape[at] % block != 0 ? 1 : 0);
  return scale == expected ? Result<Scaling>(scaling) : Result<Scaling>(unfit);
}

std::size_t Scaling::index(std::size_t element) const {
  if (m_single) {
    return 0;
  }
  const std::size_t at = element / m_inner % m_length;
  if (m_block == 0) {
    return at;
  }
  const std::size_t blocks = (m_length - 1) / m_block + 1;
  return (element / m_inner / m_length * blocks + at / m_block) * m_inner + element % m_inner;
}

std::size_t Scaling::runEnd(std::size_t element) const {
  if (m_single) {
    return m_count;
  }
  if (m_block == 0) {
    return (element / m_inner + 1) * m_inner;
  }
  if (m_inner > 1) {
    return element + 1;
  }
  const std::size_t at = element % m_length;
  return element - at + std::min(m_length, at - at % m_block + std::min(m_block, m_length));
}

Result<QuantParameters> quantParameters(const OpCall& call, std::size_t scaleAt) {
  QuantParameters parameters;
  HALFSTEP_TRY(parameters.scale, call.tensor(scaleAt));
  if (call.has(scaleAt + 1)) {
    HALFSTEP_TRY(parameters.zeroPoint, call.tensor(scaleAt + 1));
  }
  return parameters;
}

namespace {

/// Zero points of another type may be no codes.
template <class T>
Result<void> checkZeroPoints(std::span<const T> zeros, const IntegerRange& range, ElementType type) {
  for (const T zero : zeros) { // NaN as well
    if (!(zero >= static_cast<T>(range.least) && zero <= static_cast<T>(range.most))) {
      return Error{ErrorKind::failed,
                   "the zero point " + std::to_string(zero) + " is no " + std::string(elementTypeName(type))};
    }
  }
  return {};
}

} // namespace

Result<std::vector<float>> dequantized(const Tensor& x, const QuantParameters& parameters) {
  HALFSTEP_TRY(const Scaling scaling,
               Scaling::create(x.shape(), parameters.scale.shape(), parameters.axis, parameters.block));
  HALFSTEP_TRY(const std::vector<float> scales, toFloats(parameters.scale, JobContext()));
  std::vector<float> values;
  if (x.type() == ElementType::int32) { // not every int32 is a float: subtract first
    HALFSTEP_TRY(const std::vector<std::int64_t> zeros, zeroPoints<std::int64_t>(parameters));
    HALFSTEP_CHECK(checkZeroPoints(std::span<const std::int64_t>(zeros), rangeOf(x.type()), x.type()));
    const Elements<std::int32_t> numbers(x);
    values.resize(numbers.size());
    forRuns(values.size(), scaling, [&](std::size_t first, std::size_t last, std::size_t at) {
      for (std::size_t i = first; i < last; ++i) {
        values[i] = static_cast<float>(numbers[i] - zeros[at]) * scales[at];
      }
    });
    return values;
  }
  HALFSTEP_TRY(const std::vector<float> zeros, zeroPoints<float>(parameters));
  HALFSTEP_TRY(values, toFloats(x, JobContext()));
  forRuns(values.size(), scaling, [&](std::size_t first, std::size_t last, std::size_t at) {
    const float zero = zeros[at];
    const float scale = scales[at];
    for (std::size_t i = first; i < last; ++i) {
      values[i] = (values[i] - zero) * scale;
    }
  });
  return values;
}

Result<Tensor> quantized(std::span<const float> x, const Shape& shape, const QuantParameters& parameters,
                         ElementType type, bool saturate) {
  HALFSTEP_TRY(const Scaling scaling,
               Scaling::create(shape, parameters.scale.shape(), parameters.axis, parameters.block));
  HALFSTEP_TRY(const std::vector<float> scales, toFloats(parameters.scale, JobContext()));
  HALFSTEP_TRY(const std::vector<float> zeros, zeroPoints<float>(parameters));
  if (const SmallFloatFormat* format = smallFloatFormatOf(type)) {
    std::vector<std::int32_t> codes(x.size());
    forRuns(x.size(), scaling, [&](std::size_t first, std::size_t last, std::size_t at) {
      for (std::size_t i = first; i < last; ++i) {
        codes[i] = smallFloatFromFloat(*format, x[i] / scales[at] + zeros[at], saturate);
      }
    });
    return packedCodes(shape, type, codes);
  }
  if (!isInteger(type) || elementBits(type) > 16) {
    return Error{ErrorKind::unsupported, "cannot quantize to " + std::string(elementTypeName(type))};
  }
  const IntegerRange range = rangeOf(type);
  HALFSTEP_CHECK(checkZeroPoints(std::span<const float>(zeros), range, type));
  if (elementBits(type) == 8) {
    HALFSTEP_TRY(const auto made, newTensor<std::uint8_t>(shape, type));
    forRuns(x.size(), scaling, [&](std::size_t first, std::size_t last, std::size_t at) {
      const CodeRange codes{static_cast<int>(range.least), static_cast<int>(range.most),
                            static_cast<int>(zeros[at])};
      quantizedBytes(x.data() + first, scales[at], codes, made.values.data() + first, last - first);
    });
    return made.finish();
  }
  std::vector<std::int32_t> values(x.size());
  forRuns(x.size(), scaling, [&](std::size_t first, std::size_t last, std::size_t at) {
    for (std::size_t i = first; i < last; ++i) {
      values[i] = static_cast<std::int32_t>(clampedRound(x[i] / scales[at], zeros[at], range));
    }
  });
  return packedIntegers(shape, type, values);
}

std::int64_t requantized(float value, std::int64_t zeroPoint, ElementType type) {
  return clampedRound(value, static_cast<float>(zeroPoint), rangeOf(type));
}

Result<Tensor> packedIntegers(const Shape& shape, ElementType type, std::span<const std::int32_t> values) {
  if (isInteger(type) && elementBits(type) < 8) {
    return packedCodes(shape, type, values);
  }
  return dispatchNumbers(type, [&]<class T>(TypeTag<T>) -> Result<Tensor> {
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, type));
    if (made.values.size() != values.size()) {
      return Error{ErrorKind::failed, "there are not as many values as elements"};
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      made.values[i] = static_cast<T>(values[i]);
    }
    return made.finish();
  });
}

OpResult quantizeLinear(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(QuantParameters parameters, quantParameters(call, 1));
  parameters.axis = call.integer("axis", 1);
  parameters.block = call.integer("block_size", 0);
  ElementType type = ElementType::uint8;
  if (parameters.zeroPoint.type() != ElementType::undefined) {
    type = parameters.zeroPoint.type();
  } else if (const std::int64_t code = call.integer("output_dtype", 0); code != 0) {
    type = elementTypeFromOnnx(code).value_or(ElementType::undefined);
  }
  HALFSTEP_TRY(const std::vector<float> values, toFloats(x, call.job()));
  return oneOutput(quantized(values, x.shape(), parameters, type, call.integer("saturate", 1) != 0));
}

/// The result has the scale's type unless `output_dtype` says otherwise.
OpResult dequantizeLinear(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(QuantParameters parameters, quantParameters(call, 1));
  parameters.axis = call.integer("axis", 1);
  parameters.block = call.integer("block_size", 0);
  ElementType type = parameters.scale.type();
  if (const std::int64_t code = call.integer("output_dtype", 0); code != 0) {
    type = elementTypeFromOnnx(code).value_or(ElementType::undefined);
  }
  HALFSTEP_TRY(const std::vector<float> values, dequantized(x, parameters));
  if (type == ElementType::float32) {
    HALFSTEP_TRY(const auto made, newTensor<float>(x.shape()));
    std::copy(values.begin(), values.end(), made.values.begin());
    return std::vector<Value>{made.finish()};
  }
  if (type != ElementType::float16 && type != ElementType::bfloat16) {
    return call.unsupported("cannot dequantize to " + std::string(elementTypeName(type)));
  }
  HALFSTEP_TRY(const auto made, newTensor<std::uint16_t>(x.shape(), type));
  std::transform(values.begin(), values.end(), made.values.begin(),
                 type == ElementType::float16 ? halfFromFloat : bfloat16FromFloat);
  return std::vector<Value>{made.finish()};
}

Result<DynamicQuantization> dynamicallyQuantized(const Tensor& x) {
  HALFSTEP_TRY(const std::vector<float> values, toFloats(x, JobContext()));
  float least = 0;
  float most = 0;
  for (const float value : values) { // NaN is passed over
    least = std::min(least, value);
    most = std::max(most, value);
  }
  DynamicQuantization result;
  result.scale = most > least ? (most - least) / 255.0f : 1.0f;
  result.zeroPoint = static_cast<std::uint8_t>(requantized(-least / result.scale, 0, ElementType::uint8));
  QuantParameters parameters;
  HALFSTEP_TRY(parameters.scale, scalarTensor<float>(result.scale));
  HALFSTEP_TRY(parameters.zeroPoint, scalarTensor<std::uint8_t>(result.zeroPoint));
  HALFSTEP_TRY(result.values, quantized(values, x.shape(), parameters, ElementType::uint8));
  return result;
}

namespace {

OpResult dynamicQuantizeLinear(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const DynamicQuantization made, dynamicallyQuantized(x));
  HALFSTEP_TRY(Tensor scale, scalarTensor<float>(made.scale));
  HALFSTEP_TRY(Tensor zeroPoint, scalarTensor<std::uint8_t>(made.zeroPoint));
  return std::vector<Value>{made.values, std::move(scale), std::move(zeroPoint)};
}

constexpr OperatorEntry kEntries[] = {
    {"", "ConvInteger", convInteger},
    {"", "DequantizeLinear", dequantizeLinear},
    {"", "DynamicQuantizeLinear", dynamicQuantizeLinear},
    {"", "MatMulInteger", matMulInteger},
    {"", "QLinearConv", qLinearConv},
    {"", "QLinearMatMul", qLinearMatMul},
    {"", "QuantizeLinear", quantizeLinear},
};

} // namespace

std::span<const OperatorEntry> quantizationOperators() {
  return kEntries;
}

} // namespace halfstep
