#include "core/kernels/pack.h"
#include "core/quant/scheme_grammar.h"
#include "plugins/exporters/onnx_model/product_forms.h"
#include "plugins/exporters/onnx_model/product_node.h"

#include <algorithm>
#include <bit>

namespace halfstep::onnx_export {

namespace {

constexpr const char* kMicrosoft = "com.microsoft";

/// ONNX Runtime's kernels have 2, 4 and 8 bits.
int heldBits(NumberFormat format) {
  const int bits = formatFacts(format).bits;
  return bits <= 2 ? 2 : (bits <= 4 ? 4 : 8);
}

std::string obstacleToGroups(const Scheme& scheme) {
  const FormatFacts& facts = formatFacts(scheme.format);
  const auto size = static_cast<unsigned>(scheme.granularity.groupSize);
  if (facts.family != FormatFamily::integer || facts.bits > 8) {
    return "MatMulNBits has integers of 2 to 8 bits";
  }
  if (scheme.granularity.kind != Granularity::Kind::group || size < 16 || !std::has_single_bit(size)) {
    return "MatMulNBits needs groups of a power of two of at least 16 values";
  }
  return {};
}

/// Codes, scales and zero points as the operator lays them out: a row for every output, blocks along K.
struct PackedWeight {
  std::int64_t n = 0;
  std::int64_t k = 0;
  std::int64_t block = 0;
  int bits = 4;
  std::vector<std::int32_t> bytes;      ///< [n, blocks, block·bits/8]
  std::vector<float> scales;            ///< [n, blocks]
  std::vector<std::int32_t> zeroPoints; ///< packed likewise; empty where all are the middle code
};

void appendPacked(std::vector<std::int32_t>& bytes, std::span<const std::int32_t> codes, int bits) {
  std::vector<std::uint8_t> packed(kernels::packedSize(codes.size(), bits));
  kernels::packCodes(codes, bits, packed);
  bytes.insert(bytes.end(), packed.begin(), packed.end());
}

Result<PackedWeight> packedWeight(const Layer& layer, const Scheme& scheme, const JobContext& context) {
  HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(layer, context));
  HALFSTEP_TRY(const QuantizationParameters parameters, chooseParameters(*matrix, scheme, context));
  HALFSTEP_TRY(const QuantizedValues values, quantizeValues(*matrix, parameters, context));
  PackedWeight packed;
  packed.n = static_cast<std::int64_t>(matrix->channels());
  packed.k = static_cast<std::int64_t>(matrix->valuesPerChannel());
  packed.block = scheme.granularity.groupSize;
  packed.bits = heldBits(scheme.format);
  packed.scales = parameters.scales;
  const std::int32_t middle = 1 << (packed.bits - 1);
  const std::int32_t shift = formatFacts(scheme.format).isSigned ? middle : 0; // codes are unsigned here
  const auto block = static_cast<std::size_t>(packed.block);
  const std::size_t blocks = parameters.segmentation.segmentsPerChannel;
  const std::size_t k = matrix->valuesPerChannel();
  bool isMiddle = true;
  for (std::size_t row = 0; row < matrix->channels(); ++row) {
    std::vector<std::int32_t> codes(blocks * block);
    std::vector<std::int32_t> zeros(blocks);
    for (std::size_t b = 0; b < blocks; ++b) {
      zeros[b] = parameters.zeroPoints[row * blocks + b] + shift;
      isMiddle = isMiddle && zeros[b] == middle;
      for (std::size_t i = b * block; i < (b + 1) * block; ++i) {
        codes[i] = i < k ? values.codes[row * k + i] + shift : zeros[b];
      }
    }
    appendPacked(packed.bytes, codes, packed.bits);
    appendPacked(packed.zeroPoints, zeros, packed.bits);
  }
  if (isMiddle) {
    packed.zeroPoints.clear();
  }
  return packed;
}

/// The tensors of one weight, shared by the nodes of a part that use it.
struct PackedNames {
  std::string codes, scales, zeroPoints;
};

PackedNames addTensors(ModelEdit& edit, const NodePlace& place, const std::string& base,
                       const PackedWeight& packed) {
  const std::int64_t blocks = (packed.k + packed.block - 1) / packed.block;
  PackedNames names{
      edit.unique(base + "_Q" + std::to_string(packed.bits)), edit.unique(base + "_scales"), {}};
  edit.addConstant(place, codeTensor(names.codes, ElementType::uint8,
                                     {packed.n, blocks, packed.block * packed.bits / 8}, packed.bytes));
  edit.addConstant(place, floatTensor(names.scales, {packed.n, blocks}, packed.scales));
  if (!packed.zeroPoints.empty()) {
    names.zeroPoints = edit.unique(base + "_zero_points");
    const auto count = static_cast<std::int64_t>(packed.zeroPoints.size());
    edit.addConstant(place, codeTensor(names.zeroPoints, ElementType::uint8, {packed.n, count / packed.n},
                                       packed.zeroPoints));
  }
  return names;
}

void replaceNode(FormModel& form, const LayerUse& use, const NodePlace& place, const PackedWeight& packed,
                 const PackedNames& names) {
  Replacement made(form.edit, place);
  std::vector<std::string> inputs = {use.node->inputs[0], names.codes, names.scales};
  if (!names.zeroPoints.empty()) {
    inputs.push_back(names.zeroPoints);
  }
  onnx::NodeProto& node = made.add("MatMulNBits", inputs, kMicrosoft);
  setInteger(node, "K", packed.k);
  setInteger(node, "N", packed.n);
  setInteger(node, "bits", packed.bits);
  setInteger(node, "block_size", packed.block);
  setInteger(node, "accuracy_level", 1); // computes in float32, as the forecast does
  if (use.node->opType == "Gemm") {
    const GemmFacts gemm = gemmFacts(*use.node);
    made.multiply("alpha", gemm.alpha);
    if (use.node->inputs.size() > 2 && !use.node->inputs[2].empty()) {
      const std::string product = made.result();
      std::string bias = use.node->inputs[2];
      if (gemm.beta != 1.0f) {
        bias = made.add("Mul", {bias, made.constant("beta", floatTensor({}, {}, std::span(&gemm.beta, 1)))})
                   .output(0);
      }
      made.add("Add", {product, bias});
    }
  }
  made.finish();
}

} // namespace

FormPlan planMatMulNBits(const ExportInput& input) {
  FormPlan plan = startForm(input);
  const auto uses = findLayerUses(*input.model);
  for (std::size_t i = 0; i < input.model->layers.size(); ++i) {
    const Layer& layer = input.model->layers[i];
    const LayerPlan& own = plan.of(layer);
    if (own.activations.scheme.format != NumberFormat::fp32) {
      plan.loseActivations(layer, "activations " + printActivationScheme(own.activations) +
                                      ": MatMulNBits has float inputs");
    }
    if (own.weights.format == NumberFormat::fp32) {
      continue;
    }
    std::string obstacle = obstacleToGroups(own.weights);
    if (obstacle.empty()) {
      obstacle = layer.op == "Conv" ? "Conv has no such form" : obstacleToProduct(input, i, uses[i]);
    }
    if (!obstacle.empty()) {
      plan.loseWeights(layer, printScheme(own.weights) + ": " + obstacle + "; left in float");
    } else if (heldBits(own.weights.format) != formatFacts(own.weights.format).bits) {
      plan.lose(layer, printScheme(own.weights) + ": the codes are stored with " +
                           std::to_string(heldBits(own.weights.format)) + " bits");
    }
  }
  return plan;
}

Result<FormModel> makeMatMulNBits(const ExportInput& input, const JobContext& context) {
  HALFSTEP_TRY(ModelEdit edit, ModelEdit::open(*input.model, context.part(0.0, 0.1)));
  FormModel form{std::move(edit), planMatMulNBits(input), findLayerUses(*input.model)};
  const auto& layers = input.model->layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Scheme scheme = form.plan.of(layers[i]).weights;
    HALFSTEP_CHECK(context.checkpoint());
    context.reportProgress(static_cast<double>(i) / static_cast<double>(layers.size()), layers[i].name);
    const auto constant = form.edit.placeOf(layers[i].weight, layers[i].weightName);
    if (scheme.format == NumberFormat::fp32) {
      continue;
    }
    if (!constant) {
      form.plan.loseWeights(layers[i], "its weight is in a form of the file that cannot be replaced");
      continue;
    }
    HALFSTEP_TRY(const PackedWeight packed, packedWeight(layers[i], scheme, context));
    const PackedNames names =
        addTensors(form.edit, form.edit.placeBesides(*constant), constant->name, packed);
    for (const LayerUse& use : form.uses[i]) {
      replaceNode(form, use, *form.edit.placeOf(use.node), packed, names);
    }
    form.edit.importOpset(kMicrosoft, 1);
  }
  return form;
}

} // namespace halfstep::onnx_export
