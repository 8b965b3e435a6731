#include "core/quant/scheme_grammar.h"
#include "plugins/exporters/onnx_model/product_forms.h"
#include "plugins/exporters/onnx_model/product_node.h"

#include <algorithm>
#include <map>

namespace halfstep::onnx_export {

namespace {

constexpr std::int64_t kDynamicOpset = 11;
constexpr std::int32_t kByteMiddle = 128;

/// What DynamicQuantizeLinear computes.
ActivationScheme dynamicBytes() {
  return {true, [] {
            Scheme scheme = defaultScheme(NumberFormat::uint8);
            scheme.granularity = {Granularity::Kind::tensor, 0};
            return scheme;
          }()};
}

std::string obstacleToWeights(const Scheme& scheme, const Layer& layer) {
  const FormatFacts& facts = formatFacts(scheme.format);
  if (facts.family != FormatFamily::integer || facts.bits > 8) {
    return "products of integers have 8-bit weights";
  }
  if (scheme.granularity.kind == Granularity::Kind::group) {
    return "products of integers have a scale per tensor or per output, not per group";
  }
  if (layer.op == "Conv" && scheme.granularity.kind == Granularity::Kind::channel &&
      scheme.mapping == Mapping::asymmetric) {
    return "ConvInteger has one zero point for all channels in ONNX Runtime";
  }
  return {};
}

/// Codes as bytes without sign, which every kernel takes; scales and zero points one, or one per output.
struct ByteWeight {
  std::vector<std::int32_t> codes; ///< row-major in `shape`
  Shape shape;
  std::vector<float> scales;
  std::vector<std::int32_t> zeroPoints;
};

Result<ByteWeight> byteWeight(const Layer& layer, const Scheme& scheme, bool transposed,
                              const JobContext& context) {
  HALFSTEP_TRY(WeightCodes made, weightCodes(layer, scheme, context));
  ByteWeight weight{std::move(made.codes), layer.weight.shape(), std::move(made.scales),
                    std::move(made.zeroPoints)};
  const std::int32_t shift = formatFacts(scheme.format).isSigned ? kByteMiddle : 0;
  for (auto* codes : {&weight.codes, &weight.zeroPoints}) {
    for (std::int32_t& code : *codes) {
      code += shift;
    }
  }
  if (std::all_of(weight.zeroPoints.begin(), weight.zeroPoints.end(),
                  [&](std::int32_t zero) { return zero == weight.zeroPoints.front(); })) {
    weight.zeroPoints.resize(1);
  }
  if (transposed) {
    const auto rows = static_cast<std::size_t>(weight.shape[0]);
    const auto columns = static_cast<std::size_t>(weight.shape[1]);
    std::vector<std::int32_t> turned(weight.codes.size());
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < columns; ++c) {
        turned[c * rows + r] = weight.codes[r * columns + c];
      }
    }
    weight.codes = std::move(turned);
    std::swap(weight.shape[0], weight.shape[1]);
  }
  return weight;
}

struct WeightNames {
  std::string codes, scales, zeroPoints;
};

WeightNames addTensors(ModelEdit& edit, const NodePlace& place, const std::string& base,
                       const ByteWeight& weight, const Layer& layer) {
  WeightNames names{edit.unique(base + "_quantized"), edit.unique(base + "_scale"),
                    edit.unique(base + "_zero_point")};
  const auto vector = [](std::size_t count) {
    return count == 1 ? Shape{} : Shape{static_cast<std::int64_t>(count)};
  };
  Shape scales = vector(weight.scales.size());
  if (layer.op == "Conv" && !scales.empty()) { // to meet [N, C, spatial…]
    scales.resize(layer.weight.shape().size() - 1, 1);
  }
  edit.addConstant(place, codeTensor(names.codes, ElementType::uint8, weight.shape, weight.codes));
  edit.addConstant(place, floatTensor(names.scales, scales, weight.scales));
  edit.addConstant(place, codeTensor(names.zeroPoints, ElementType::uint8, vector(weight.zeroPoints.size()),
                                     weight.zeroPoints));
  return names;
}

/// The bias of a Conv, [M], brought to [M, 1, …].
std::string spreadBias(Replacement& made, const std::string& bias, std::size_t rank) {
  Shape shape(rank - 1, 1);
  shape[0] = -1;
  return made
      .add("Reshape",
           {bias,
            made.constant("bias_shape", int64Tensor({}, {static_cast<std::int64_t>(shape.size())}, shape))})
      .output(0);
}

/// The three values of a DynamicQuantizeLinear.
using DynamicNames = std::vector<std::string>;

void replaceNode(FormModel& form, const Layer& layer, const LayerUse& use, const NodePlace& place,
                 const DynamicNames& input, const WeightNames& names) {
  Replacement made(form.edit, place);
  const bool isConv = layer.op == "Conv";
  const GemmFacts gemm = layer.op == "Gemm" ? gemmFacts(*use.node) : GemmFacts{};
  const bool hasBias = use.node->inputs.size() > 2 && !use.node->inputs[2].empty();
  std::string bias = hasBias ? use.node->inputs[2] : std::string();
  if (hasBias && isConv) {
    bias = spreadBias(made, bias, layer.weight.shape().size());
  } else if (hasBias && gemm.beta != 1.0f) {
    bias = made.add("Mul", {bias, made.constant("beta", floatTensor({}, {}, std::span(&gemm.beta, 1)))})
               .output(0);
  }
  onnx::NodeProto& product =
      made.add(isConv ? "ConvInteger" : "MatMulInteger", {input[0], names.codes, input[2], names.zeroPoints});
  if (isConv) {
    *product.mutable_attribute() = made.original().attribute();
  }
  const std::string sum = product.output(0);
  const std::string scale = made.add("Mul", {input[1], names.scales}).output(0);
  setInteger(made.add("Cast", {sum}), "to", static_cast<std::int64_t>(ElementType::float32));
  made.add("Mul", {made.result(), scale});
  made.multiply("alpha", gemm.alpha);
  if (hasBias) {
    made.add("Add", {made.result(), bias});
  }
  made.finish();
}

/// One DynamicQuantizeLinear for all nodes of a part that take the same value.
class DynamicInputs {
public:
  explicit DynamicInputs(ModelEdit& edit)
      : m_edit(edit) {}

  void plan(const NodePlace& place, const std::string& value) {
    const auto [known, added] = m_first.try_emplace({place.part, value}, place.node);
    known->second = std::min(known->second, place.node);
  }
  const DynamicNames& of(const NodePlace& place, const std::string& value) {
    DynamicNames& names = m_names[{place.part, value}];
    if (names.empty()) {
      const std::string name = m_edit.unique(value + "_QuantizeLinear");
      names = {m_edit.unique(value + "_quantized"), m_edit.unique(value + "_scale"),
               m_edit.unique(value + "_zero_point")};
      m_edit.insertBefore({place.part, m_first.at({place.part, value})},
                          makeNode("DynamicQuantizeLinear", name, {value}, names));
    }
    return names;
  }

private:
  ModelEdit& m_edit;
  std::map<std::pair<int, std::string>, int> m_first;
  std::map<std::pair<int, std::string>, DynamicNames> m_names;
};

} // namespace

FormPlan planDynamic(const ExportInput& input) {
  FormPlan plan = startForm(input);
  const auto uses = findLayerUses(*input.model);
  for (std::size_t i = 0; i < input.model->layers.size(); ++i) {
    const Layer& layer = input.model->layers[i];
    const LayerPlan own = plan.of(layer);
    if (own == LayerPlan{}) {
      continue;
    }
    std::string obstacle = own.weights.format == NumberFormat::fp32
                               ? "products of integers need quantized weights"
                               : obstacleToWeights(own.weights, layer);
    if (obstacle.empty()) {
      obstacle = obstacleToProduct(input, i, uses[i]);
    }
    if (obstacle.empty() && own.activations.scheme.format == NumberFormat::fp32) {
      obstacle = "its input is not quantized; --to onnx-qdq holds weights alone";
    }
    if (!obstacle.empty()) {
      plan.loseAll(layer, printScheme(own.weights) + ": " + obstacle + "; left in float");
      continue;
    }
    if (own.activations != dynamicBytes()) {
      plan.lose(layer, "activations " + printActivationScheme(own.activations) +
                           ": DynamicQuantizeLinear computes " + printActivationScheme(dynamicBytes()));
      plan.of(layer).activations = dynamicBytes();
    }
  }
  return plan;
}

Result<FormModel> makeDynamic(const ExportInput& input, const JobContext& context) {
  HALFSTEP_TRY(ModelEdit edit, ModelEdit::open(*input.model, context.part(0.0, 0.1)));
  FormModel form{std::move(edit), planDynamic(input), findLayerUses(*input.model)};
  const auto& layers = input.model->layers;
  if (auto raised = raiseTo(form, kDynamicOpset); !raised) {
    return raised.error();
  }
  DynamicInputs inputs(form.edit);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    for (const LayerUse& use : form.uses[i]) {
      if (form.plan.of(layers[i]).activations.dynamic && form.edit.placeOf(use.node)) {
        inputs.plan(*form.edit.placeOf(use.node), use.node->inputs[0]);
      }
    }
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    HALFSTEP_CHECK(context.checkpoint());
    context.reportProgress(static_cast<double>(i) / static_cast<double>(layers.size()), layers[i].name);
    const Scheme scheme = form.plan.of(layers[i]).weights;
    const auto constant = form.edit.placeOf(layers[i].weight, layers[i].weightName);
    if (scheme.format == NumberFormat::fp32) {
      continue;
    }
    if (!constant) {
      form.plan.loseAll(layers[i], "its weight is in a form of the file that cannot be replaced");
      continue;
    }
    std::map<bool, WeightNames> named; // by whether it is transposed
    for (const LayerUse& use : form.uses[i]) {
      const bool transposed = layers[i].op == "Gemm" && gemmFacts(*use.node).transB;
      if (!named.contains(transposed)) {
        HALFSTEP_TRY(const ByteWeight weight, byteWeight(layers[i], scheme, transposed, context));
        named[transposed] =
            addTensors(form.edit, form.edit.placeBesides(*constant), constant->name, weight, layers[i]);
      }
      const NodePlace place = *form.edit.placeOf(use.node);
      replaceNode(form, layers[i], use, place, inputs.of(place, use.node->inputs[0]), named[transposed]);
    }
  }
  return form;
}

} // namespace halfstep::onnx_export
