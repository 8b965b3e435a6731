// awq: AutoAWQ's quant_config: one 4-bit scheme, and the modules to leave out. Source: casper-hansen/AutoAWQ
// awq/models/_config.py.
#include "plugins/api/exporter_factory.h"
#include "plugins/shared/text/exporter_plugin.h"
#include "plugins/shared/text/target_plan.h"
#include "plugins/shared/text/text_exporter.h"

#include <QObject>

namespace halfstep {

namespace {

constexpr TextTarget kTarget = {"awq", "AutoAWQ quant_config",
                                "Read by AutoAWQ 0.2: model.quantize(tokenizer, "
                                "quant_config=json.load(open(FILE.native.json))). FILE.json is "
                                "the same as a quantization_config of transformers (config.json).",
                                "json"};

TargetSetting settingOf(const Layer& layer, const LayerPlan& plan) {
  const std::optional<int> groupSize = groupSizeOf(plan.weights);
  const std::string name = meaningOf(plan);
  if (auto obstacle = linearObstacle(layer, plan.weights, "AutoAWQ"); !obstacle.empty()) {
    return TargetSetting::impossible(std::move(obstacle));
  }
  if (!isInteger(plan.weights) || bitsOf(plan.weights) != 4 || !groupSize) {
    return TargetSetting::impossible(name + ": AutoAWQ has 4-bit weights, per channel or in groups");
  }
  TargetSetting setting{{{"group_size", *groupSize}, {"zero_point", !isSymmetric(plan.weights)}}, {}, {}};
  addFloatActivations(setting, plan, "AutoAWQ");
  return setting;
}

struct Decided {
  TargetPlan plan;
  OrderedJson setting; ///< null where nothing is quantized
  SkipList skipped;
};
Decided decide(const ExportInput& input) {
  Decided decided{
      targetPlanFor(input, {"AutoAWQ", moduleName, settingOf, true, kGetsUsualScheme, isLinearLayer}),
      {},
      {}};
  decided.setting = decided.plan.mostCommon();
  decided.skipped = skipListFor(decided.plan, decided.setting, MatchRule::substring, "AutoAWQ");
  if (!decided.setting.is_null()) {
    addLoss(decided.plan.losses, "*", "AutoAWQ scales weights by its own search before it rounds them");
  }
  return decided;
}

/// The values of one configuration, under the keys of transformers or of AutoAWQ itself.
OrderedJson configuration(const Decided& decided, bool native) {
  const OrderedJson setting =
      decided.setting.is_null() ? OrderedJson{{"group_size", 128}, {"zero_point", true}} : decided.setting;
  OrderedJson config = OrderedJson::object();
  if (native) {
    config.update({{"zero_point", setting["zero_point"]},
                   {"q_group_size", setting["group_size"]},
                   {"w_bit", 4},
                   {"version", "GEMM"}});
  } else {
    config.update({{"quant_method", "awq"},
                   {"bits", 4},
                   {"group_size", setting["group_size"]},
                   {"zero_point", setting["zero_point"]},
                   {"version", "gemm"}});
  }
  config["modules_to_not_convert"] = decided.skipped.names;
  return config;
}

} // namespace

class AutoAwqExporter : public TextExporter {
public:
  AutoAwqExporter()
      : TextExporter(kTarget) {}

  std::vector<ExportLoss> losses(const ExportInput& input) const override {
    return decide(input).plan.losses;
  }
  std::vector<ExportPattern> patterns(const ExportInput& input) const override {
    return decide(input).skipped.patterns;
  }

protected:
  Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext&) const override {
    const Decided decided = decide(input);
    std::filesystem::path native = path;
    native.replace_extension(".native.json");
    return std::vector<TextFile>{{path, jsonText(configuration(decided, false))},
                                 {native, jsonText(configuration(decided, true))}};
  }
};

class AutoAwqPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "autoawq_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<AutoAwqExporter>();
  }
};

} // namespace halfstep

#include "autoawq_exporter.moc"
