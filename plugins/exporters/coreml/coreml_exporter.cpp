// coreml: an OptimizationConfig of coremltools: what becomes of every weight, by its exact name in the
// converted model. Source: apple/coremltools coremltools/optimize/coreml/_config.py (9.1).
#include "plugins/api/exporter_factory.h"
#include "plugins/shared/text/exporter_plugin.h"
#include "plugins/shared/text/target_plan.h"
#include "plugins/shared/text/text_exporter.h"

#include <QObject>

#include <algorithm>
#include <cctype>

namespace halfstep {

namespace {

constexpr TextTarget kTarget = {"coreml", "Core ML optimization config",
                                "Read by coremltools 9: cto.coreml.linear_quantize_weights(mlmodel, "
                                "OptimizationConfig.from_yaml(\"FILE\")). "
                                "4-bit and grouped weights need iOS 18 or macOS 15.",
                                "yaml"};

TargetSetting settingOf(const Layer& layer, const LayerPlan& plan) {
  const Scheme& weights = plan.weights;
  const std::string name = meaningOf(plan);
  const int bits = bitsOf(weights);
  if (!isInteger(weights) || (bits != 4 && bits != 8)) {
    return TargetSetting::impossible(name +
                                     ": coremltools' linear quantization has int8, uint8, int4 and uint4");
  }
  OrderedJson words = {{"mode", isSymmetric(weights) ? "linear_symmetric" : "linear"},
                       {"dtype", std::string(formatFacts(weights.format).name)}};
  switch (weights.granularity.kind) {
  case Granularity::Kind::tensor:
    words["granularity"] = "per_tensor";
    break;
  case Granularity::Kind::channel:
    if (!channelAxis(layer)) {
      return TargetSetting::impossible(name + ": coremltools numbers channels along one axis");
    }
    words["granularity"] = "per_channel";
    break;
  case Granularity::Kind::group:
    if (!hasWholeGroups(layer, weights)) {
      return TargetSetting::impossible(name + ": coremltools wants whole blocks along one axis");
    }
    words.update({{"granularity", "per_block"}, {"block_size", weights.granularity.groupSize}});
  }
  words["weight_threshold"] = 0; // or weights of up to 2048 values would stay in float
  TargetSetting setting{std::move(words), {}, {}};
  if (!isWeightOnly(plan)) {
    setting.differences.push_back("activations: not in this file; coremltools quantizes them with "
                                  "linear_quantize_activations");
  }
  return setting;
}

/// The constant that the converter makes of a parameter: "conv1.weight" → "conv1_weight".
TargetName constantName(const Layer& layer) {
  TargetName module = moduleName(layer);
  const bool known = !module.name.empty() && layer.weightName.starts_with(module.name + ".");
  if (!known) {
    return {{}, "its weight is called " + layer.weightName + ", which a converter does not keep"};
  }
  std::string name = layer.weightName;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return {std::isdigit(static_cast<unsigned char>(name.front())) != 0 ? "_" + name : name, {}};
}

TargetPlan targetPlan(const ExportInput& input) {
  TargetPlan plan = targetPlanFor(input, {"coremltools", constantName, settingOf, true});
  if (!plan.mostCommon().is_null()) {
    addLoss(
        plan.losses, "*",
        "names are those that coremltools gives the weights of a model converted from PyTorch; compare them "
        "with coremltools.optimize.coreml.get_weights_metadata(mlmodel)");
  }
  return plan;
}

/// {constant: words, or null for those to leave alone}.
OrderedJson constantsOf(const TargetPlan& plan) {
  OrderedJson constants = OrderedJson::object();
  for (const TargetLayer& layer : plan.layers) {
    if (!layer.name.empty()) {
      constants[layer.name] = layer.setting;
    }
  }
  return constants;
}

} // namespace

class CoreMlExporter : public TextExporter {
public:
  CoreMlExporter()
      : TextExporter(kTarget) {}

  std::vector<ExportLoss> losses(const ExportInput& input) const override { return targetPlan(input).losses; }

  std::vector<ExportPattern> patterns(const ExportInput& input) const override {
    std::vector<ExportPattern> patterns;
    const TargetPlan plan = targetPlan(input);
    const OrderedJson constants = constantsOf(plan);
    for (const auto& [constant, words] : constants.items()) {
      patterns.push_back(testedPattern(MatchRule::exact, constant,
                                       words.is_null() ? "left in float" : plainWords(words), plan));
    }
    return patterns;
  }

protected:
  Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext&) const override {
    std::string text = "# " + headLine(input) +
                       "\nconfig_type: \"OpLinearQuantizerConfig\"\nglobal_config: null\nop_name_configs:";
    const OrderedJson constants = constantsOf(targetPlan(input));
    text += constants.empty() ? " {}" : "";
    for (const auto& [constant, words] : constants.items()) {
      text += "\n  " + jsonLine(constant) + ": " + yamlFlow(words);
    }
    return std::vector<TextFile>{{path, text + "\n"}};
  }
};

class CoreMlPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "coreml_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<CoreMlExporter>();
  }
};

} // namespace halfstep

#include "coreml_exporter.moc"
