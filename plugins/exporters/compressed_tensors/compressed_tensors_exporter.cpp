// compressed-tensors: a recipe for llm-compressor (YAML), and beside it the same config_groups as the
// quantization_config of a checkpoint (JSON). Sources: vllm-project/compressed-tensors
// src/compressed_tensors/quantization/{quant_args,quant_config,quant_scheme}.py, vllm-project/llm-compressor
// src/llmcompressor/recipe.
#include "plugins/api/exporter_factory.h"
#include "plugins/shared/text/exporter_plugin.h"
#include "plugins/shared/text/target_plan.h"
#include "plugins/shared/text/text_exporter.h"

#include <QObject>

#include <algorithm>

namespace halfstep {

namespace {

constexpr TextTarget kTarget = {
    "compressed-tensors", "llm-compressor recipe and compressed-tensors configuration",
    "Read by llm-compressor (0.x, 2026-08) with compressed-tensors: oneshot(model=MODEL, "
    "recipe=\"FILE.yaml\", "
    "dataset=…). FILE.json is the same as a quantization_config: apply_quantization_config(model, "
    "QuantizationConfig.model_validate(json.load(open(FILE.json)))).",
    "yaml"};

/// num_bits and type; null for formats that it does not have.
OrderedJson typeWords(const Scheme& scheme) {
  if (scheme.format == NumberFormat::fp8e4m3) {
    return {{"num_bits", 8}, {"type", "float"}};
  }
  if (isInteger(scheme) && bitsOf(scheme) <= 8) {
    return {{"num_bits", bitsOf(scheme)}, {"type", "int"}};
  }
  return nullptr;
}

TargetSetting weightArguments(const Layer& layer, const Scheme& weights) {
  OrderedJson words = typeWords(weights);
  if (words.is_null()) {
    return TargetSetting::impossible(meaningOf(weights) +
                                     ": compressed-tensors has integers of 2 to 8 bits and fp8e4m3 here");
  }
  words["symmetric"] = isSymmetric(weights);
  switch (weights.granularity.kind) {
  case Granularity::Kind::tensor:
    words["strategy"] = "tensor";
    break;
  case Granularity::Kind::channel:
    words["strategy"] = "channel";
    break;
  case Granularity::Kind::group:
    if (!hasWholeGroups(layer, weights)) {
      return TargetSetting::impossible(meaningOf(weights) + ": compressed-tensors wants whole groups");
    }
    words["strategy"] = "group";
    words["group_size"] = weights.granularity.groupSize;
  }
  words["dynamic"] = false;
  TargetSetting setting{std::move(words), {}, {}};
  if (isInteger(weights) && isSymmetric(weights) && weights.codeRange != CodeRange::halfstep) {
    setting.differences.push_back("code range: compressed-tensors uses all codes, with scales of the largest "
                                  "magnitude / ((2^bits - 1) / 2), which is 'halfstep'");
  }
  return setting;
}

/// Null where it has no words.
OrderedJson inputArguments(const ActivationScheme& activations) {
  OrderedJson words = typeWords(activations.scheme);
  const bool perToken = activations.scheme.granularity.kind == Granularity::Kind::channel;
  if (words.is_null() || isGrouped(activations.scheme) || (perToken && !activations.dynamic)) {
    return nullptr;
  }
  words.update({{"symmetric", isSymmetric(activations.scheme)},
                {"strategy", perToken ? "token" : "tensor"},
                {"dynamic", activations.dynamic}});
  return words;
}

TargetSetting settingOf(const Layer& layer, const LayerPlan& plan) {
  if (!isLinearLayer(layer)) {
    return TargetSetting::impossible("compressed-tensors quantizes Linear modules, not a " + layer.op);
  }
  if (plan.weights.format == NumberFormat::fp32) {
    return TargetSetting::impossible(meaningOf(plan) + ": compressed-tensors wants quantized weights");
  }
  TargetSetting setting = weightArguments(layer, plan.weights);
  if (setting.words.is_null()) {
    return setting;
  }
  OrderedJson input;
  if (!isWeightOnly(plan)) {
    input = inputArguments(plan.activations);
    if (input.is_null()) {
      return TargetSetting::impossible(meaningOf(plan) +
                                       ": compressed-tensors has no words for the activations");
    }
    addOwnInputRange(setting, plan, "llm-compressor");
  }
  setting.words = {{"weights", setting.words}, {"input_activations", input}, {"output_activations", nullptr}};
  return setting;
}

TargetPlan targetPlan(const ExportInput& input) {
  return targetPlanFor(input, {"compressed-tensors", moduleName, settingOf, true});
}

/// How a group will be stored.
std::string formatOf(const OrderedJson& setting) {
  const OrderedJson& weights = setting["weights"];
  if (weights["type"] == "float") {
    return "float-quantized";
  }
  return setting["input_activations"].is_null() ? "pack-quantized" : "int-quantized";
}

/// {"group_0": {"targets": […], "weights": …}}: one for each scheme, with the exact names of its modules.
OrderedJson groupsOf(const TargetPlan& plan, bool withFormats) {
  OrderedJson groups = OrderedJson::object();
  std::vector<OrderedJson> settings;
  for (const TargetLayer& layer : plan.layers) {
    if (layer.setting.is_null()) {
      continue;
    }
    const auto known = std::find(settings.begin(), settings.end(), layer.setting);
    const std::string name = "group_" + std::to_string(known - settings.begin());
    if (known == settings.end()) {
      settings.push_back(layer.setting);
      groups[name] = {{"targets", OrderedJson::array()}};
      groups[name].update(layer.setting);
      if (withFormats) {
        groups[name]["format"] = formatOf(layer.setting);
      }
    }
    OrderedJson& targets = groups[name]["targets"];
    if (std::find(targets.begin(), targets.end(), layer.name) == targets.end()) {
      targets.push_back(layer.name);
    }
  }
  return groups;
}

OrderedJson ignoredOf(const TargetPlan& plan) {
  OrderedJson ignored = OrderedJson::array();
  for (const TargetLayer& layer : plan.layers) {
    if (layer.setting.is_null() && !layer.name.empty() && isLinearLayer(*layer.layer)) {
      ignored.push_back(layer.name);
    }
  }
  return ignored;
}

std::string recipe(const std::string& head, const TargetPlan& plan) {
  std::string text = "# " + head +
                     "\nquant_stage:\n  quant_modifiers:\n    QuantizationModifier:\n      ignore: " +
                     yamlFlow(ignoredOf(plan)) + "\n      config_groups:";
  const OrderedJson groups = groupsOf(plan, false);
  if (groups.empty()) {
    return text + " {}\n";
  }
  for (const auto& [name, group] : groups.items()) {
    text += "\n        " + name + ": " + yamlFlow(group);
  }
  return text + "\n";
}

OrderedJson configuration(const TargetPlan& plan) {
  const OrderedJson groups = groupsOf(plan, true);
  std::string format = groups.empty() ? "dense" : groups.front()["format"].get<std::string>();
  for (const OrderedJson& group : groups) {
    format = group["format"] == format ? format : "mixed-precision";
  }
  return {{"quant_method", "compressed-tensors"},
          {"format", format},
          {"quantization_status", "initialized"},
          {"config_groups", groups},
          {"ignore", ignoredOf(plan)},
          {"kv_cache_scheme", nullptr},
          {"global_compression_ratio", nullptr}};
}

} // namespace

class CompressedTensorsExporter : public TextExporter {
public:
  CompressedTensorsExporter()
      : TextExporter(kTarget) {}

  std::vector<ExportLoss> losses(const ExportInput& input) const override { return targetPlan(input).losses; }

  std::vector<ExportPattern> patterns(const ExportInput& input) const override {
    std::vector<ExportPattern> patterns;
    const TargetPlan plan = targetPlan(input);
    const OrderedJson groups = groupsOf(plan, false);
    for (const auto& [name, group] : groups.items()) {
      for (const OrderedJson& target : group["targets"]) {
        const auto module = target.get<std::string>();
        const TargetLayer* layer = plan.find(module);
        patterns.push_back(
            testedPattern(MatchRule::exact, module, name + ": " + meaningOf(*layer->plan), plan));
      }
    }
    for (const OrderedJson& module : ignoredOf(plan)) {
      patterns.push_back(testedPattern(MatchRule::exact, module.get<std::string>(), "left in float", plan));
    }
    return patterns;
  }

protected:
  Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext&) const override {
    const auto [yaml, json] = besideEachOther(path, ".yaml", ".json");
    const TargetPlan plan = targetPlan(input);
    return std::vector<TextFile>{{yaml, recipe(headLine(input), plan)},
                                 {json, jsonText(configuration(plan))}};
  }
};

class CompressedTensorsPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "compressed_tensors_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<CompressedTensorsExporter>();
  }
};

} // namespace halfstep

#include "compressed_tensors_exporter.moc"
