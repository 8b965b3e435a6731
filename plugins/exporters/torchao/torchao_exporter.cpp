// torchao: a TorchAoConfig of transformers with a configuration for every module by its exact name. Sources:
// pytorch/ao torchao/core/config.py, torchao/quantization/quant_api.py (0.19).
#include "plugins/api/exporter_factory.h"
#include "plugins/shared/text/exporter_plugin.h"
#include "plugins/shared/text/target_plan.h"
#include "plugins/shared/text/text_exporter.h"

#include <QObject>

namespace halfstep {

namespace {

constexpr TextTarget kTarget = {
    "torchao", "torchao configuration",
    "Read by transformers with torchao 0.19: AutoModelForCausalLM.from_pretrained(MODEL, "
    "quantization_config=TorchAoConfig.from_dict(json.load(open(FILE)))); without transformers: "
    "quantize_(model, "
    "config_from_dict(json.load(open(FILE))[\"quant_type\"][\"default\"])).",
    "json"};

/// An object as torchao encodes it.
OrderedJson encoded(const char* type, int version, const OrderedJson& data) {
  return {{"_type", type}, {"_version", version}, {"_data", data}};
}

OrderedJson perRow() {
  return encoded("PerRow", 1, {{"dim", -1}});
}

/// Integers of 2 to 8 bits, per channel or in groups.
OrderedJson intxWeightOnly(const Scheme& weights, int groupSize) {
  const OrderedJson granularity = groupSize == -1 ? encoded("PerAxis", 1, {{"axis", 0}})
                                                  : encoded("PerGroup", 1, {{"group_size", groupSize}});
  return encoded(
      "IntxWeightOnlyConfig", 2,
      {{"weight_dtype", {{"_type", "torch.dtype"}, {"_data", "int" + std::to_string(bitsOf(weights))}}},
       {"granularity", granularity},
       {"mapping_type",
        {{"_type", "MappingType"}, {"_data", isSymmetric(weights) ? "SYMMETRIC" : "ASYMMETRIC"}}},
       {"scale_dtype", nullptr}});
}

TargetSetting settingOf(const Layer& layer, const LayerPlan& plan) {
  const Scheme& weights = plan.weights;
  const ActivationScheme& input = plan.activations;
  const std::optional<int> groupSize = groupSizeOf(weights);
  const std::string name = meaningOf(plan);
  if (!isLinearLayer(layer)) {
    return TargetSetting::impossible("torchao's configurations are for Linear modules, not a " + layer.op);
  }
  if (!isInteger(weights) || bitsOf(weights) > 8 || !groupSize ||
      (isGrouped(weights) && !hasWholeGroups(layer, weights))) {
    return TargetSetting::impossible(
        name + ": torchao has integers of 2 to 8 bits here, per channel or in whole groups");
  }
  const bool isInt8Row = weights.format == NumberFormat::int8 && isSymmetric(weights) && *groupSize == -1;
  if (isWeightOnly(plan)) {
    return isInt8Row ? TargetSetting{encoded("Int8WeightOnlyConfig", 2,
                                             {{"group_size", nullptr},
                                              {"granularity", perRow()},
                                              {"set_inductor_config", true}}),
                                     {},
                                     {}}
                     : TargetSetting{intxWeightOnly(weights, *groupSize), {}, {}};
  }
  if (!isInt8Row || !input.dynamic || input.scheme.format != NumberFormat::int8 ||
      !isSymmetric(input.scheme)) {
    return TargetSetting::impossible(
        name + ": torchao has dynamic symmetric int8 activations beside int8 weights per channel");
  }
  TargetSetting setting{
      encoded("Int8DynamicActivationInt8WeightConfig", 2, {{"granularity", perRow()}}), {}, {}};
  if (input.scheme.granularity.kind != Granularity::Kind::channel) {
    setting.differences.push_back("activations with one scale: torchao has one for every row");
  }
  return setting;
}

TargetPlan targetPlan(const ExportInput& input) {
  return targetPlanFor(input, {"torchao", moduleName, settingOf, true});
}

/// {module: configuration, or null for those to leave alone}.
OrderedJson modulesOf(const TargetPlan& plan) {
  OrderedJson modules = OrderedJson::object();
  for (const TargetLayer& layer : plan.layers) {
    if (!layer.name.empty()) {
      modules[layer.name] = layer.setting;
    }
  }
  return modules;
}

OrderedJson configuration(const TargetPlan& plan) {
  const OrderedJson modules = modulesOf(plan);
  return {{"quant_method", "torchao"},
          {"quant_type",
           {{"default",
             encoded("FqnToConfig", 1, {{"fqn_to_config", modules}, {"module_fqn_to_config", modules}})}}},
          {"modules_to_not_convert", nullptr},
          {"include_input_output_embeddings", false}};
}

} // namespace

class TorchAoExporter : public TextExporter {
public:
  TorchAoExporter()
      : TextExporter(kTarget) {}

  std::vector<ExportLoss> losses(const ExportInput& input) const override { return targetPlan(input).losses; }

  std::vector<ExportPattern> patterns(const ExportInput& input) const override {
    std::vector<ExportPattern> patterns;
    const TargetPlan plan = targetPlan(input);
    const OrderedJson modules = modulesOf(plan);
    for (const auto& [module, setting] : modules.items()) {
      const std::string meaning = setting.is_null() ? "left in float" : setting["_type"].get<std::string>();
      patterns.push_back(testedPattern(MatchRule::exact, module, meaning, plan));
    }
    return patterns;
  }

protected:
  Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext&) const override {
    return std::vector<TextFile>{{path, jsonText(configuration(targetPlan(input)))}};
  }
};

class TorchAoPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "torchao_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<TorchAoExporter>();
  }
};

} // namespace halfstep

#include "torchao_exporter.moc"
