// ai-edge: a recipe for the AI Edge Quantizer: rules on the names of the operators' output tensors. Sources:
// ai-edge-quantizer ai_edge_quantizer/{qtyping,recipe_manager,quantizer}.py, recipes/*.json (0.10.0).
#include "core/model/layer_finder.h"
#include "plugins/api/exporter_factory.h"
#include "plugins/shared/text/exporter_plugin.h"
#include "plugins/shared/text/target_plan.h"
#include "plugins/shared/text/text_exporter.h"

#include <QObject>

#include <algorithm>
#include <set>

namespace halfstep {

namespace {

constexpr TextTarget kTarget = {
    "ai-edge", "AI Edge Quantizer recipe",
    "Read by the AI Edge Quantizer 0.10: Quantizer(\"MODEL.tflite\", "
    "\"FILE.json\").quantize(calibration_result).export_model(\"QUANTIZED.tflite\").",
    "json"};

/// The operator of TFLite that a converter makes of a layer, convolutions in groups aside; empty for none.
std::string operationOf(const Layer& layer) {
  if (layer.op == "Gemm" || layer.op == "MatMul") {
    return isLinearLayer(layer) ? "FULLY_CONNECTED" : "BATCH_MATMUL";
  }
  if (layer.op == "Conv") {
    return "CONV_2D";
  }
  if (layer.op == "ConvTranspose") {
    return "CONV_2D_TRANSPOSE";
  }
  return layer.op == "Gather" ? "EMBEDDING_LOOKUP" : std::string();
}

/// TENSORWISE, CHANNELWISE, BLOCKWISE_64; empty where there is none.
std::string granularityOf(const Layer& layer, const Scheme& scheme) {
  switch (scheme.granularity.kind) {
  case Granularity::Kind::tensor:
    return "TENSORWISE";
  case Granularity::Kind::channel:
    return "CHANNELWISE";
  case Granularity::Kind::group:
    break;
  }
  const int size = scheme.granularity.groupSize;
  const bool known = size == 32 || size == 64 || size == 128 || size == 256;
  return known && hasWholeGroups(layer, scheme) ? "BLOCKWISE_" + std::to_string(size) : std::string();
}

OrderedJson tensorConfig(int bits, bool symmetric, const std::string& granularity, const char* type) {
  return {{"num_bits", bits}, {"symmetric", symmetric}, {"granularity", granularity}, {"dtype", type}};
}

OrderedJson rule(const char* algorithm, const OrderedJson& config) {
  return {{"algorithm_key", algorithm}, {"op_config", config}};
}

/// Static activations: 8 bits, or 16 symmetric ones. Null for others.
OrderedJson activationConfig(const Scheme& input) {
  const bool fits = isInteger(input) && input.granularity.kind == Granularity::Kind::tensor &&
                    (bitsOf(input) == 8 || (bitsOf(input) == 16 && isSymmetric(input)));
  return fits ? tensorConfig(bitsOf(input), isSymmetric(input), "TENSORWISE", "INT") : OrderedJson();
}

TargetSetting settingOf(const Layer& layer, const LayerPlan& plan) {
  const Scheme& weights = plan.weights;
  const std::string name = meaningOf(plan);
  if (operationOf(layer).empty()) {
    return TargetSetting::impossible("there is no one operator of TFLite for a " + layer.op);
  }
  if (weights.format == NumberFormat::fp16 && isWeightOnly(plan)) {
    return {rule("float_casting", {{"weight_tensor_config", tensorConfig(16, true, "TENSORWISE", "FLOAT")},
                                   {"compute_precision", "FLOAT"},
                                   {"explicit_dequantize", true}}),
            {},
            {}};
  }
  const std::string granularity = granularityOf(layer, weights);
  const int bits = bitsOf(weights);
  if (!isInteger(weights) || !isSymmetric(weights) || (bits != 2 && bits != 4 && bits != 8) ||
      granularity.empty()) {
    return TargetSetting::impossible(
        name +
        ": the quantizer has symmetric weights of 2, 4 or 8 bits, or fp16, per tensor, per channel or in "
        "whole groups of 32, 64, 128 or 256");
  }
  OrderedJson config = {{"weight_tensor_config", tensorConfig(bits, true, granularity, "INT")},
                        {"compute_precision", isWeightOnly(plan) ? "FLOAT" : "INTEGER"},
                        {"explicit_dequantize", isWeightOnly(plan)},
                        {"min_weight_elements", 0}};
  TargetSetting setting{nullptr, {}, {}};
  if (!isWeightOnly(plan) && plan.activations.dynamic) {
    setting.differences.push_back("dynamic activations: TFLite's kernels quantize every row to int8");
  } else if (!isWeightOnly(plan)) {
    const OrderedJson input = activationConfig(plan.activations.scheme);
    if (input.is_null()) {
      return TargetSetting::impossible(name + ": static activations have 8 bits, or 16 symmetric ones");
    }
    config["activation_tensor_config"] = input;
    setting.differences.push_back(
        "static activations: input and output both get 8 or 16 bits in TFLite, with "
        "ranges of its own calibration");
  }
  setting.words = rule("min_max_uniform_quantize", config);
  return setting;
}

TargetName outputName(const Layer& layer) {
  if (layer.output.empty() || layer.output.size() > kLongestName) {
    return {{}, "its output has no name"};
  }
  return {layer.output, {}};
}

TargetPlan targetPlan(const ExportInput& input) {
  TargetPlan plan = targetPlanFor(input, {"the AI Edge Quantizer", outputName, settingOf, true});
  if (input.model->format != "TFLite") {
    addLoss(plan.losses, "*",
            "the rules hold the names of output tensors in " + input.model->name + " (" +
                input.model->format +
                "): they match a .tflite file only where its converter kept these names");
  }
  return plan;
}

/// The quantizer searches in "name;", or in "first;second;": the whole first name, and no other.
std::string namePattern(const std::string& tensor) {
  return "^" + regexEscaped(tensor) + "(;|$)";
}

/// Layers that convolve every channel by itself, which TFLite has an operator for.
std::set<const Layer*> depthwiseLayers(const Model& model) {
  std::set<const Layer*> found;
  const auto uses = findLayerUses(model);
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    const bool isGrouped = std::any_of(uses[i].begin(), uses[i].end(), [](const LayerUse& use) {
      return use.node->opType == "Conv" && use.node->integer("group", 1) > 1;
    });
    if (isGrouped && layer.weight.shape().size() > 1 && layer.weight.shape()[1] == 1) {
      found.insert(&layer);
    }
  }
  return found;
}

OrderedJson recipe(const Model& model, const TargetPlan& plan) {
  const std::set<const Layer*> depthwise = depthwiseLayers(model);
  OrderedJson rules = OrderedJson::array();
  rules.push_back({{"regex", ".*"}, {"operation", "*"}});
  rules.back().update(rule("no_quantize", OrderedJson::object()));
  for (const TargetLayer& layer : plan.layers) {
    if (!layer.setting.is_null()) {
      rules.push_back(
          {{"regex", namePattern(layer.name)},
           {"operation", depthwise.contains(layer.layer) ? "DEPTHWISE_CONV_2D" : operationOf(*layer.layer)}});
      rules.back().update(layer.setting);
    }
  }
  return rules;
}

} // namespace

class AiEdgeExporter : public TextExporter {
public:
  AiEdgeExporter()
      : TextExporter(kTarget) {}

  std::vector<ExportLoss> losses(const ExportInput& input) const override { return targetPlan(input).losses; }

  std::vector<ExportPattern> patterns(const ExportInput& input) const override {
    const TargetPlan plan = targetPlan(input);
    std::vector<ExportPattern> patterns = {
        testedPattern(MatchRule::pythonSearch, ".*", "left in float, unless a later rule matches", plan)};
    for (const TargetLayer& layer : plan.layers) {
      if (!layer.setting.is_null()) {
        patterns.push_back(
            testedPattern(MatchRule::pythonSearch, namePattern(layer.name), meaningOf(*layer.plan), plan));
      }
    }
    return patterns;
  }

protected:
  Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext&) const override {
    return std::vector<TextFile>{{path, jsonText(recipe(*input.model, targetPlan(input)))}};
  }
};

class AiEdgePlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "ai_edge_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<AiEdgeExporter>();
  }
};

} // namespace halfstep

#include "ai_edge_exporter.moc"
