// Operators of the domain com.microsoft that are several of ONNX's own in one, run as those: convolutions and
// products with an activation, channels that come last, quantized operators without integer code of their
// own. Semantics: ONNX Runtime's docs/ContribOperators.md.
#include "core/exec/operator_families.h"
#include "core/exec/operators/applied.h"
#include "core/exec/operators/quantizing.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"

#include <numeric>

namespace halfstep {

namespace {

/// [N, C, spatial…] as [N, spatial…, C], or back.
Result<Value> moved(const Value& value, bool toLast) {
  const Tensor& tensor = value.tensor();
  if (tensor.shape().size() < 3) {
    return Error{ErrorKind::failed, "it takes images, not " + shapeText(tensor.shape())};
  }
  std::vector<std::size_t> order(tensor.shape().size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto middle = toLast ? order.begin() + 2 : order.end() - 1;
  std::rotate(order.begin() + 1, middle, order.end());
  HALFSTEP_TRY(Tensor result, transposed(tensor, order));
  return Value(std::move(result));
}

/// X, W, B, and Z, which is added before the activation.
OpResult convolution(const OpCall& call, bool channelsLast) {
  HALFSTEP_CHECK(call.tensor(0));
  Value x = call.input(0);
  Value added = call.input(3);
  if (channelsLast) {
    HALFSTEP_TRY(x, moved(x, false));
  }
  HALFSTEP_TRY(Value y,
               applied(call, nodeOf("Conv", call.node()), {x, call.input(1), call.input(2)}, call.memory()));
  if (!added.isAbsent()) {
    HALFSTEP_CHECK(call.tensor(3));
    if (channelsLast) {
      HALFSTEP_TRY(added, moved(added, false));
    }
    HALFSTEP_TRY(y, applied(call, nodeOf("Add", {}), {y, added}));
  }
  HALFSTEP_TRY(y, activated(call, std::move(y), call.reals("activation_params")));
  if (channelsLast) {
    HALFSTEP_TRY(y, moved(y, true));
  }
  return std::vector<Value>{std::move(y)};
}

OpResult fusedConvolution(const OpCall& call) {
  return convolution(call, false);
}

OpResult channelsLastConvolution(const OpCall& call) {
  return convolution(call, true);
}

OpResult fusedGemm(const OpCall& call) {
  HALFSTEP_TRY(Value y, applied(call, nodeOf("Gemm", call.node()),
                                {call.input(0), call.input(1), call.input(2)}, call.memory()));
  std::vector<float> numbers;
  for (const char* name : {"activation_alpha", "activation_beta"}) {
    if (call.hasAttribute(name)) {
      numbers.push_back(call.real(name, 0.0f));
    }
  }
  HALFSTEP_TRY(y, activated(call, std::move(y), numbers));
  return std::vector<Value>{std::move(y)};
}

OpResult channelsLastMaxPool(const OpCall& call) {
  HALFSTEP_CHECK(call.tensor(0));
  HALFSTEP_TRY(const Value x, moved(call.input(0), false));
  HALFSTEP_TRY(Value y, applied(call, nodeOf("MaxPool", call.node()), {x}, call.memory()));
  HALFSTEP_TRY(y, moved(y, true));
  return std::vector<Value>{std::move(y)};
}

/// ONNX's, but for images whose channels come last.
OpResult quantizedConvolution(const OpCall& call) {
  std::vector<Value> inputs(call.inputs().begin(), call.inputs().end());
  const bool channelsLast = call.integer("channels_last", 0) != 0;
  if (channelsLast) {
    HALFSTEP_CHECK(call.tensor(0));
    HALFSTEP_TRY(inputs[0], moved(inputs[0], false));
  }
  HALFSTEP_TRY(Value y, applied(call, nodeOf("QLinearConv", call.node()), inputs, call.memory()));
  if (channelsLast) {
    HALFSTEP_TRY(y, moved(y, true));
  }
  return std::vector<Value>{std::move(y)};
}

/// Input `at` as floats, its scale and zero point in the next two.
Result<Tensor> floatsOf(const OpCall& call, std::size_t at) {
  HALFSTEP_TRY(const Tensor x, call.tensor(at));
  HALFSTEP_TRY(const QuantParameters parameters, quantParameters(call, at + 1));
  HALFSTEP_TRY(const std::vector<float> values, dequantized(x, parameters));
  return floatTensor(x.shape(), values);
}

/// Codes of `type` with the scale in input `at` and the zero point in the next one.
OpResult codesOf(const OpCall& call, const Value& value, std::size_t at, ElementType type) {
  HALFSTEP_TRY(const QuantParameters parameters, quantParameters(call, at));
  const Elements<float> values(value.tensor());
  return oneOutput(quantized(values.span(), value.tensor().shape(), parameters, type));
}

OpResult quantizedMean(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(Tensor values, floatsOf(call, 0));
  HALFSTEP_TRY(const Value mean, applied(call, nodeOf("ReduceMean", call.node()), {std::move(values)}));
  return codesOf(call, mean, 3, x.type());
}

/// Condition; X, its scale and zero point; Y, likewise; the result's scale and zero point.
OpResult quantizedWhere(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(1));
  HALFSTEP_TRY(Tensor left, floatsOf(call, 1));
  HALFSTEP_TRY(Tensor right, floatsOf(call, 4));
  HALFSTEP_TRY(const Value chosen,
               applied(call, nodeOf("Where", {}), {call.input(0), std::move(left), std::move(right)}));
  return codesOf(call, chosen, 7, x.type());
}

/// A quantized table of GatherBlockQuantized.
struct QuantizedTable {
  Tensor data, zeros;
  std::vector<float> scales;
  Shape shape;                             ///< of the data, unpacked
  std::size_t bits = 0;                    ///< of elements packed into bytes; 0: the data's type says it
  std::size_t quantized = 0, gathered = 0; ///< axes
  std::size_t block = 128;
  std::size_t blocks = 0; ///< along the quantized axis

  /// Element `index` of `tensor`, whose last axis has `columns` elements, each row in whole bytes.
  double element(const Tensor& tensor, std::size_t index, std::size_t columns) const {
    if (bits == 0 || bits == 8) {
      return tensor.valueAt(index);
    }
    const std::size_t perByte = 8 / bits;
    const std::size_t rowBytes = (columns + perByte - 1) / perByte;
    const std::size_t at = index % columns;
    const auto byte = std::to_integer<unsigned>(tensor.bytes()[index / columns * rowBytes + at / perByte]);
    return (byte >> (at % perByte * bits)) & ((1u << bits) - 1u);
  }

  float value(std::size_t index) const {
    const std::size_t inner = dimensionsProduct(shape, quantized + 1, shape.size());
    const std::size_t length = dimensionOf(shape, quantized);
    const std::size_t at = index / inner % length;
    const std::size_t scale = (index / inner / length * blocks + at / block) * inner + index % inner;
    double zero = bits == 0 ? 0.0 : static_cast<double>(1u << (bits - 1));
    if (zeros.type() != ElementType::undefined) {
      zero = element(zeros, scale,
                     quantized + 1 == shape.size() ? blocks : dimensionOf(shape, shape.size() - 1));
    }
    return static_cast<float>(element(data, index, dimensionOf(shape, shape.size() - 1)) - zero) *
           scales[scale];
  }
};

Result<QuantizedTable> tableOf(const OpCall& call) {
  QuantizedTable table;
  HALFSTEP_TRY(table.data, call.tensor(0));
  HALFSTEP_TRY(table.zeros, optionalTensor(call, 3));
  table.shape = table.data.shape();
  const std::size_t rank = table.shape.size();
  if (rank == 0) {
    return call.fail("its table is a scalar");
  }
  const std::int64_t bits = call.integer("bits", 4);
  const std::int64_t block = call.integer("block_size", 128);
  if (table.data.type() == ElementType::uint8) {
    if (bits != 2 && bits != 4 && bits != 8) {
      return call.unsupported("codes of " + std::to_string(bits) + " bits are not supported");
    }
    table.bits = static_cast<std::size_t>(bits);
    table.shape.back() *= 8 / bits;
  }
  HALFSTEP_TRY(table.gathered, normalizedAxis(call.integer("gather_axis", 0), rank));
  HALFSTEP_TRY(table.quantized, normalizedAxis(call.integer("quantize_axis", 1), rank));
  const std::int64_t length = table.shape[table.quantized];
  table.block = static_cast<std::size_t>(block > 0 ? block : std::max<std::int64_t>(length, 1));
  table.blocks = (static_cast<std::size_t>(length) + table.block - 1) / table.block;
  Shape expected = table.shape;
  expected[table.quantized] = static_cast<std::int64_t>(table.blocks);
  HALFSTEP_TRY(const Tensor scales, call.tensor(2));
  HALFSTEP_TRY(const Tensor whole, broadcasted(scales, expected));
  HALFSTEP_TRY(table.scales, toFloats(whole, call.job()));
  Shape packed = expected;
  if (table.bits != 0) {
    packed.back() = (packed.back() * bits + 7) / 8;
  }
  if (table.zeros.type() != ElementType::undefined &&
      (table.zeros.shape() != packed || table.zeros.type() != table.data.type())) {
    return call.fail("its zero points do not fit");
  }
  return table;
}

/// What is gathered is dequantized; an index that lies outside gives zeros.
OpResult gatherBlockQuantized(const OpCall& call) {
  HALFSTEP_TRY(const QuantizedTable table, tableOf(call));
  HALFSTEP_TRY(const Tensor where, call.tensor(1));
  HALFSTEP_TRY(const std::vector<std::int64_t> indices, toIntegers(where));
  const auto axis = static_cast<std::ptrdiff_t>(table.gathered);
  Shape shape(table.shape.begin(), table.shape.begin() + axis);
  shape.insert(shape.end(), where.shape().begin(), where.shape().end());
  shape.insert(shape.end(), table.shape.begin() + axis + 1, table.shape.end());
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
  const std::size_t inner = dimensionsProduct(table.shape, table.gathered + 1, table.shape.size());
  const std::int64_t length = table.shape[table.gathered];
  for (std::size_t i = 0; i < made.values.size(); ++i) {
    std::int64_t index = indices[i / inner % indices.size()];
    index += index < 0 ? length : 0;
    const std::size_t outer = i / inner / indices.size();
    const std::size_t at =
        (outer * static_cast<std::size_t>(length) + static_cast<std::size_t>(index)) * inner + i % inner;
    made.values[i] = index >= 0 && index < length ? table.value(at) : 0.0f;
  }
  return std::vector<Value>{made.finish()};
}

constexpr Widening kFloats = Widening::floats;
constexpr std::string_view kDomain = "com.microsoft";

constexpr OperatorEntry kEntries[] = {
    {kDomain, "FusedConv", fusedConvolution, kFloats},
    {kDomain, "FusedGemm", fusedGemm, kFloats},
    {kDomain, "GatherBlockQuantized", gatherBlockQuantized, kFloats},
    {kDomain, "NhwcConv", channelsLastConvolution, kFloats},
    {kDomain, "NhwcFusedConv", channelsLastConvolution, kFloats},
    {kDomain, "NhwcMaxPool", channelsLastMaxPool},
    {kDomain, "QLinearConv", quantizedConvolution},
    {kDomain, "QLinearReduceMean", quantizedMean},
    {kDomain, "QLinearWhere", quantizedWhere},
};

} // namespace

std::span<const OperatorEntry> fusedOperators() {
  return kEntries;
}

} // namespace halfstep
