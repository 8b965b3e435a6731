// Matrix products of the domain com.microsoft with floating-point results: packed weights, dynamic
// quantization, fused transposition. Semantics: ONNX Runtime's docs/ContribOperators.md.
#include "core/exec/operators/contrib_float.h"
#include "core/exec/operators/onednn.h"
#include "core/exec/operators/quantizing.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"
#include "core/support/parallel.h"

#include <algorithm>
#include <numeric>

namespace halfstep {

namespace {

/// How the weights of MatMulNBits lie: N rows of blocks of `block` elements of `bits` bits, low bits first.
struct PackedWeights {
  std::size_t inputs = 0;  ///< K
  std::size_t outputs = 0; ///< N
  std::size_t bits = 4;
  std::size_t block = 32;
  std::size_t blocks = 0; ///< of one row
  std::size_t blockBytes = 0;
  std::size_t zeroRowBytes = 0;
  Tensor values;
  Tensor packedZeros;            ///< undefined without them
  std::vector<float> floatZeros; ///< empty without them
  std::vector<float> scales;
  std::vector<std::int64_t> groups; ///< the block whose scale each element has; empty: its own
};

} // namespace

unsigned bitsAt(std::span<const std::byte> bytes, std::size_t index, std::size_t bits) {
  const std::size_t first = index * bits / 8;
  const std::size_t shift = index * bits % 8;
  unsigned pair = std::to_integer<unsigned>(bytes[first]);
  if (shift + bits > 8) {
    pair |= std::to_integer<unsigned>(bytes[first + 1]) << 8;
  }
  return (pair >> shift) & ((1u << bits) - 1u);
}

namespace {

/// Row `n` of the weights as floats.
std::vector<float> unpackedRow(const PackedWeights& weights, std::size_t n) {
  std::vector<float> row(weights.inputs);
  for (std::size_t k = 0; k < row.size(); ++k) {
    const std::size_t block = k / weights.block;
    const std::span<const std::byte> bytes =
        weights.values.bytes().subspan((n * weights.blocks + block) * weights.blockBytes, weights.blockBytes);
    const std::size_t group = weights.groups.empty() ? block : static_cast<std::size_t>(weights.groups[k]);
    const std::size_t at = n * weights.blocks + group;
    auto zero = static_cast<float>(1u << (weights.bits - 1));
    if (!weights.floatZeros.empty()) {
      zero = weights.floatZeros[at];
    } else if (weights.packedZeros.count() > 0) {
      zero = static_cast<float>(
          bitsAt(weights.packedZeros.bytes().subspan(n * weights.zeroRowBytes, weights.zeroRowBytes), group,
                 weights.bits));
    }
    const auto value = static_cast<float>(bitsAt(bytes, k % weights.block, weights.bits));
    row[k] = (value - zero) * weights.scales[at];
  }
  return row;
}

/// Zero points are packed like the weights, each row in whole bytes, or floats.
Result<void> readZeros(const OpCall& call, PackedWeights& weights) {
  weights.zeroRowBytes = (weights.blocks * weights.bits + 7) / 8;
  if (!call.has(3)) {
    return {};
  }
  HALFSTEP_TRY(const Tensor zeros, call.tensor(3));
  if (zeros.type() == ElementType::uint8) {
    weights.packedZeros = zeros;
  } else {
    HALFSTEP_TRY(weights.floatZeros, toFloats(zeros, call.job()));
  }
  const std::size_t expected =
      weights.outputs * (zeros.type() == ElementType::uint8 ? weights.zeroRowBytes : weights.blocks);
  return zeros.count() == expected ? Result<void>() : call.fail("its zero points do not fit the weights");
}

Result<PackedWeights> packedWeights(const OpCall& call) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 31;
  PackedWeights weights;
  const std::int64_t inputs = call.integer("K", 0);
  const std::int64_t outputs = call.integer("N", 0);
  const std::int64_t bits = call.integer("bits", 4);
  const std::int64_t block = call.integer("block_size", 0);
  if (inputs < 1 || outputs < 1 || inputs > kLargest || outputs > kLargest || block < 1 || block > kLargest ||
      bits < 2 || bits > 8) {
    return call.unsupported("weights of " + std::to_string(outputs) + "×" + std::to_string(inputs) +
                            " with " + std::to_string(bits) + " bits in blocks of " + std::to_string(block));
  }
  weights.inputs = static_cast<std::size_t>(inputs);
  weights.outputs = static_cast<std::size_t>(outputs);
  weights.bits = static_cast<std::size_t>(bits);
  weights.block = static_cast<std::size_t>(block);
  weights.blocks = (weights.inputs + weights.block - 1) / weights.block;
  weights.blockBytes = (weights.block * weights.bits + 7) / 8;
  HALFSTEP_TRY(weights.values, call.tensor(1));
  const std::size_t rows = weights.outputs * weights.blocks;
  if (weights.values.type() != ElementType::uint8 || weights.values.count() / weights.blockBytes != rows ||
      weights.values.count() % weights.blockBytes != 0) {
    return call.fail("weights of " + shapeText(weights.values.shape()) + " are not " + std::to_string(rows) +
                     " blocks of " + std::to_string(weights.blockBytes) + " bytes");
  }
  HALFSTEP_TRY(weights.scales, floatsAt(call, 2, rows));
  HALFSTEP_CHECK(readZeros(call, weights));
  if (call.has(4)) {
    HALFSTEP_TRY(weights.groups, call.integers(4));
    const auto blocks = static_cast<std::int64_t>(weights.blocks);
    if (weights.groups.size() < weights.inputs ||
        !std::all_of(weights.groups.begin(), weights.groups.end(),
                     [&](std::int64_t group) { return group >= 0 && group < blocks; })) {
      return call.fail("its groups do not fit the weights");
    }
  }
  return weights;
}

} // namespace

OpResult matMulNBits(const OpCall& call) {
  HALFSTEP_TRY(const Tensor a, call.tensor(0));
  HALFSTEP_TRY(const PackedWeights weights, packedWeights(call));
  Shape shape = a.shape();
  if (shape.empty() || dimensionOf(shape, shape.size() - 1) != weights.inputs) {
    return call.fail("weights for " + std::to_string(weights.inputs) + " inputs do not fit " +
                     shapeText(shape));
  }
  shape.back() = static_cast<std::int64_t>(weights.outputs);
  HALFSTEP_TRY(const std::vector<float> x, toFloats(a, call.job()));
  std::vector<float> bias(weights.outputs, 0.0f);
  if (call.has(5)) {
    HALFSTEP_TRY(bias, floatsAt(call, 5, weights.outputs));
  }
  HALFSTEP_TRY(const auto made, newTensor<float>(shape));
  HALFSTEP_TRY(const auto unpacked, newTensor<float>({call.integer("N", 0), call.integer("K", 0)}));
  parallelFor(weights.outputs, [&](std::size_t n) {
    const std::vector<float> row = unpackedRow(weights, n);
    std::copy(row.begin(), row.end(), unpacked.values.data() + n * weights.inputs);
  });
  const auto rows = static_cast<std::int64_t>(x.size() / weights.inputs);
  HALFSTEP_CHECK(onednn::product(rows, call.integer("N", 0), call.integer("K", 0), 1.0f, x.data(),
                                 unpacked.values.data(), true, made.values.data()));
  for (std::size_t i = 0; call.has(5) && i < made.values.size(); ++i) {
    made.values[i] += bias[i % weights.outputs];
  }
  return std::vector<Value>{made.finish()};
}

namespace {

/// What the 16 codes of MatMulBnb4 stand for, by quant_type. Sources: Dettmers et al., "QLoRA" (2305.14314),
/// for NF4; bitsandbytes' FP4 (sign, two bits of exponent, one of mantissa, largest value 1).
constexpr float kBnb4[2][16] = {
    {0.0f, 0.005208333f, 0.6666667f, 1.0f, 0.33333334f, 0.5f, 0.16666667f, 0.25f, -0.0f, -0.005208333f,
     -0.6666667f, -1.0f, -0.33333334f, -0.5f, -0.16666667f, -0.25f},
    {-1.0f, -0.6961928f, -0.52507305f, -0.3949175f, -0.28444138f, -0.18477343f, -0.091050036f, 0.0f,
     0.0795803f, 0.1609302f, 0.2461123f, 0.33791524f, 0.44070983f, 0.562617f, 0.72295684f, 1.0f}};

/// N rows of K values each, from codes of 4 bits, high ones first, and the largest magnitude of each block.
Result<std::vector<float>> bnb4Weights(const OpCall& call, std::size_t rows, std::size_t columns) {
  HALFSTEP_TRY(const Tensor codes, call.tensor(1));
  const std::int64_t block = call.integer("block_size", 0);
  const std::int64_t type = call.integer("quant_type", -1);
  const std::size_t count = rows * columns;
  if (codes.type() != ElementType::uint8 || codes.count() != (count + 1) / 2 || block < 1 || type < 0 ||
      type > 1) {
    return call.fail("codes of " + shapeText(codes.shape()) + " in blocks of " + std::to_string(block) +
                     " are no weights of " + std::to_string(rows) + "×" + std::to_string(columns));
  }
  const auto length = static_cast<std::size_t>(block);
  HALFSTEP_TRY(const std::vector<float> largest, floatsAt(call, 2, (count + length - 1) / length));
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned code = std::to_integer<unsigned>(codes.bytes()[i / 2]) >> (i % 2 == 0 ? 4 : 0) & 15u;
    values[i] = kBnb4[type][code] * largest[i / length];
  }
  return values;
}

} // namespace

OpResult matMulBnb4(const OpCall& call) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 31;
  HALFSTEP_TRY(const Tensor a, call.tensor(0));
  const std::int64_t inputs = call.integer("K", 0);
  const std::int64_t outputs = call.integer("N", 0);
  const bool isTransposed = call.integer("transB", 1) != 0;
  const std::int64_t depth = isTransposed ? inputs : outputs;
  Shape shape = a.shape();
  if (inputs < 1 || outputs < 1 || inputs > kLargest || outputs > kLargest || shape.empty() ||
      shape.back() != depth) {
    return call.fail("weights of " + std::to_string(outputs) + "×" + std::to_string(inputs) + " do not fit " +
                     shapeText(shape));
  }
  HALFSTEP_TRY(const std::vector<float> weights,
               bnb4Weights(call, static_cast<std::size_t>(outputs), static_cast<std::size_t>(inputs)));
  shape.back() = isTransposed ? outputs : inputs;
  HALFSTEP_TRY(const std::vector<float> x, toFloats(a, call.job()));
  HALFSTEP_TRY(const auto made, newTensor<float>(shape));
  HALFSTEP_CHECK(onednn::product(static_cast<std::int64_t>(x.size()) / depth, shape.back(), depth, 1.0f,
                                 x.data(), weights.data(), isTransposed, made.values.data()));
  return std::vector<Value>{made.finish()};
}

namespace {

/// The integer product times the factors' scales (one, or one for each column of b), and the bias.
OpResult scaledProduct(const OpCall& call, const IntegerProduct& product, std::span<const float> aScales,
                       std::span<const float> bScales, std::size_t biasAt) {
  if ((aScales.size() != 1 && aScales.size() != product.rows) ||
      (bScales.size() != 1 && bScales.size() != product.columns)) {
    return call.fail("its scales do not fit the factors");
  }
  std::vector<float> bias;
  if (call.has(biasAt)) {
    HALFSTEP_TRY(bias, floatsAt(call, biasAt, product.columns));
  }
  HALFSTEP_TRY(const auto made, newTensor<float>(product.shape));
  for (std::size_t i = 0; i < product.values.size(); ++i) {
    const std::size_t column = i % product.columns;
    const float scale =
        aScales[i / product.columns % product.rows % aScales.size()] * bScales[column % bScales.size()];
    made.values[i] =
        static_cast<float>(product.values[i]) * scale + (column < bias.size() ? bias[column] : 0.0f);
  }
  return std::vector<Value>{made.finish()};
}

} // namespace

/// A, B, B's scale, B's zero point, bias.
OpResult dynamicQuantizeMatMul(const OpCall& call) {
  HALFSTEP_TRY(const Tensor a, call.tensor(0));
  HALFSTEP_TRY(const Tensor b, call.tensor(1));
  HALFSTEP_TRY(const std::vector<float> bScales, floatsAt(call, 2, 0));
  HALFSTEP_TRY(const Tensor bZero, optionalTensor(call, 3));
  HALFSTEP_TRY(const DynamicQuantization quantizedA, dynamicallyQuantized(a));
  HALFSTEP_TRY(const Tensor aZero, scalarTensor<std::uint8_t>(quantizedA.zeroPoint));
  HALFSTEP_TRY(const IntegerProduct product, integerProduct(quantizedA.values, aZero, b, bZero));
  return scaledProduct(call, product, std::span(&quantizedA.scale, 1), bScales, 4);
}

/// A, B, their scales, their zero points, bias.
OpResult matMulIntegerToFloat(const OpCall& call) {
  HALFSTEP_TRY(const Tensor a, call.tensor(0));
  HALFSTEP_TRY(const Tensor b, call.tensor(1));
  HALFSTEP_TRY(const std::vector<float> aScales, floatsAt(call, 2, 0));
  HALFSTEP_TRY(const std::vector<float> bScales, floatsAt(call, 3, 0));
  HALFSTEP_TRY(const Tensor aZero, optionalTensor(call, 4));
  HALFSTEP_TRY(const Tensor bZero, optionalTensor(call, 5));
  HALFSTEP_TRY(const IntegerProduct product, integerProduct(a, aZero, b, bZero));
  return scaledProduct(call, product, aScales, bScales, 6);
}

namespace {

/// One factor of FusedMatMul with its axes in place: first axis 0 among the batch axes, then the last two.
Result<Tensor> placed(const Tensor& tensor, bool batches, bool last) {
  const std::size_t rank = tensor.shape().size();
  std::vector<std::size_t> order(rank);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (batches && rank > 2) {
    std::rotate(order.begin(), order.begin() + 1, order.end() - 1);
  }
  if (last && rank > 1) {
    std::swap(order[rank - 1], order[rank - 2]);
  }
  return transposed(tensor, order);
}

/// The batches of `tensor` repeated to `batch`, its last two axes as they are.
Result<Tensor> batched(const Tensor& tensor, Shape batch) {
  batch.insert(batch.end(), tensor.shape().end() - 2, tensor.shape().end());
  return broadcasted(tensor, batch);
}

} // namespace

OpResult fusedMatMul(const OpCall& call) {
  HALFSTEP_TRY(Tensor a, call.tensor(0));
  HALFSTEP_TRY(Tensor b, call.tensor(1));
  HALFSTEP_TRY(a, placed(a, call.integer("transBatchA", 0) != 0, call.integer("transA", 0) != 0));
  HALFSTEP_TRY(b, placed(b, call.integer("transBatchB", 0) != 0, call.integer("transB", 0) != 0));
  if (a.shape().size() < 2 || b.shape().size() < 2 || a.shape().back() != b.shape().end()[-2]) {
    return call.fail("cannot multiply " + shapeText(a.shape()) + " and " + shapeText(b.shape()));
  }
  const float alpha = call.real("alpha", 1.0f);
  HALFSTEP_TRY(Shape shape, broadcastShape({a.shape().begin(), a.shape().end() - 2},
                                           {b.shape().begin(), b.shape().end() - 2}));
  HALFSTEP_TRY(a, batched(a, shape));
  HALFSTEP_TRY(b, batched(b, shape));
  const std::size_t rows = dimensionOf(a.shape(), a.shape().size() - 2);
  const std::size_t depth = dimensionOf(a.shape(), a.shape().size() - 1);
  const std::size_t columns = dimensionOf(b.shape(), b.shape().size() - 1);
  shape.push_back(static_cast<std::int64_t>(rows));
  shape.push_back(static_cast<std::int64_t>(columns));
  HALFSTEP_TRY(const std::vector<float> x, toFloats(a, call.job()));
  HALFSTEP_TRY(const std::vector<float> y, toFloats(b, call.job()));
  HALFSTEP_TRY(const auto made, newTensor<float>(shape));
  const std::size_t batches = made.values.empty() ? 0 : made.values.size() / (rows * columns);
  for (std::size_t i = 0; i < batches; ++i) {
    HALFSTEP_CHECK(onednn::product(static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns),
                                   static_cast<std::int64_t>(depth), alpha, x.data() + i * rows * depth,
                                   y.data() + i * depth * columns, false,
                                   made.values.data() + i * rows * columns));
  }
  return std::vector<Value>{made.finish()};
}

} // namespace halfstep
