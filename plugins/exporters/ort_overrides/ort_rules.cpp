#include "plugins/exporters/ort_overrides/ort_rules.h"

#include "core/quant/scheme_grammar.h"

#include <algorithm>
#include <array>
#include <map>

namespace halfstep::ort {

namespace {

constexpr auto kTypes = std::to_array<TypeName>({
    {NumberFormat::int8, ElementType::int8, "QInt8", "qint8", "int8"},
    {NumberFormat::uint8, ElementType::uint8, "QUInt8", "quint8", "uint8"},
    {NumberFormat::int16, ElementType::int16, "QInt16", "qint16", "int16"},
    {NumberFormat::uint16, ElementType::uint16, "QUInt16", "quint16", "uint16"},
    {NumberFormat::int4, ElementType::int4, "QInt4", "qint4",
     "int8"}, // NumPy has no 4-bit type; the values fit
    {NumberFormat::uint4, ElementType::uint4, "QUInt4", "quint4", "uint8"},
});

/// The operators whose constant weights its QDQ quantizer quantizes, and whether per channel.
enum class Support { none, perTensor, perChannel };
Support supportOf(const Layer& layer) {
  if (!layer.domain.empty()) {
    return Support::none;
  }
  if (layer.op == "Conv" || layer.op == "ConvTranspose" || layer.op == "Gemm" || layer.op == "MatMul") {
    return Support::perChannel;
  }
  return layer.op == "Gather" ? Support::perTensor : Support::none;
}

/// Why the weights of `layer` cannot have `scheme`; empty where they can.
std::string obstacle(const Model& model, const Layer& layer, const Scheme& scheme) {
  const std::string name = printScheme(scheme);
  if (layer.stored) {
    return "is already quantized in the file";
  }
  if (!model.graph.initializers.contains(layer.weightName)) {
    return model.graph.constant(layer.weightName) != nullptr
               ? "its weight is a Constant node's; run python -m onnxruntime.quantization.preprocess first"
               : "its weight is inside a subgraph or function, where quantize_static does not look";
  }
  if (supportOf(layer) == Support::none) {
    return "quantize_static does not quantize the weights of " + layer.op;
  }
  if (typeName(scheme.format) == nullptr) {
    return name + ": ONNX Runtime has int4, uint4, int8, uint8, int16 and uint16 weights";
  }
  if (scheme.granularity.kind == Granularity::Kind::group) {
    return name + ": overrides have a scale per tensor or per channel, not per group";
  }
  if (scheme.granularity.kind == Granularity::Kind::channel &&
      (layer.channelAxes.size() != 1 || supportOf(layer) != Support::perChannel)) {
    return name + ": a scale per channel is not possible for this weight, only one for the tensor";
  }
  if (scheme.rounding != Rounding::even) {
    return name + ": ONNX Runtime rounds half to even";
  }
  return {};
}

/// Adds the nodes of a layer that stays float to those that the quantizer leaves out.
void exclude(const Layer& layer, Overrides& overrides) {
  if (layer.nodes.empty()) {
    overrides.losses.push_back({layer.name, "should stay float, but its node has no name to exclude it by"});
  }
  for (const std::string& node : layer.nodes) {
    if (std::find(overrides.excludedNodes.begin(), overrides.excludedNodes.end(), node) ==
        overrides.excludedNodes.end()) {
      overrides.excludedNodes.push_back(node);
    }
  }
}

/// The type that the plan gives the layer's input. One tensor can only have one.
void decideActivation(LayerOverride& decided, const ActivationScheme& wanted,
                      std::map<std::string, const TypeName*>& inputs, Overrides& overrides) {
  const std::string& layer = decided.layer->name;
  if (wanted.scheme.format == NumberFormat::fp32) {
    return;
  }
  const TypeName* type = typeName(wanted.scheme.format);
  const std::string name = printActivationScheme(wanted);
  if (wanted.dynamic) {
    overrides.losses.push_back(
        {layer, "activations " + name + ": quantize_static fixes the range by calibration"});
  }
  if (type == nullptr || decided.layer->input.empty()) {
    overrides.losses.push_back({layer, "activations " + name + " cannot be said"});
    return;
  }
  const auto [known, added] = inputs.emplace(decided.layer->input, type);
  if (!added && known->second != type) {
    overrides.losses.push_back(
        {layer, "activations " + name + ": another layer has the same input as " + known->second->option});
    return;
  }
  if (!wanted.dynamic && wanted.scheme.range.kind != RangeRule::Kind::minmax) {
    overrides.losses.push_back({layer, "activations, range " + rangeName(wanted.scheme.range) +
                                           ": quantize_static takes the smallest and largest value of its "
                                           "calibration"});
  }
  decided.activation = type;
  decided.activationSymmetric = wanted.scheme.mapping != Mapping::asymmetric;
}

/// Of the types that `member` points to in some layers, the most frequent; null without any.
const TypeName* mostCommon(const std::vector<LayerOverride>& layers, const TypeName* LayerOverride::*member) {
  std::map<const TypeName*, int> uses;
  for (const LayerOverride& layer : layers) {
    if (layer.*member != nullptr) {
      ++uses[layer.*member];
    }
  }
  const TypeName* most = nullptr;
  for (const TypeName& type : kTypes) { // in the table's order, so that a tie has one answer
    if (uses.contains(&type) && (most == nullptr || uses[&type] > uses[most])) {
      most = &type;
    }
  }
  return most;
}

void findMainTypes(Overrides& overrides) {
  overrides.mainType = mostCommon(overrides.layers, &LayerOverride::weights);
  const TypeName* activation = mostCommon(overrides.layers, &LayerOverride::activation);
  const bool isRefused = activation != nullptr && activation->format == NumberFormat::int8 &&
                         overrides.mainType->format == NumberFormat::uint8; // by quantize_static, at once
  overrides.mainActivation = activation != nullptr && !isRefused ? activation : typeName(NumberFormat::uint8);
}

/// What the JSON form cannot say: it has one type for all weights and one for all values.
void addTypeLosses(Overrides& overrides) {
  const auto add = [&](const LayerOverride& layer, const std::string& what, const TypeName* type,
                       const TypeName* main) {
    if (type != nullptr && type != main) {
      overrides.losses.push_back({layer.layer->name, what + type->option + " beside " + main->option +
                                                         ": in the Python form only, JSON cannot say types"});
    }
  };
  for (const LayerOverride& layer : overrides.layers) {
    add(layer, "", layer.weights, overrides.mainType);
    add(layer, "activations ", layer.activation, overrides.mainActivation);
  }
}

} // namespace

const TypeName* typeName(NumberFormat format) {
  const auto* found =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& type) { return type.format == format; });
  return found == kTypes.end() ? nullptr : found;
}

Overrides overridesFor(const ExportInput& input) {
  Overrides overrides;
  std::map<std::string, const TypeName*> inputs;
  bool weightOnly = false;
  for (const Layer& layer : input.model->layers) {
    const LayerPlan& plan = input.plan.forLayer(layer.name);
    LayerOverride decided;
    decided.layer = &layer;
    const std::string why = plan.weights.format == NumberFormat::fp32
                                ? std::string()
                                : obstacle(*input.model, layer, plan.weights);
    if (!why.empty()) {
      overrides.losses.push_back({layer.name, why + "; left as it is"});
    }
    if (plan.weights.format == NumberFormat::fp32 || !why.empty()) {
      exclude(layer, overrides);
    } else {
      decided.weights = typeName(plan.weights.format);
      if (plan.weights.granularity.kind == Granularity::Kind::channel) {
        decided.axis = layer.channelAxes[0];
      }
      weightOnly |= plan.activations.scheme.format == NumberFormat::fp32;
      decideActivation(decided, plan.activations, inputs, overrides);
    }
    overrides.layers.push_back(decided);
  }
  findMainTypes(overrides);
  addTypeLosses(overrides);
  if (overrides.mainType != nullptr) {
    overrides.losses.push_back(
        {"*", "quantize_static also quantizes what lies between the layers (additions, pooling, …)"});
  }
  if (weightOnly) {
    overrides.losses.push_back(
        {"*", "float activations: quantize_static quantizes the inputs of quantized layers too"});
  }
  return overrides;
}

} // namespace halfstep::ort
