// aimet: encodings of weights and activations, with the scales that Halfstep shows, in the forms 1.0.0 (the
// file asked for), 0.6.1 and 2.0.0 (beside it).
#include "core/quant/scheme_grammar.h"
#include "plugins/api/exporter_factory.h"
#include "plugins/exporters/aimet/aimet_encodings.h"
#include "plugins/shared/text/exporter_plugin.h"
#include "plugins/shared/text/target_plan.h"
#include "plugins/shared/text/tensor_activations.h"
#include "plugins/shared/text/text_exporter.h"
#include "plugins/shared/text/weight_parameters.h"

#include <QObject>

namespace halfstep {

namespace {

constexpr TextTarget kTarget = {
    "aimet", "AIMET encodings",
    "Read by AIMET and by Qualcomm's converters: aimet_onnx.quantsim.load_encodings_to_sim(sim, FILE, "
    "strict=False), or qairt-converter … --quantization_overrides FILE. FILE is version 1.0.0; beside it are "
    "0.6.1 for older tools and 2.0.0 for AIMET 2.22 and later.",
    "encodings"};

/// What no form can say of a scheme; empty where one can.
std::string formatObstacle(const Scheme& scheme) {
  const FormatFacts& facts = formatFacts(scheme.format);
  if (facts.family == FormatFamily::integer || facts.family == FormatFamily::scaledFloating ||
      scheme.format == NumberFormat::fp16) {
    return {};
  }
  return std::string(facts.name) + ": AIMET has integers, fp16 and, in version 2.0.0, fp8";
}

/// Where AIMET computes something else from the same scale.
std::vector<std::string> numericDifferences(const Scheme& scheme, bool clips) {
  std::vector<std::string> differences;
  if (isInteger(scheme) && scheme.codeRange == CodeRange::restricted && clips) {
    differences.push_back("codes without the lowest one: AIMET uses it for values below the range");
  }
  if (scheme.rounding != Rounding::even) {
    differences.push_back("rounding " + std::string(roundingName(scheme.rounding)) +
                          ": AIMET rounds half to even");
  }
  return differences;
}

aimet::Encoding emptyEncoding(const Layer& layer, const Scheme& scheme) {
  aimet::Encoding encoding;
  encoding.tensor = layer.weightName;
  encoding.scheme = scheme;
  encoding.channelAxis = channelAxis(layer).value_or(0);
  encoding.groupAxis = groupAxis(layer).value_or(0);
  encoding.shape = layer.weight.shape();
  return encoding;
}

TargetSetting weightSetting(const Layer& layer, const LayerPlan& plan) {
  const Scheme& scheme = plan.weights;
  if (scheme.format == NumberFormat::fp32) {
    return {"float", {}, {}};
  }
  if (std::string why = formatObstacle(scheme); !why.empty()) {
    return TargetSetting::impossible(std::move(why));
  }
  if (isGrouped(scheme) && !hasWholeGroups(layer, scheme)) {
    return TargetSetting::impossible(meaningOf(scheme) + ": AIMET wants whole groups along one axis");
  }
  if (scheme.granularity.kind == Granularity::Kind::channel && !channelAxis(layer)) {
    return TargetSetting::impossible(meaningOf(scheme) + ": AIMET numbers channels along one axis");
  }
  TargetSetting setting{meaningOf(scheme), {}, {}};
  setting.differences = numericDifferences(scheme, scheme.range.kind != RangeRule::Kind::minmax);
  const aimet::Encoding encoding = emptyEncoding(layer, scheme);
  std::string missing;
  const auto add = [&](bool fits, const char* version) {
    if (!fits) {
      missing += (missing.empty() ? "" : ", ") + std::string(version);
    }
  };
  add(fitsVersion061(encoding), "0.6.1");
  add(fitsVersion100(encoding), "1.0.0");
  add(fitsVersion200(encoding), "2.0.0");
  if (!missing.empty()) {
    setting.differences.push_back(meaningOf(scheme) + ": cannot be said in version " + missing +
                                  " and is left out there");
  }
  return setting;
}

TargetPlan targetPlan(const ExportInput& input) {
  return targetPlanFor(input, {"AIMET",
                               [](const Layer& layer) {
                                 return TargetName{layer.weightName, "no name"};
                               },
                               weightSetting, false});
}

TensorActivations activations(const ExportInput& input) {
  return tensorActivationsFor(input, "AIMET", formatObstacle);
}

Result<aimet::Encodings> encodingsOf(const ExportInput& input, const JobContext& context) {
  aimet::Encodings encodings;
  const TargetPlan plan = targetPlan(input);
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    const TargetLayer& layer = plan.layers[i];
    HALFSTEP_CHECK(context.checkpoint());
    context.reportProgress(static_cast<double>(i) / static_cast<double>(plan.layers.size()),
                           layer.layer->name);
    if (layer.setting.is_null() || layer.plan->weights.format == NumberFormat::fp32) {
      continue;
    }
    aimet::Encoding encoding = emptyEncoding(*layer.layer, layer.plan->weights);
    if (layer.plan->weights.format != NumberFormat::fp16) {
      HALFSTEP_TRY(const QuantizationParameters parameters,
                   weightParameters(*layer.layer, layer.plan->weights, context));
      encoding.scales = parameters.scales;
      encoding.zeroPoints = parameters.zeroPoints;
    }
    encodings.weights.push_back(std::move(encoding));
  }
  for (const TensorActivation& activation : activations(input).tensors) {
    aimet::Encoding encoding;
    encoding.tensor = activation.tensor;
    encoding.scheme = activation.scheme;
    encoding.scheme.granularity = {Granularity::Kind::tensor, 0};
    if (activation.scheme.format != NumberFormat::fp16) {
      HALFSTEP_TRY(const TensorGrid grid, tensorGrid(activation, input.measured.calibration.get(), context));
      encoding.scales = {grid.scale};
      encoding.zeroPoints = {grid.zeroPoint};
    }
    encodings.activations.push_back(std::move(encoding));
  }
  return encodings;
}

/// "m.v0.6.1.encodings" beside "m.encodings".
std::filesystem::path versionFile(const std::filesystem::path& path, const std::string& version) {
  std::filesystem::path name = path.stem();
  name += ".v" + version;
  name += path.extension();
  return path.parent_path() / name;
}

} // namespace

class AimetExporter : public TextExporter {
public:
  AimetExporter()
      : TextExporter(kTarget) {}

  std::vector<ExportLoss> losses(const ExportInput& input) const override {
    std::vector<ExportLoss> losses = targetPlan(input).losses;
    TensorActivations found = activations(input);
    losses.insert(losses.end(), found.losses.begin(), found.losses.end());
    for (const TensorActivation& activation : found.tensors) {
      for (std::string& difference : numericDifferences(activation.scheme, true)) {
        addLoss(losses, activation.layers.front(), "its input: " + std::move(difference));
      }
    }
    mergeLosses(losses, input.model->layers.size());
    return losses;
  }

  std::vector<ExportPattern> patterns(const ExportInput& input) const override {
    std::vector<ExportPattern> patterns;
    const TargetPlan plan = targetPlan(input);
    for (const TargetLayer& layer : plan.layers) {
      if (!layer.setting.is_null() && layer.plan->weights.format != NumberFormat::fp32) {
        patterns.push_back(testedPattern(MatchRule::exact, layer.name, meaningOf(layer.plan->weights), plan));
      }
    }
    for (const TensorActivation& activation : activations(input).tensors) {
      patterns.push_back({activation.tensor, std::string(matchRuleName(MatchRule::exact)),
                          "input " + meaningOf(activation.scheme), activation.layers});
    }
    return patterns;
  }

  bool needsCalibration(const ExportInput& input) const override {
    const TensorActivations found = activations(input);
    return std::any_of(found.tensors.begin(), found.tensors.end(), [](const TensorActivation& activation) {
      return activation.scheme.format != NumberFormat::fp16;
    });
  }

protected:
  Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext& context) const override {
    HALFSTEP_TRY(const aimet::Encodings encodings, encodingsOf(input, context));
    return std::vector<TextFile>{{path, jsonText(aimet::version100(encodings))},
                                 {versionFile(path, "0.6.1"), jsonText(aimet::version061(encodings))},
                                 {versionFile(path, "2.0.0"), jsonText(aimet::version200(encodings))}};
  }
};

class AimetPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "aimet_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<AimetExporter>();
  }
};

} // namespace halfstep

#include "aimet_exporter.moc"
