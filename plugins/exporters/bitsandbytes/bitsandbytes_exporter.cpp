// bitsandbytes: a BitsAndBytesConfig of transformers: one scheme, and the modules to leave out. Source:
// transformers src/transformers/utils/quantization_config.py, quantizers/quantizers_utils.py.
#include "plugins/api/exporter_factory.h"
#include "plugins/shared/text/exporter_plugin.h"
#include "plugins/shared/text/target_plan.h"
#include "plugins/shared/text/text_exporter.h"

#include <QObject>

namespace halfstep {

namespace {

constexpr TextTarget kTarget = {
    "bitsandbytes", "bitsandbytes configuration",
    "Read by transformers 4.x and 5.x with bitsandbytes: AutoModelForCausalLM.from_pretrained(MODEL, "
    "quantization_config=BitsAndBytesConfig.from_dict(json.load(open(FILE)))).",
    "json"};

constexpr int kBlock = 64; ///< of its 4-bit formats

TargetSetting settingOf(const Layer& layer, const LayerPlan& plan) {
  const Scheme& weights = plan.weights;
  const std::string name = meaningOf(plan);
  if (!isLinearLayer(layer)) {
    return TargetSetting::impossible(notLinear(layer));
  }
  if (weights.format == NumberFormat::nf4 || weights.format == NumberFormat::fp4) {
    TargetSetting setting{std::string(formatFacts(weights.format).name), {}, {}};
    if (groupSizeOf(weights) != kBlock) {
      setting.differences.push_back(name + ": bitsandbytes has blocks of 64 values");
    }
    addFloatActivations(setting, plan, "bitsandbytes");
    return setting;
  }
  if (weights.format != NumberFormat::int8 || !isSymmetric(weights) ||
      weights.granularity.kind != Granularity::Kind::channel) {
    return TargetSetting::impossible(
        name + ": bitsandbytes has int8 symmetric per channel, and nf4 or fp4 in blocks");
  }
  TargetSetting setting{"int8", {}, {}};
  const bool perToken = plan.activations.dynamic && plan.activations.scheme.format == NumberFormat::int8 &&
                        plan.activations.scheme.granularity.kind == Granularity::Kind::channel;
  if (!perToken) {
    setting.differences.push_back(
        "activations: LLM.int8 quantizes every row of the input to int8 at run time, "
        "but for outliers above 6");
  }
  return setting;
}

struct Decided {
  TargetPlan plan;
  OrderedJson setting; ///< null where nothing is quantized
  SkipList skipped;
};
Decided decide(const ExportInput& input) {
  Decided decided{
      targetPlanFor(input, {"bitsandbytes", moduleName, settingOf, true, kGetsUsualScheme, isLinearLayer}),
      {},
      {}};
  decided.setting = decided.plan.mostCommon();
  decided.skipped = skipListFor(decided.plan, decided.setting, MatchRule::pythonMatchOrTail, "bitsandbytes");
  return decided;
}

OrderedJson configuration(const Decided& decided) {
  const bool is8Bit = decided.setting == "int8";
  const bool is4Bit = !decided.setting.is_null() && !is8Bit;
  return {{"quant_method", "bitsandbytes"},
          {"load_in_8bit", is8Bit},
          {"load_in_4bit", is4Bit},
          {"llm_int8_threshold", 6.0},
          {"llm_int8_skip_modules", decided.skipped.names},
          {"llm_int8_enable_fp32_cpu_offload", false},
          {"llm_int8_has_fp16_weight", false},
          {"bnb_4bit_compute_dtype", "float32"},
          {"bnb_4bit_quant_type", is4Bit ? decided.setting : OrderedJson("fp4")},
          {"bnb_4bit_use_double_quant", false},
          {"bnb_4bit_quant_storage", "uint8"}};
}

} // namespace

class BitsAndBytesExporter : public TextExporter {
public:
  BitsAndBytesExporter()
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
    return std::vector<TextFile>{{path, jsonText(configuration(decide(input)))}};
  }
};

class BitsAndBytesPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "bitsandbytes_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<BitsAndBytesExporter>();
  }
};

} // namespace halfstep

#include "bitsandbytes_exporter.moc"
