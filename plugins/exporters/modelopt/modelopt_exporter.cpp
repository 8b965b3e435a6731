// modelopt: NVIDIA ModelOpt's quantizer settings: a list of rules for 0.4x (YAML), and beside it the
// dictionary of 0.3x and before (Python). Sources: NVIDIA/Model-Optimizer
// modelopt/torch/quantization/config.py, modelopt_recipes/.
#include "plugins/api/exporter_factory.h"
#include "plugins/shared/text/exporter_plugin.h"
#include "plugins/shared/text/target_plan.h"
#include "plugins/shared/text/text_exporter.h"

#include <QObject>

#include <algorithm>

namespace halfstep {

namespace {

constexpr TextTarget kTarget = {
    "modelopt", "NVIDIA ModelOpt quant_cfg",
    "Read by NVIDIA ModelOpt. 0.4x: mtq.quantize(model, yaml.safe_load(open(FILE.yaml)), forward_loop). 0.3x "
    "and "
    "before: from FILE import QUANT_CFG; mtq.quantize(model, QUANT_CFG, forward_loop).",
    "yaml"};

/// num_bits; null for formats that it does not have.
OrderedJson bitsWord(const Scheme& scheme) {
  if (scheme.format == NumberFormat::fp8e4m3) {
    return OrderedJson::array({4, 3});
  }
  if (scheme.format == NumberFormat::fp8e5m2) {
    return OrderedJson::array({5, 2});
  }
  return isInteger(scheme) && bitsOf(scheme) <= 8 ? OrderedJson(bitsOf(scheme)) : OrderedJson();
}

/// {"num_bits", "axis"} or {"num_bits", "block_sizes"} of a weight quantizer; obstacle or words.
TargetSetting weightQuantizer(const Layer& layer, const Scheme& weights) {
  const OrderedJson bits = bitsWord(weights);
  const std::string name = meaningOf(weights);
  if (bits.is_null()) {
    return TargetSetting::impossible(name + ": ModelOpt has integers of up to 8 bits and fp8 here");
  }
  if (!isSymmetric(weights)) {
    return TargetSetting::impossible(name + ": ModelOpt's integers are symmetric");
  }
  switch (weights.granularity.kind) {
  case Granularity::Kind::tensor:
    return {{{"num_bits", bits}, {"axis", nullptr}}, {}, {}};
  case Granularity::Kind::channel: // of PyTorch's layout, which a MatMul of ONNX has transposed
    return {{{"num_bits", bits}, {"axis", layer.op == "ConvTranspose" ? 1 : 0}}, {}, {}};
  case Granularity::Kind::group:
    break;
  }
  if (!isLinearLayer(layer) || !hasWholeGroups(layer, weights)) {
    return TargetSetting::impossible(name + ": ModelOpt's blocks run along the last axis of a Linear, whole");
  }
  return {{{"num_bits", bits}, {"block_sizes", {{"-1", weights.granularity.groupSize}, {"type", "static"}}}},
          {},
          {}};
}

TargetSetting settingOf(const Layer& layer, const LayerPlan& plan) {
  if (!isLinearLayer(layer) && !isConvolutionLayer(layer)) {
    return TargetSetting::impossible("ModelOpt puts quantizers into Linear and Conv modules, not into a " +
                                     layer.op);
  }
  TargetSetting setting{OrderedJson::object(), {}, {}};
  if (plan.weights.format != NumberFormat::fp32) {
    TargetSetting weights = weightQuantizer(layer, plan.weights);
    if (weights.words.is_null()) {
      return weights;
    }
    setting.words["weight_quantizer"] = weights.words;
  }
  if (!isWeightOnly(plan)) {
    const Scheme& input = plan.activations.scheme;
    const OrderedJson bits = bitsWord(input);
    if (bits.is_null() || input.granularity.kind != Granularity::Kind::tensor) {
      return TargetSetting::impossible(meaningOf(plan) +
                                       ": ModelOpt's activations are integers of up to 8 bits "
                                       "or fp8, with one scale per tensor");
    }
    if (!isSymmetric(input)) {
      setting.differences.push_back(
          "asymmetric activations: ModelOpt's are symmetric, and it finds the range "
          "again");
    }
    OrderedJson words = {{"num_bits", bits}, {"axis", nullptr}};
    if (plan.activations.dynamic) {
      words["type"] = "dynamic";
    }
    setting.words["input_quantizer"] = words;
    addOwnInputRange(setting, plan, "ModelOpt");
  }
  return setting;
}

TargetPlan targetPlan(const ExportInput& input) {
  return targetPlanFor(input, {"ModelOpt", moduleName, settingOf, true});
}

struct Rule {
  std::string pattern;
  std::string quantizer; ///< the name it is meant for
  OrderedJson words;
};

std::vector<Rule> rulesOf(const TargetPlan& plan) {
  std::vector<Rule> rules;
  for (const TargetLayer& layer : plan.layers) {
    if (layer.setting.is_null()) {
      continue;
    }
    for (const auto& [quantizer, words] : layer.setting.items()) {
      const std::string name = layer.name + "." + quantizer;
      const bool known =
          std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) { return rule.quantizer == name; });
      if (!known) {
        rules.push_back({globEscaped(name), name, words});
      }
    }
  }
  return rules;
}

std::string listForm(const std::string& head, const std::vector<Rule>& rules) {
  std::string text = "# " + head +
                     "\n# ModelOpt 0.4x: the last rule that matches a quantizer's name (fnmatch) "
                     "decides.\nalgorithm: \"max\"\nquant_cfg:\n"
                     "  - {\"quantizer_name\": \"*\", \"enable\": false}\n";
  for (const Rule& rule : rules) {
    text += "  - " + yamlFlow({{"quantizer_name", rule.pattern}, {"cfg", rule.words}}) + "\n";
  }
  return text;
}

std::string dictionaryForm(const std::string& head, const std::vector<Rule>& rules) {
  std::string text =
      "\"\"\"" + forDocstring(head) +
      "\n\nThe dictionary of ModelOpt 0.3x and before; keys are matched by fnmatch.\n\"\"\"\n\n"
      "QUANT_CFG = {\n    \"quant_cfg\": {\n";
  for (const Rule& rule : rules) {
    text += "        " + pythonLiteral(rule.pattern) + ": " + pythonLiteral(rule.words) + ",\n";
  }
  return text + "        \"default\": {\"enable\": False},\n    },\n    \"algorithm\": \"max\",\n}\n";
}

} // namespace

class ModelOptExporter : public TextExporter {
public:
  ModelOptExporter()
      : TextExporter(kTarget) {}

  std::vector<ExportLoss> losses(const ExportInput& input) const override { return targetPlan(input).losses; }

  std::vector<ExportPattern> patterns(const ExportInput& input) const override {
    const TargetPlan plan = targetPlan(input);
    std::vector<ExportPattern> patterns = {{"*",
                                            std::string(matchRuleName(MatchRule::fnmatch)),
                                            "not quantized, unless a later rule matches",
                                            {}}};
    for (const TargetLayer& layer : plan.layers) {
      patterns.front().layers.push_back(layer.layer->name);
    }
    for (const Rule& rule : rulesOf(plan)) {
      ExportPattern pattern{
          rule.pattern, std::string(matchRuleName(MatchRule::fnmatch)), plainWords(rule.words), {}};
      for (const TargetLayer& layer : plan.layers) {
        const bool fits = matches(MatchRule::fnmatch, rule.pattern, layer.name + ".weight_quantizer") ||
                          matches(MatchRule::fnmatch, rule.pattern, layer.name + ".input_quantizer");
        if (!layer.name.empty() && fits) {
          pattern.layers.push_back(layer.layer->name);
        }
      }
      patterns.push_back(std::move(pattern));
    }
    return patterns;
  }

protected:
  Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext&) const override {
    const auto [yaml, python] = besideEachOther(path, ".yaml", ".py");
    const std::vector<Rule> rules = rulesOf(targetPlan(input));
    return std::vector<TextFile>{{yaml, listForm(headLine(input), rules)},
                                 {python, dictionaryForm(headLine(input), rules)}};
  }
};

class ModelOptPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "modelopt_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<ModelOptExporter>();
  }
};

} // namespace halfstep

#include "modelopt_exporter.moc"
