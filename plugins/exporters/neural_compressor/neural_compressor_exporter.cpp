// inc: Intel Neural Compressor in both generations: a script for 2.x, which quantizes the ONNX model by the
// names of its nodes, and beside it an RTNConfig for 3.x, which knows the modules of PyTorch. Sources:
// intel/neural-compressor neural_compressor/config.py (2.x), neural_compressor/torch/quantization/config.py
// (3.9).
#include "plugins/api/exporter_factory.h"
#include "plugins/shared/text/exporter_plugin.h"
#include "plugins/shared/text/target_plan.h"
#include "plugins/shared/text/text_exporter.h"

#include <QObject>

#include <algorithm>
#include <array>
#include <set>

namespace halfstep {

namespace {

constexpr TextTarget kTarget = {
    "inc", "Intel Neural Compressor",
    "Two forms. For Intel Neural Compressor 2.x (2.6): python FILE.py MODEL.onnx QUANTIZED.onnx "
    "[CALIBRATION_FOLDER]. For 3.x (3.9, PyTorch, weights only): cfg = "
    "RTNConfig.from_dict(json.load(open(FILE))); "
    "model = convert(prepare(model, cfg)).",
    "json"};

const char* mappingWord(const Scheme& scheme) {
  return isSymmetric(scheme) ? "sym" : "asym";
}

/// 2.x: {"approach", "weight", "activation"}; PTQ's values are lists, those of weight_only are not.
TargetSetting setting2(const Layer& layer, const LayerPlan& plan) {
  const Scheme& weights = plan.weights;
  const Scheme& input = plan.activations.scheme;
  const std::string name = meaningOf(plan);
  if (weights.format != NumberFormat::fp32 && isWeightOnly(plan)) {
    const std::optional<int> groupSize = groupSizeOf(weights);
    if (!isLinearLayer(layer) || !isInteger(weights) || bitsOf(weights) > 8 || !groupSize ||
        (isGrouped(weights) && !hasWholeGroups(layer, weights))) {
      return TargetSetting::impossible(
          name + ": weight_only of 2.x is for matrices, 1 to 8 bits, per channel or in whole groups");
    }
    return {{{"approach", "weight_only"},
             {"weight",
              {{"bits", bitsOf(weights)},
               {"group_size", *groupSize},
               {"scheme", mappingWord(weights)},
               {"algorithm", "RTN"}}}},
            {},
            {}};
  }
  if (!isInteger(weights) || bitsOf(weights) != 8 || isGrouped(weights) || !isInteger(input) ||
      bitsOf(input) != 8) {
    return TargetSetting::impossible(name + ": 2.x has 8-bit weights with 8-bit activations");
  }
  const auto type = [](const Scheme& scheme) {
    return OrderedJson::array({std::string(formatFacts(scheme.format).name)});
  };
  const char* granularity =
      weights.granularity.kind == Granularity::Kind::channel ? "per_channel" : "per_tensor";
  const bool kl = input.range.kind == RangeRule::Kind::kl;
  TargetSetting setting{{{"approach", plan.activations.dynamic ? "dynamic" : "static"},
                         {"weight",
                          {{"dtype", type(weights)},
                           {"scheme", OrderedJson::array({mappingWord(weights)})},
                           {"granularity", OrderedJson::array({granularity})},
                           {"algorithm", OrderedJson::array({"minmax"})}}},
                         {"activation",
                          {{"dtype", type(input)},
                           {"scheme", OrderedJson::array({mappingWord(input)})},
                           {"granularity", OrderedJson::array({"per_tensor"})},
                           {"algorithm", OrderedJson::array({kl ? "kl" : "minmax"})}}}},
                        {},
                        {}};
  if (!kl) {
    addOwnInputRange(setting, plan, "2.x");
  }
  return setting;
}

/// 3.x: what RTNConfig takes for one module.
TargetSetting setting3(const Layer& layer, const LayerPlan& plan) {
  const Scheme& weights = plan.weights;
  const std::string name = meaningOf(plan);
  if (!isLinearLayer(layer)) {
    return TargetSetting::impossible(name + ": RTNConfig of 3.x quantizes Linear modules, not a " + layer.op);
  }
  if (!isWeightOnly(plan)) {
    return TargetSetting::impossible(name +
                                     ": RTNConfig of 3.x is for weights alone; the script for 2.x says it");
  }
  const std::optional<int> groupSize = groupSizeOf(weights);
  if (!isInteger(weights) || bitsOf(weights) > 8 || !groupSize ||
      (isGrouped(weights) && !hasWholeGroups(layer, weights))) {
    return TargetSetting::impossible(
        name + ": RTNConfig has integers of 1 to 8 bits, per channel or in whole groups");
  }
  return {{{"dtype", "int"},
           {"bits", bitsOf(weights)},
           {"group_size", *groupSize},
           {"use_sym", isSymmetric(weights)}},
          {},
          {}};
}

/// The layers of the approach that most of them want; the others stay in float.
struct Plan2 {
  TargetPlan plan;
  std::string approach; ///< "static" where nothing is quantized
};
Plan2 targetPlan2(const ExportInput& input) {
  const std::set<std::string> visible = mainGraphNodes(*input.model);
  const auto setting = [&visible](const Layer& layer, const LayerPlan& plan) {
    return isInMainGraph(layer, visible) ? setting2(layer, plan)
                                         : TargetSetting::impossible(notInMainGraph("2.x"));
  };
  Plan2 made{targetPlanFor(input, {"Neural Compressor 2.x", nodeName, setting, true,
                                   "gets the tool's defaults for its operator", isAnyLayer}),
             "static"};
  TargetPlan approaches = made.plan;
  for (TargetLayer& layer : approaches.layers) {
    layer.setting = layer.setting.is_null() ? OrderedJson() : layer.setting["approach"];
  }
  if (const OrderedJson most = approaches.mostCommon(); !most.is_null()) {
    made.approach = most.get<std::string>();
  }
  for (TargetLayer& layer : made.plan.layers) {
    if (!layer.setting.is_null() && layer.setting["approach"] != made.approach) {
      addLoss(made.plan.losses, layer.layer->name,
              meaningOf(*layer.plan) + ": 2.x has one approach for all layers, here " + made.approach +
                  "; left in float");
      layer.setting = nullptr;
    }
  }
  if (made.approach != "weight_only") {
    addLoss(made.plan.losses, "*",
            "2.x also quantizes operators between the layers (additions, pooling, …), as its defaults say");
  }
  return made;
}

TargetPlan targetPlan3(const ExportInput& input) {
  return targetPlanFor(input, {"Neural Compressor 3.x", moduleName, setting3, true});
}

/// Matches this name and no other: re.match only fixes the start.
std::string matchPattern(const std::string& name) {
  return regexEscaped(name) + "$";
}

OrderedJson floatWords(const std::string& approach) {
  const OrderedJson type = approach == "weight_only" ? OrderedJson("fp32") : OrderedJson::array({"fp32"});
  OrderedJson words = {{"weight", {{"dtype", type}}}};
  if (approach != "weight_only") {
    words["activation"] = {{"dtype", type}};
  }
  return words;
}

/// Every node of every layer: {pattern: words}.
OrderedJson operators2(const Plan2& made) {
  OrderedJson words = OrderedJson::object();
  for (const TargetLayer& layer : made.plan.layers) {
    OrderedJson setting = layer.setting.is_null() ? floatWords(made.approach) : layer.setting;
    setting.erase("approach");
    for (const std::string& node : layer.layer->nodes) {
      words[matchPattern(node)] = setting;
    }
  }
  return words;
}

/// The default, which also reaches layers without a name: float unless every layer has one.
OrderedJson default3(const TargetPlan& plan) {
  const OrderedJson most = plan.mostCommon();
  return most.is_null() || !plan.allNamed() ? OrderedJson({{"dtype", "fp32"}}) : most;
}

/// Whether a layer is quantized that 3.x takes for the head of a language model: it leaves these in float,
/// over any rule, unless it is told not to. Source: LM_HEAD_NAMES of torch/utils/constants.py.
bool quantizesHead(const TargetPlan& plan) {
  static constexpr auto kHeads = std::to_array<std::string_view>({"lm_head", "output_layer", "embed_out"});
  return std::any_of(plan.layers.begin(), plan.layers.end(), [](const TargetLayer& layer) {
    return !layer.setting.is_null() && std::any_of(kHeads.begin(), kHeads.end(), [&](std::string_view head) {
      return layer.name.find(head) != std::string::npos;
    });
  });
}

OrderedJson config3(const TargetPlan& plan) {
  OrderedJson usual = default3(plan);
  OrderedJson local = OrderedJson::object();
  for (const TargetLayer& layer : plan.layers) {
    const OrderedJson words = layer.setting.is_null() ? OrderedJson({{"dtype", "fp32"}}) : layer.setting;
    if (!layer.name.empty() && words != usual && isLinearLayer(*layer.layer)) {
      local[matchPattern(layer.name)] = words;
    }
  }
  if (quantizesHead(plan)) {
    usual["quant_lm_head"] = true;
  }
  return local.empty() ? usual : OrderedJson({{"global", usual}, {"local", local}});
}

constexpr const char* kScript = R"py(
import pathlib
import sys

import numpy as np
from neural_compressor import PostTrainingQuantConfig, quantization

APPROACH = @APPROACH@

# Patterns for re.match: each is the name of one node.
OPERATORS = {
@OPERATORS@}


class Samples:
    """The .npz files of a folder, each with one array per input of the model."""

    batch_size = 1

    def __init__(self, folder):
        self.files = sorted(pathlib.Path(folder).glob("*.npz"))

    def __iter__(self):
        for file in self.files:
            yield dict(np.load(file)), None


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    if APPROACH == "static" and len(sys.argv) != 4:
        sys.exit("static activations need a folder of calibration samples")
    config = PostTrainingQuantConfig(approach=APPROACH, op_name_dict=OPERATORS)
    samples = Samples(sys.argv[3]) if len(sys.argv) == 4 else None
    model = quantization.fit(sys.argv[1], config, calib_dataloader=samples)
    model.save(sys.argv[2])


if __name__ == "__main__":
    main()
)py";

} // namespace

class NeuralCompressorExporter : public TextExporter {
public:
  NeuralCompressorExporter()
      : TextExporter(kTarget) {}

  std::vector<ExportLoss> losses(const ExportInput& input) const override {
    std::vector<ExportLoss> losses = targetPlan2(input).plan.losses;
    for (ExportLoss& loss : losses) {
      loss.what = "2.x: " + loss.what;
    }
    for (ExportLoss& loss : targetPlan3(input).losses) {
      losses.push_back({loss.layer, "3.x: " + loss.what});
    }
    return losses;
  }

  std::vector<ExportPattern> patterns(const ExportInput& input) const override {
    std::vector<ExportPattern> patterns;
    const Plan2 made = targetPlan2(input);
    const OrderedJson operators = operators2(made);
    for (const auto& [pattern, words] : operators.items()) {
      patterns.push_back(
          testedPattern(MatchRule::pythonMatch, pattern, "2.x: " + plainWords(words), made.plan));
    }
    const TargetPlan plan = targetPlan3(input);
    const OrderedJson config = config3(plan);
    if (config.contains("local")) {
      for (const auto& [pattern, words] : config["local"].items()) {
        patterns.push_back(testedPattern(MatchRule::pythonMatch, pattern, "3.x: " + plainWords(words), plan));
      }
    }
    return patterns;
  }

protected:
  Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext&) const override {
    const auto [json, script] = besideEachOther(path, ".json", ".py");
    const Plan2 made = targetPlan2(input);
    const OrderedJson operators = operators2(made);
    std::string lines;
    for (const auto& [pattern, words] : operators.items()) {
      lines += "    " + pythonLiteral(pattern) + ": " + pythonLiteral(words) + ",\n";
    }
    std::string text =
        "#!/usr/bin/env python3\n\"\"\"" + forDocstring(headLine(input)) + "\n\"\"\"" + kScript;
    replaceMark(text, "@OPERATORS@", lines);
    replaceMark(text, "@APPROACH@", pythonLiteral(made.approach));
    return std::vector<TextFile>{{json, jsonText(config3(targetPlan3(input)))}, {script, text}};
  }
};

class NeuralCompressorPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "neural_compressor_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<NeuralCompressorExporter>();
  }
};

} // namespace halfstep

#include "neural_compressor_exporter.moc"
