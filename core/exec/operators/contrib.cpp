// Operators of the domain com.microsoft on quantized tensors: computed in single precision between
// dequantizing and quantizing. Semantics: ONNX Runtime's docs/ContribOperators.md.
#include "core/exec/operator_families.h"
#include "core/exec/operators/contrib_float.h"
#include "core/exec/operators/integer_primitives.h"
#include "core/exec/operators/quantizing.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"
#include "core/support/parallel.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace halfstep {

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 15; // elements worth a thread

/// A quantized input as floats, and the type that it had.
struct Floats {
  Shape shape;
  std::vector<float> values;
  ElementType type = ElementType::uint8;
};

/// Inputs `at` (the tensor), `at` + 1 (scale) and `at` + 2 (zero point).
Result<Floats> floatsAt(const OpCall& call, std::size_t at) {
  HALFSTEP_TRY(const Tensor x, call.tensor(at));
  HALFSTEP_TRY(const QuantParameters parameters, quantParameters(call, at + 1));
  HALFSTEP_TRY(std::vector<float> values, dequantized(x, parameters));
  return Floats{x.shape(), std::move(values), x.type()};
}

/// `values` quantized with the scale in input `at` and the zero point in the next one.
OpResult quantizedAs(const OpCall& call, const Shape& shape, std::span<const float> values, std::size_t at,
                     ElementType type) {
  HALFSTEP_TRY(const QuantParameters parameters, quantParameters(call, at));
  if (parameters.zeroPoint.type() != ElementType::undefined) {
    type = parameters.zeroPoint.type();
  }
  return oneOutput(quantized(values, shape, parameters, type));
}

/// What each of the 256 codes of an 8-bit type stands for, by its byte; scale and zero point, one for all, in
/// inputs `at` and `at` + 1.
Result<std::vector<float>> codeValues(const OpCall& call, std::size_t at, ElementType type) {
  HALFSTEP_TRY(const QuantParameters parameters, quantParameters(call, at));
  HALFSTEP_TRY(const auto made, newTensor<std::uint8_t>({256}, type));
  std::iota(made.values.begin(), made.values.end(), std::uint8_t{0});
  return dequantized(made.finish(), parameters);
}

/// One scale and zero point for all.
Result<bool> isSingle(const OpCall& call, std::size_t at) {
  HALFSTEP_TRY(const QuantParameters parameters, quantParameters(call, at));
  return parameters.scale.count() == 1;
}

/// Two inputs that lie alike with their channels last: so does the result. Nothing where they do not.
template <class F>
Result<std::optional<Value>> combinedAsTheyLie(const OpCall& call, F f) {
  const ChannelsLastCodes* a = channelsLastCodesOf(call.input(0));
  const ChannelsLastCodes* b = channelsLastCodesOf(call.input(3));
  if (a == nullptr || b == nullptr || a->shape() != b->shape()) {
    return std::optional<Value>();
  }
  for (const std::size_t at : {1, 4, 6}) {
    HALFSTEP_TRY(const bool single, isSingle(call, at));
    if (!single) {
      return std::optional<Value>();
    }
  }
  HALFSTEP_TRY(const std::vector<float> x, codeValues(call, 1, a->type()));
  HALFSTEP_TRY(const std::vector<float> y, codeValues(call, 4, b->type()));
  const Shape flat{static_cast<std::int64_t>(a->codes().size())};
  HALFSTEP_TRY(const auto values, newTensor<float>(flat));
  parallelFor((values.values.size() + kPiece - 1) / kPiece, [&](std::size_t piece) {
    const std::size_t end = std::min(values.values.size(), (piece + 1) * kPiece);
    for (std::size_t i = piece * kPiece; i < end; ++i) {
      values.values[i] = f(x[a->codes()[i]], y[b->codes()[i]]);
    }
  });
  HALFSTEP_TRY(const std::vector<Value> made, quantizedAs(call, flat, values.values, 6, a->type()));
  const Tensor& codes = made[0].tensor();
  return std::optional<Value>(
      Value(std::make_shared<const ChannelsLastCodes>(a->shape(), codes.type(), codes)));
}

template <class F>
OpResult combined(const OpCall& call, F f) {
  HALFSTEP_TRY(std::optional<Value> asTheyLie, combinedAsTheyLie(call, f));
  if (asTheyLie) {
    return std::vector<Value>{std::move(*asTheyLie)};
  }
  HALFSTEP_TRY(const Floats a, floatsAt(call, 0));
  HALFSTEP_TRY(const Floats b, floatsAt(call, 3));
  HALFSTEP_TRY(const Shape shape, broadcastShape(a.shape, b.shape));
  if (a.shape == b.shape) {
    std::vector<float> values(a.values.size());
    std::transform(a.values.begin(), a.values.end(), b.values.begin(), values.begin(), f);
    return quantizedAs(call, shape, values, 6, a.type);
  }
  HALFSTEP_TRY(const Tensor left, floatTensor(a.shape, a.values));
  HALFSTEP_TRY(const Tensor right, floatTensor(b.shape, b.values));
  HALFSTEP_TRY(Tensor leftWhole, broadcasted(left, shape));
  HALFSTEP_TRY(Tensor rightWhole, broadcasted(right, shape));
  const Elements<float> x(std::move(leftWhole));
  const Elements<float> y(std::move(rightWhole));
  std::vector<float> values(x.size());
  std::transform(x.begin(), x.end(), y.begin(), values.begin(), f);
  return quantizedAs(call, shape, values, 6, a.type);
}

OpResult qLinearAdd(const OpCall& call) {
  return combined(call, [](float a, float b) { return a + b; });
}

OpResult qLinearMul(const OpCall& call) {
  return combined(call, [](float a, float b) { return a * b; });
}

template <class F>
OpResult mapped(const OpCall& call, F f) {
  HALFSTEP_TRY(Floats x, floatsAt(call, 0));
  for (float& value : x.values) {
    value = f(value);
  }
  return quantizedAs(call, x.shape, x.values, 3, x.type);
}

OpResult qLinearSigmoid(const OpCall& call) {
  return mapped(call, [](float x) { return 1.0f / (1.0f + std::exp(-x)); });
}

OpResult qLinearLeakyRelu(const OpCall& call) {
  const float alpha = call.real("alpha", 0.01f);
  return mapped(call, [=](float x) { return x < 0 ? alpha * x : x; });
}

/// Along `axis`, or, for models before opset 13, over all axes from `axis` on.
OpResult qLinearSoftmax(const OpCall& call) {
  HALFSTEP_TRY(Floats x, floatsAt(call, 0));
  const std::size_t rank = x.shape.size();
  const bool flat = call.integer("opset", 13) < 13;
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", flat ? 1 : -1), rank));
  const std::size_t length = flat ? dimensionsProduct(x.shape, axis, rank) : dimensionOf(x.shape, axis);
  const std::size_t inner = flat ? 1 : dimensionsProduct(x.shape, axis + 1, rank);
  const std::size_t rows = x.values.empty() ? 0 : x.values.size() / length;
  for (std::size_t row = 0; row < rows; ++row) {
    float* first = x.values.data() + row / inner * length * inner + row % inner;
    float most = first[0];
    for (std::size_t i = 1; i < length; ++i) {
      most = std::max(most, first[i * inner]);
    }
    double sum = 0;
    for (std::size_t i = 0; i < length; ++i) {
      first[i * inner] = std::exp(first[i * inner] - most);
      sum += static_cast<double>(first[i * inner]);
    }
    for (std::size_t i = 0; i < length; ++i) {
      first[i * inner] = static_cast<float>(static_cast<double>(first[i * inner]) / sum);
    }
  }
  return quantizedAs(call, x.shape, x.values, 3, x.type);
}

/// The order of axes that puts the last one second, or back.
std::vector<std::size_t> channelOrder(std::size_t rank, bool back) {
  std::vector<std::size_t> order(rank);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (back) {
    std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  } else {
    std::rotate(order.begin() + 1, order.end() - 1, order.end());
  }
  return order;
}

/// The mean of each window; what lies in the padding counts only with `countPadding`.
Result<std::vector<float>> averages(const JobContext& job, const ProductWindows& windows,
                                    std::span<const float> x, std::size_t planes, bool countPadding) {
  const std::size_t positions = windows.positions();
  const std::size_t elements = windows.elements();
  const std::size_t plane = dimensionsProduct(windows.in, 0, windows.in.size());
  std::vector<double> sums(planes, 0.0);
  std::vector<float> result(planes * positions);
  for (std::size_t position = 0; position < positions && planes > 0; ++position) {
    HALFSTEP_CHECK(job.checkpoint());
    std::fill(sums.begin(), sums.end(), 0.0);
    std::size_t count = 0;
    for (std::size_t element = 0; element < elements; ++element) {
      const std::int64_t offset = windows.offset(position, element);
      count += offset >= 0 || countPadding ? 1 : 0;
      for (std::size_t i = 0; i < planes && offset >= 0; ++i) {
        sums[i] += static_cast<double>(x[i * plane + static_cast<std::size_t>(offset)]);
      }
    }
    for (std::size_t i = 0; i < planes; ++i) {
      result[i * positions + position] =
          static_cast<float>(count == 0 ? 0.0 : sums[i] / static_cast<double>(count));
    }
  }
  return result;
}

/// QLinearAveragePool and QLinearGlobalAveragePool, whose one window is the whole image.
OpResult averagePool(const OpCall& call, bool global) {
  HALFSTEP_TRY(const Floats given, floatsAt(call, 0));
  const std::size_t rank = given.shape.size();
  const bool channelsLast = call.integer("channels_last", 0) != 0;
  if (rank < 3) {
    return call.fail("it takes images, not " + shapeText(given.shape));
  }
  HALFSTEP_TRY(Tensor x, floatTensor(given.shape, given.values));
  if (channelsLast) {
    HALFSTEP_TRY(x, transposed(x, channelOrder(rank, false)));
  }
  const std::vector<std::int64_t> in(x.shape().begin() + 2, x.shape().end());
  HALFSTEP_TRY(const ProductWindows windows,
               windowsOf(call, in, global ? in : call.integers("kernel_shape")));
  Shape shape{x.shape()[0], x.shape()[1]};
  shape.insert(shape.end(), windows.out.begin(), windows.out.end());
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  HALFSTEP_TRY(const auto room, allocateBytes(count * sizeof(float)));
  const Elements<float> values(x);
  const bool countPadding = call.integer("count_include_pad", 0) != 0;
  HALFSTEP_TRY(const std::vector<float> means,
               averages(call.job(), windows, values.span(), dimensionsProduct(shape, 0, 2), countPadding));
  HALFSTEP_TRY(Tensor result, floatTensor(shape, means));
  if (channelsLast) {
    HALFSTEP_TRY(result, transposed(result, channelOrder(rank, true)));
  }
  const Elements<float> made(result);
  return quantizedAs(call, result.shape(), made.span(), 3, given.type);
}

OpResult qLinearAveragePool(const OpCall& call) {
  return averagePool(call, false);
}

OpResult qLinearGlobalAveragePool(const OpCall& call) {
  return averagePool(call, true);
}

/// The result's scale and zero point come first, then a tensor, scale and zero point for each part.
OpResult qLinearConcat(const OpCall& call) {
  std::vector<Tensor> parts;
  ElementType type = ElementType::uint8;
  for (std::size_t at = 2; at + 1 < call.inputCount(); at += 3) {
    HALFSTEP_TRY(const Floats part, floatsAt(call, at));
    HALFSTEP_TRY(Tensor tensor, floatTensor(part.shape, part.values));
    parts.push_back(std::move(tensor));
    type = part.type;
  }
  if (parts.empty()) {
    return call.fail("it has nothing to concatenate");
  }
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", 0), parts[0].shape().size()));
  HALFSTEP_TRY(const Tensor joined, concatenated(parts, axis));
  const Elements<float> values(joined);
  return quantizedAs(call, joined.shape(), values.span(), 0, type);
}

/// A's and B's factor, the bias as integers of their common scale, and the result's scale, if any.
OpResult qGemm(const OpCall& call) {
  constexpr std::size_t kSwapped[] = {1, 0};
  HALFSTEP_TRY(Tensor a, call.tensor(0));
  HALFSTEP_TRY(const QuantParameters aParameters, quantParameters(call, 1));
  HALFSTEP_TRY(Tensor b, call.tensor(3));
  HALFSTEP_TRY(const QuantParameters bParameters, quantParameters(call, 4));
  if (a.shape().size() != 2 || b.shape().size() != 2) {
    return call.fail("it multiplies matrices");
  }
  if (call.integer("transA", 0) != 0) {
    HALFSTEP_TRY(a, transposed(a, kSwapped));
  }
  if (call.integer("transB", 0) != 0) {
    HALFSTEP_TRY(b, transposed(b, kSwapped));
  }
  HALFSTEP_TRY(const IntegerProduct product,
               integerProduct(a, aParameters.zeroPoint, b, bParameters.zeroPoint));
  HALFSTEP_TRY(const std::vector<float> aScales, toFloats(aParameters.scale, call.job()));
  HALFSTEP_TRY(const std::vector<float> bScales, toFloats(bParameters.scale, call.job()));
  if (aScales.size() != 1 || (bScales.size() != 1 && bScales.size() != product.columns)) {
    return call.fail("its scales do not fit the factors");
  }
  std::vector<std::int64_t> bias(product.values.size(), 0);
  if (call.has(6)) {
    HALFSTEP_TRY(const Tensor given, call.tensor(6));
    HALFSTEP_TRY(const Tensor whole, broadcasted(given, product.shape));
    HALFSTEP_TRY(bias, toIntegers(whole));
  }
  const float alpha = call.real("alpha", 1.0f);
  std::vector<float> values(product.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(product.values[i]) +
                                               static_cast<std::uint64_t>(bias[i]));
    const float scale = alpha * aScales[0] * bScales[i % product.columns % bScales.size()];
    values[i] = static_cast<float>(sum) * scale;
  }
  if (!call.has(7)) {
    return oneOutput(floatTensor(product.shape, values));
  }
  return quantizedAs(call, product.shape, values, 7, a.type());
}

constexpr Widening kFloats = Widening::floats;
constexpr std::string_view kDomain = "com.microsoft";

constexpr OperatorEntry kEntries[] = {
    {kDomain, "BiasGelu", biasGelu, kFloats},
    {kDomain, "CausalConvWithState", causalConvolution, kFloats},
    {kDomain, "DequantizeLinear", dequantizeLinear},
    {kDomain, "DynamicQuantizeMatMul", dynamicQuantizeMatMul, kFloats},
    {kDomain, "EmbedLayerNormalization", embedLayerNormalization, kFloats},
    {kDomain, "FastGelu", fastGelu, kFloats},
    {kDomain, "FusedMatMul", fusedMatMul, kFloats},
    {kDomain, "LinearAttention", linearAttention, kFloats},
    {kDomain, "MatMulBnb4", matMulBnb4, kFloats},
    {kDomain, "MatMulIntegerToFloat", matMulIntegerToFloat, kFloats},
    {kDomain, "MatMulNBits", matMulNBits, kFloats},
    {kDomain, "MoE", mixtureOfExperts, kFloats},
    {kDomain, "QGemm", qGemm},
    {kDomain, "QLinearAdd", qLinearAdd},
    {kDomain, "QLinearAveragePool", qLinearAveragePool},
    {kDomain, "QLinearConcat", qLinearConcat},
    {kDomain, "QLinearGlobalAveragePool", qLinearGlobalAveragePool},
    {kDomain, "QLinearLeakyRelu", qLinearLeakyRelu},
    {kDomain, "QLinearMul", qLinearMul},
    {kDomain, "QLinearSigmoid", qLinearSigmoid},
    {kDomain, "QLinearSoftmax", qLinearSoftmax},
    {kDomain, "QMoE", quantizedMixtureOfExperts, kFloats},
    {kDomain, "QuantizeLinear", quantizeLinear},
    {kDomain, "QuickGelu", quickGelu, kFloats},
    {kDomain, "SkipLayerNormalization", skipLayerNormalization, kFloats},
    {kDomain, "SkipSimplifiedLayerNormalization", skipSimplifiedLayerNormalization, kFloats},
};

} // namespace

std::span<const OperatorEntry> contribOperators() {
  return kEntries;
}

} // namespace halfstep
