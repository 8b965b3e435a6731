// tensorrt: what TensorRT 8 to 10 reads: a calibration cache, and a script with trtexec's flags for the
// precision of every layer. Source: NVIDIA/TensorRT samples/common/sampleOptions.{h,cpp} (v10.13.0), python
// calibrators.
#include "plugins/api/exporter_factory.h"
#include "plugins/shared/text/exporter_plugin.h"
#include "plugins/shared/text/target_plan.h"
#include "plugins/shared/text/tensor_activations.h"
#include "plugins/shared/text/text_exporter.h"

#include <QObject>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <set>

namespace halfstep {

namespace {

constexpr TextTarget kTarget = {"tensorrt", "TensorRT 8-10 calibration cache and layer precisions",
                                "Read by TensorRT 8 to 10: sh FILE.sh MODEL.onnx, which calls trtexec "
                                "--calib=FILE.cache with a precision for "
                                "every layer. TensorRT 11 reads models with QuantizeLinear and "
                                "DequantizeLinear only: export onnx-qdq for it.",
                                "cache"};

/// What the script's header line is written for.
constexpr const char* kCacheVersion = "100300"; // 10.3.0

std::string formatObstacle(const Scheme& scheme) {
  return isInteger(scheme) && bitsOf(scheme) == 8 ? std::string()
                                                  : "the cache holds ranges of 8-bit values only";
}

/// trtexec's word for a layer: "int8", "fp16", "fp32".
TargetSetting settingOf(const Layer& layer, const LayerPlan& plan) {
  const Scheme& weights = plan.weights;
  const bool writable = std::all_of(layer.nodes.begin(), layer.nodes.end(), [](const std::string& node) {
    return node.find_first_of("*'\n") == std::string::npos;
  });
  if (!writable) {
    return TargetSetting::impossible("its node's name has a character that trtexec cannot be given");
  }
  if (weights.format == NumberFormat::fp16 || weights.format == NumberFormat::bf16) {
    TargetSetting setting{std::string(formatFacts(weights.format).name), {}, {}};
    if (!isWeightOnly(plan) && plan.activations.scheme.format != weights.format) {
      setting.differences.push_back(meaningOf(plan) +
                                    ": TensorRT runs the layer in one precision, that of the weights");
    }
    return setting;
  }
  const std::string name = meaningOf(plan);
  if (!isInteger(weights) || bitsOf(weights) != 8 || !isInteger(plan.activations.scheme) ||
      bitsOf(plan.activations.scheme) != 8 || plan.activations.dynamic) {
    return TargetSetting::impossible(
        name +
        ": without Q/DQ nodes TensorRT has int8 for weights and static activations together, fp16, bf16 "
        "and fp32");
  }
  TargetSetting setting{"int8", {}, {}};
  if (!isSymmetric(weights) || weights.granularity.kind != Granularity::Kind::channel) {
    setting.differences.push_back(meaningOf(weights) +
                                  " weights: TensorRT quantizes them symmetrically per channel, by itself");
  }
  if (!isSymmetric(plan.activations.scheme)) {
    setting.differences.push_back("asymmetric activations: TensorRT's are symmetric, the cache holds the "
                                  "larger end of the range");
  }
  return setting;
}

TargetPlan targetPlan(const ExportInput& input) {
  return targetPlanFor(input, {"TensorRT", nodeName, settingOf, true});
}

/// The tensors of the layers that run in int8.
TensorActivations activations(const ExportInput& input, const TargetPlan& plan) {
  TensorActivations found = tensorActivationsFor(input, "TensorRT", formatObstacle);
  std::erase_if(found.tensors, [&](const TensorActivation& activation) {
    return std::none_of(plan.layers.begin(), plan.layers.end(), [&](const TargetLayer& layer) {
      return layer.setting == "int8" && std::find(activation.layers.begin(), activation.layers.end(),
                                                  layer.layer->name) != activation.layers.end();
    });
  });
  return found;
}

/// The values that layers in int8 give and no entry of `inputs` has: TensorRT computes a layer in float where
/// a tensor that it takes or gives has no scale. They get the smallest and largest value of the calibration.
struct OutputRange {
  std::string tensor;
  std::string layer;
};
std::vector<OutputRange> outputsOf(const ExportInput& input, const TargetPlan& plan,
                                   const TensorActivations& inputs) {
  std::vector<OutputRange> found;
  std::set<std::string> known;
  for (const TensorActivation& activation : inputs.tensors) {
    known.insert(activation.tensor);
  }
  const auto uses = findLayerUses(*input.model);
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    for (const LayerUse& use : plan.layers[i].setting == "int8" ? uses[i] : std::vector<LayerUse>()) {
      if (!use.node->outputs.empty() && known.insert(use.node->outputs[0]).second) {
        found.push_back({use.node->outputs[0], plan.layers[i].layer->name});
      }
    }
  }
  return found;
}

Result<void> checkName(const std::string& tensor) {
  if (tensor.find('\n') == std::string::npos) {
    return {};
  }
  return Error{ErrorKind::unsupported, "a name with a line feed cannot stand in a calibration cache",
               "value " + tensor};
}

/// "name: 3c810204": the bits of largest / 127, the largest digit first.
std::string cacheLine(const std::string& tensor, float largest) {
  const float scale = largest > 0.0f ? largest / 127.0f : 1.0f;
  std::array<char, 9> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x", std::bit_cast<std::uint32_t>(scale));
  return tensor + ": " + digits.data() + "\n";
}

/// "name:int8", with quotes where the name has what separates specifications.
std::string precisionSpec(const std::string& node, const std::string& precision) {
  const bool quoted = node.find_first_of(":,") != std::string::npos;
  return (quoted ? "'" + node + "'" : node) + ":" + precision;
}

/// Every node of the layers with a precision of their own, once, after the rule for all others.
std::string layerPrecisions(const TargetPlan& plan) {
  std::string specs = "*:fp32";
  std::set<std::string> said;
  for (const TargetLayer& layer : plan.layers) {
    for (const std::string& node :
         layer.setting.is_null() ? std::vector<std::string>() : layer.layer->nodes) {
      if (said.insert(node).second) {
        specs += "," + precisionSpec(node, layer.setting.get<std::string>());
      }
    }
  }
  return specs;
}

constexpr const char* kScript = R"sh(#!/bin/sh
# @HEAD@
#
#   sh @SCRIPT@ MODEL.onnx [more options of trtexec, such as --saveEngine=FILE]
#
# TensorRT ignores a calibration cache of another version. Say which one is installed as major*10000 + minor*100 +
# patch (8.x: major*1000 + minor*100 + patch): TENSORRT_VERSION=100300 for 10.3.0, 8601 for 8.6.1.
set -eu
model=${1:?the ONNX model}
shift
folder=$(dirname "$0")
cache=$(mktemp)
trap 'rm -f "$cache"' EXIT
sed "1s/^TRT-[0-9]*/TRT-${TENSORRT_VERSION:-@VERSION@}/" "$folder"/@CACHE@ > "$cache"
trtexec --onnx="$model" @FLAGS@ --precisionConstraints=obey \
  --layerPrecisions=@PRECISIONS@ "$@"
)sh";

std::string script(const TargetPlan& plan, const std::string& head, const std::filesystem::path& path,
                   const std::filesystem::path& cache) {
  const auto uses = [&](const char* precision) {
    return std::any_of(plan.layers.begin(), plan.layers.end(),
                       [&](const TargetLayer& layer) { return layer.setting == precision; });
  };
  std::string flags;
  for (const char* precision : {"int8", "fp16", "bf16"}) {
    flags += uses(precision) ? std::string(flags.empty() ? "--" : " --") + precision : std::string();
  }
  flags += uses("int8") ? " --calib=\"$cache\"" : "";
  std::string text = kScript;
  replaceMark(text, "@PRECISIONS@", shellWord(layerPrecisions(plan)));
  replaceMark(text, "@FLAGS@", flags);
  replaceMark(text, "@CACHE@", shellWord(cache.filename().string()));
  replaceMark(text, "@VERSION@", kCacheVersion);
  replaceMark(text, "@SCRIPT@", shellWord(path.filename().string()));
  replaceMark(text, "@HEAD@", head);
  return text;
}

} // namespace

class TensorRtExporter : public TextExporter {
public:
  TensorRtExporter()
      : TextExporter(kTarget) {}

  std::vector<ExportLoss> losses(const ExportInput& input) const override {
    TargetPlan plan = targetPlan(input);
    const TensorActivations found = activations(input, plan);
    for (const ExportLoss& loss : found.losses) {
      const bool inFloat = std::any_of(plan.layers.begin(), plan.layers.end(), [&](const TargetLayer& layer) {
        return layer.layer->name == loss.layer && layer.setting != "int8";
      });
      if (!inFloat) { // or it has been said already
        plan.losses.push_back(loss);
      }
    }
    if (found.tensors.empty()) {
      addLoss(plan.losses, "*", "no layer runs in int8: the calibration cache has no ranges in it");
    }
    return plan.losses;
  }

  std::vector<ExportPattern> patterns(const ExportInput& input) const override {
    const TargetPlan plan = targetPlan(input);
    std::vector<ExportPattern> patterns = {
        testedPattern(MatchRule::wildcard, "*", "fp32, unless a later rule says otherwise", plan)};
    for (const TargetLayer& layer : plan.layers) {
      if (!layer.setting.is_null()) {
        patterns.push_back(
            testedPattern(MatchRule::wildcard, layer.name, layer.setting.get<std::string>(), plan));
      }
    }
    const TensorActivations inputs = activations(input, plan);
    for (const TensorActivation& activation : inputs.tensors) {
      patterns.push_back({activation.tensor, std::string(matchRuleName(MatchRule::exact)),
                          "range of the input", activation.layers});
    }
    for (const OutputRange& output : outputsOf(input, plan, inputs)) {
      patterns.push_back({output.tensor,
                          std::string(matchRuleName(MatchRule::exact)),
                          "range of the output",
                          {output.layer}});
    }
    return patterns;
  }

  bool needsCalibration(const ExportInput& input) const override {
    return !activations(input, targetPlan(input)).tensors.empty();
  }

protected:
  Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext& context) const override {
    const auto [cache, shell] = besideEachOther(path, ".cache", ".sh");
    const TargetPlan plan = targetPlan(input);
    std::string ranges = std::string("TRT-") + kCacheVersion + "-EntropyCalibration2\n";
    const TensorActivations inputs = activations(input, plan);
    for (const TensorActivation& activation : inputs.tensors) {
      HALFSTEP_CHECK(checkName(activation.tensor));
      HALFSTEP_TRY(const TensorGrid grid, tensorGrid(activation, input.measured.calibration.get(), context));
      ranges += cacheLine(activation.tensor, std::max(-grid.range.lo, grid.range.hi));
    }
    for (const OutputRange& output : outputsOf(input, plan, inputs)) {
      HALFSTEP_CHECK(checkName(output.tensor));
      const Calibration* calibration = input.measured.calibration.get();
      const ActivationStatistics* seen = calibration != nullptr ? calibration->find(output.tensor) : nullptr;
      if (seen != nullptr) { // or it is a subgraph's, which no calibration sees
        ranges += cacheLine(output.tensor, std::max(-seen->moments.min, seen->moments.max));
      }
    }
    return std::vector<TextFile>{{cache, ranges}, {shell, script(plan, headLine(input), shell, cache)}};
  }
};

class TensorRtPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "tensorrt_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<TensorRtExporter>();
  }
};

} // namespace halfstep

#include "tensorrt_exporter.moc"
