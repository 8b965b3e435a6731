// nncf: a Python script for NNCF 3.2. It has no scheme per layer: layers of one scheme are quantized in one
// pass, which ignores all others by name. Sources: openvinotoolkit/nncf
// src/nncf/quantization/quantize_model.py, src/nncf/scopes.py.
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
    "nncf", "NNCF script",
    "Read by NNCF 3.2 (OpenVINO's compression framework, with the onnx package): python FILE.py MODEL.onnx "
    "QUANTIZED.onnx [CALIBRATION_FOLDER].",
    "py"};

/// NNCF calls a node without a name OPERATOR_nncf_INDEX, by its place among the nodes, which the passes
/// change.
constexpr const char* kCannotBeIgnored =
    "no pass can leave it alone: the first one that has its operator quantizes it";

/// A pass of weight compression: {"mode": "INT4_SYM", "group_size": 64}. No group size: one scale per
/// channel.
TargetSetting compression(const Layer& layer, const Scheme& weights) {
  const std::string name = meaningOf(weights);
  const std::optional<int> groupSize = groupSizeOf(weights);
  const std::string mapping = isSymmetric(weights) ? "SYM" : "ASYM";
  if (!isInteger(weights) || (bitsOf(weights) != 4 && bitsOf(weights) != 8) || !groupSize) {
    return TargetSetting::impossible(
        name + ": compress_weights has int8 per channel and int4 per channel or in groups");
  }
  if (bitsOf(weights) == 8 && *groupSize != -1) {
    return TargetSetting::impossible(name + ": compress_weights has int8 per channel only");
  }
  if (bitsOf(weights) == 8) {
    return {{{"pass", "compress"}, {"mode", "INT8_" + mapping}}, {}, {}};
  }
  if (isConvolutionLayer(layer)) {
    return TargetSetting::impossible(name + ": compress_weights has 8 bits for convolutions");
  }
  if (isGrouped(weights) && !hasWholeGroups(layer, weights)) {
    return TargetSetting::impossible(name + ": compress_weights wants whole groups");
  }
  return {{{"pass", "compress"}, {"mode", "INT4_" + mapping}, {"group_size", *groupSize}}, {}, {}};
}

TargetSetting settingOf(const Layer& layer, const LayerPlan& plan) {
  const Scheme& weights = plan.weights;
  const Scheme& input = plan.activations.scheme;
  if (layer.op == "LSTM" || layer.op == "GRU" || layer.op == "RNN") {
    return TargetSetting::impossible("NNCF does not quantize the weights of an ONNX " + layer.op);
  }
  if (weights.format != NumberFormat::fp32 && isWeightOnly(plan)) {
    return compression(layer, weights);
  }
  if (!isInteger(weights) || bitsOf(weights) != 8 || isGrouped(weights) || !isInteger(input) ||
      bitsOf(input) != 8 || plan.activations.dynamic) {
    return TargetSetting::impossible(meaningOf(plan) +
                                     ": nncf.quantize has 8-bit weights and static 8-bit activations");
  }
  const auto mode = [](const Scheme& scheme) { return isSymmetric(scheme) ? "SYMMETRIC" : "ASYMMETRIC"; };
  TargetSetting setting{
      {{"pass", "quantize"},
       {"weights",
        {{"mode", mode(weights)}, {"per_channel", weights.granularity.kind == Granularity::Kind::channel}}},
       {"activations", {{"mode", mode(input)}, {"per_channel", false}}}},
      {},
      {}};
  addOwnInputRange(setting, plan, "NNCF");
  return setting;
}

/// The setting of most layers among those of one kind of pass.
OrderedJson mostCommonOf(const TargetPlan& plan, const char* pass) {
  TargetPlan those;
  std::copy_if(
      plan.layers.begin(), plan.layers.end(), std::back_inserter(those.layers),
      [&](const TargetLayer& layer) { return !layer.setting.is_null() && layer.setting["pass"] == pass; });
  return those.mostCommon();
}

TargetPlan targetPlan(const ExportInput& input) {
  const std::set<std::string> visible = mainGraphNodes(*input.model);
  const auto setting = [&visible](const Layer& layer, const LayerPlan& layerPlan) {
    return isInMainGraph(layer, visible) ? settingOf(layer, layerPlan)
                                         : TargetSetting::impossible(notInMainGraph("NNCF"));
  };
  TargetPlan plan = targetPlanFor(input, {"NNCF", nodeName, setting, true, kCannotBeIgnored, isAnyLayer});
  const OrderedJson quantize = mostCommonOf(plan, "quantize");
  for (TargetLayer& layer : plan.layers) {
    if (!layer.setting.is_null() && layer.setting["pass"] == "quantize" && layer.setting != quantize) {
      addLoss(plan.losses, layer.layer->name,
              meaningOf(*layer.plan) + ": nncf.quantize takes one scheme for all layers; left in float");
      layer.setting = nullptr;
    }
  }
  if (!quantize.is_null()) {
    addLoss(plan.losses, "*",
            "nncf.quantize also quantizes what lies between the layers (additions, pooling, …)");
  }
  return plan;
}

/// The passes, quantize first, then in the order of the layers.
std::vector<OrderedJson> passesOf(const TargetPlan& plan) {
  std::vector<OrderedJson> passes;
  for (const char* kind : {"quantize", "compress"}) {
    for (const TargetLayer& layer : plan.layers) {
      if (!layer.setting.is_null() && layer.setting["pass"] == kind &&
          std::find(passes.begin(), passes.end(), layer.setting) == passes.end()) {
        passes.push_back(layer.setting);
      }
    }
  }
  return passes;
}

/// All nodes of the layers that a pass leaves alone, as far as NNCF sees them: it stops at a name to ignore
/// that is not there.
OrderedJson ignoredNodes(const TargetPlan& plan, const std::set<std::string>& visible,
                         const OrderedJson& pass) {
  OrderedJson names = OrderedJson::array();
  for (const TargetLayer& layer : plan.layers) {
    for (const std::string& node : layer.layer->nodes) {
      if (layer.setting != pass && visible.contains(node) &&
          std::find(names.begin(), names.end(), node) == names.end()) {
        names.push_back(node);
      }
    }
  }
  return names;
}

std::string passText(const TargetPlan& plan, const std::set<std::string>& visible, const OrderedJson& pass) {
  OrderedJson words = pass;
  words["ignored"] = ignoredNodes(plan, visible, pass);
  return "    " + pythonLiteral(words) + ",\n";
}

constexpr const char* kScript = R"py(
import pathlib
import sys

import nncf
import numpy as np
import onnx

# One pass for each scheme; the nodes to leave alone in it, by their exact names.
PASSES = [
@PASSES@]


def calibration_data(folder):
    """The .npz files of a folder, each with one array per input of the model."""
    return nncf.Dataset([dict(np.load(file)) for file in sorted(pathlib.Path(folder).glob("*.npz"))])


def parameters(words):
    return nncf.QuantizationParameters(num_bits=8, mode=getattr(nncf.QuantizationMode, words["mode"]),
                                       per_channel=words["per_channel"])


def apply(model, words, folder):
    ignored = nncf.IgnoredScope(names=words["ignored"], validate=True)
    if words["pass"] == "quantize":
        if folder is None:
            sys.exit("static activations need a folder of calibration samples")
        return nncf.quantize(model, calibration_data(folder), ignored_scope=ignored,
                             advanced_parameters=nncf.AdvancedQuantizationParameters(
                                 weights_quantization_params=parameters(words["weights"]),
                                 activations_quantization_params=parameters(words["activations"])))
    mode = getattr(nncf.CompressWeightsMode, words["mode"])
    if "group_size" not in words:  # the 8-bit modes take no further options
        return nncf.compress_weights(model, mode=mode, ignored_scope=ignored)
    return nncf.compress_weights(model, mode=mode, ratio=1.0, group_size=words["group_size"], all_layers=True,
                                 ignored_scope=ignored)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    model = onnx.load(sys.argv[1])
    for words in PASSES:
        model = apply(model, words, sys.argv[3] if len(sys.argv) == 4 else None)
    onnx.save(model, sys.argv[2])


if __name__ == "__main__":
    main()
)py";

} // namespace

class NncfExporter : public TextExporter {
public:
  NncfExporter()
      : TextExporter(kTarget) {}

  std::vector<ExportLoss> losses(const ExportInput& input) const override { return targetPlan(input).losses; }

  std::vector<ExportPattern> patterns(const ExportInput& input) const override {
    std::vector<ExportPattern> patterns;
    const TargetPlan plan = targetPlan(input);
    const std::set<std::string> visible = mainGraphNodes(*input.model);
    for (const OrderedJson& pass : passesOf(plan)) {
      for (const OrderedJson& node : ignoredNodes(plan, visible, pass)) {
        patterns.push_back(testedPattern(MatchRule::exact, node.get<std::string>(),
                                         "ignored by the pass " + plainWords(pass), plan));
      }
    }
    return patterns;
  }

protected:
  Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext&) const override {
    const TargetPlan plan = targetPlan(input);
    const std::set<std::string> visible = mainGraphNodes(*input.model);
    std::string passes;
    for (const OrderedJson& pass : passesOf(plan)) {
      passes += passText(plan, visible, pass);
    }
    std::string text =
        "#!/usr/bin/env python3\n\"\"\"" + forDocstring(headLine(input)) + "\n\"\"\"" + kScript;
    replaceMark(text, "@PASSES@", passes);
    return std::vector<TextFile>{{path, text}};
  }
};

class NncfPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "nncf_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<NncfExporter>();
  }
};

} // namespace halfstep

#include "nncf_exporter.moc"
