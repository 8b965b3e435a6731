// gptqmodel: GPTQModel's quantize_config.json: the scheme of most layers, and rules in "dynamic" for the
// others. Source: ModelCloud/GPTQModel gptqmodel/quantization/config.py (7.3.4).
#include "plugins/api/exporter_factory.h"
#include "plugins/shared/text/exporter_plugin.h"
#include "plugins/shared/text/target_plan.h"
#include "plugins/shared/text/text_exporter.h"

#include <QObject>

namespace halfstep {

namespace {

constexpr TextTarget kTarget = {
    "gptqmodel", "GPTQModel quantize_config",
    "Read by GPTQModel 7.3.4 as quantize_config.json in a folder: GPTQModel.load(MODEL, "
    "QuantizeConfig.from_pretrained(FOLDER)).quantize(calibration_dataset).",
    "json"};

TargetSetting settingOf(const Layer& layer, const LayerPlan& plan) {
  const std::optional<int> groupSize = groupSizeOf(plan.weights);
  const std::string name = meaningOf(plan);
  if (auto obstacle = linearObstacle(layer, plan.weights, "GPTQModel"); !obstacle.empty()) {
    return TargetSetting::impossible(std::move(obstacle));
  }
  if (!isInteger(plan.weights) || bitsOf(plan.weights) > 8 || !groupSize) {
    return TargetSetting::impossible(name + ": GPTQModel has 2 to 8 bits, per channel or in groups");
  }
  TargetSetting setting{
      {{"bits", bitsOf(plan.weights)}, {"group_size", *groupSize}, {"sym", isSymmetric(plan.weights)}},
      {},
      {}};
  addFloatActivations(setting, plan, "GPTQModel");
  return setting;
}

TargetPlan targetPlan(const ExportInput& input) {
  TargetPlan plan =
      targetPlanFor(input, {"GPTQModel", moduleName, settingOf, true, kGetsUsualScheme, isLinearLayer});
  if (plan.mostCommon().is_null()) {
    return plan;
  }
  addLoss(plan.losses, "*", "codes are chosen by GPTQ on calibration data, not by rounding to nearest");
  return plan;
}

/// Anchored on both sides: the rules are matched from the start of a name only.
std::string namePattern(const std::string& module) {
  return "^" + regexEscaped(module) + "$";
}

struct Rule {
  std::string pattern;
  std::string written; ///< with its prefix
  OrderedJson words;
};

std::vector<Rule> rulesOf(const TargetPlan& plan) {
  const OrderedJson usual = plan.mostCommon();
  std::vector<Rule> rules;
  for (const bool skipped : {true, false}) { // rules that leave modules alone first
    for (const TargetLayer& layer : plan.layers) {
      if (layer.name.empty() || layer.setting.is_null() != skipped || layer.setting == usual) {
        continue;
      }
      Rule rule{namePattern(layer.name), {}, skipped ? OrderedJson::object() : layer.setting};
      rule.written = (skipped ? "-:" : "+:") + rule.pattern;
      rules.push_back(std::move(rule));
    }
  }
  return rules;
}

OrderedJson configuration(const TargetPlan& plan) {
  const OrderedJson usual = plan.mostCommon();
  const TargetLayer* head = plan.find("lm_head");
  OrderedJson dynamic = OrderedJson::object();
  for (const Rule& rule : rulesOf(plan)) {
    dynamic[rule.written] = rule.words;
  }
  // Where nothing is quantized every layer with a name has a rule that leaves it alone.
  OrderedJson config = {{"bits", usual.is_null() ? OrderedJson(4) : usual["bits"]},
                        {"group_size", usual.is_null() ? OrderedJson(128) : usual["group_size"]},
                        {"desc_act", false},
                        {"sym", usual.is_null() ? OrderedJson(true) : usual["sym"]},
                        {"lm_head", head != nullptr && !head->setting.is_null()},
                        {"true_sequential", true},
                        {"quant_method", "gptq"},
                        {"checkpoint_format", "gptq"},
                        {"pack_dtype", "int32"}};
  if (!dynamic.empty()) {
    config["dynamic"] = std::move(dynamic);
  }
  return config;
}

} // namespace

class GptqModelExporter : public TextExporter {
public:
  GptqModelExporter()
      : TextExporter(kTarget) {}

  std::vector<ExportLoss> losses(const ExportInput& input) const override { return targetPlan(input).losses; }

  std::vector<ExportPattern> patterns(const ExportInput& input) const override {
    std::vector<ExportPattern> patterns;
    const TargetPlan plan = targetPlan(input);
    for (const Rule& rule : rulesOf(plan)) {
      patterns.push_back(testedPattern(MatchRule::pythonMatch, rule.pattern, rule.written,
                                       rule.words.empty() ? "left in float" : plainWords(rule.words), plan));
    }
    return patterns;
  }

protected:
  Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext&) const override {
    return std::vector<TextFile>{{path, jsonText(configuration(targetPlan(input)))}};
  }
};

class GptqModelPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "gptqmodel_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<GptqModelExporter>();
  }
};

} // namespace halfstep

#include "gptqmodel_exporter.moc"
