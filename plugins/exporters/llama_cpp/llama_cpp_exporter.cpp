// llama-cpp: a file of tensor types for llama-quantize, and a script that calls it. Source: llama.cpp
// tools/quantize/quantize.cpp, src/llama-quant.cpp (2026-08).
#include "plugins/api/exporter_factory.h"
#include "plugins/exporters/llama_cpp/gguf_names.h"
#include "plugins/shared/text/exporter_plugin.h"
#include "plugins/shared/text/target_plan.h"
#include "plugins/shared/text/text_exporter.h"

#include <QObject>

#include <algorithm>
#include <array>

namespace halfstep {

namespace {

constexpr TextTarget kTarget = {
    "llama-cpp", "llama.cpp tensor types",
    "Read by llama.cpp (2026-08): sh FILE.sh IN.gguf OUT.gguf, which calls llama-quantize --tensor-type-file "
    "FILE.txt.",
    "txt"};

/// One of ggml's types.
struct GgmlType {
  std::string_view name;
  int block;                 ///< values; the row's length must be a multiple
  std::string_view fileType; ///< the FTYPE that makes it the default
  std::string_view fallback; ///< where the row's length is none
};
constexpr auto kTypes = std::to_array<GgmlType>({
    {"f32", 1, "F32", ""},
    {"f16", 1, "F16", ""},
    {"bf16", 1, "BF16", ""},
    {"q4_0", 32, "Q4_0", "f16"},
    {"q4_1", 32, "Q4_1", "f16"},
    {"q5_0", 32, "Q5_0", "f16"},
    {"q5_1", 32, "Q5_1", "f16"},
    {"q8_0", 32, "Q8_0", "f16"},
    {"q2_k", 256, "Q2_K", "q4_0"},
    {"q3_k", 256, "Q3_K_S", "q4_0"},
    {"q4_k", 256, "Q4_K_S", "q5_0"},
    {"q5_k", 256, "Q5_K_S", "q5_1"},
    {"q6_k", 256, "Q6_K", "q8_0"},
    {"iq4_nl", 32, "IQ4_NL", "f16"},
});

const GgmlType* typeCalled(std::string_view name) {
  const auto* found =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const GgmlType& type) { return type.name == name; });
  return found == kTypes.end() ? nullptr : found;
}

/// The type nearest to a scheme: as many bits, a minimum of its own for asymmetric ones.
std::string_view nearestType(const Scheme& scheme) {
  switch (scheme.format) {
  case NumberFormat::fp32:
    return "f32";
  case NumberFormat::fp16:
    return "f16";
  case NumberFormat::bf16:
    return "bf16";
  default:
    break;
  }
  if (!isInteger(scheme)) {
    return formatFacts(scheme.format).name; // ggml's own formats; others are not among the types
  }
  switch (bitsOf(scheme)) {
  case 2:
    return "q2_k";
  case 3:
    return "q3_k";
  case 4:
    return isSymmetric(scheme) ? "q4_0" : "q4_1";
  case 5:
    return isSymmetric(scheme) ? "q5_0" : "q5_1";
  case 6:
    return "q6_k";
  case 7:
  case 8:
    return "q8_0";
  default:
    return "f16";
  }
}

/// Whether a scheme computes the type's own codes.
bool computesTheSame(const GgmlType& type, const Scheme& scheme) {
  Scheme same = defaultScheme(scheme.format);
  same.granularity = {Granularity::Kind::group, type.block};
  if (type.name == "q8_0" && scheme.format == NumberFormat::int8) {
    same.rounding = Rounding::away;
    return scheme == same;
  }
  if ((type.name == "q4_0" && scheme.format == NumberFormat::int4) ||
      (type.name == "q5_0" && scheme.format == NumberFormat::int5)) {
    same.codeRange = CodeRange::absmax;
    same.rounding = scheme.rounding; // trunc(x + 8.5): only ties differ
    return scheme == same;
  }
  return !isInteger(scheme);
}

/// Where a tensor's row cannot be cut into blocks, as llama-quantize falls back.
const GgmlType* fitting(const GgmlType* type, std::int64_t row) {
  while (type != nullptr && row % type->block != 0) {
    type = typeCalled(type->fallback);
  }
  return type;
}

TargetSetting settingOf(const Layer& layer, const LayerPlan& plan) {
  const std::string name = meaningOf(plan.weights);
  const GgmlType* wanted = typeCalled(nearestType(plan.weights));
  if (wanted == nullptr) {
    return TargetSetting::impossible(name + ": ggml has no such type");
  }
  const GgmlType* type = fitting(wanted, valuesPerChannel(layer));
  TargetSetting setting{std::string(type->name), {}, {}};
  if (type != wanted) {
    setting.differences.push_back(name + ": becomes " + std::string(type->name) + ", for " +
                                  std::string(wanted->name) + " wants rows of a multiple of " +
                                  std::to_string(wanted->block) + " values");
  } else if (!computesTheSame(*type, plan.weights)) {
    setting.differences.push_back(name + ": becomes ggml's " + std::string(type->name) +
                                  ", which is the nearest and finds its scales by itself");
  }
  if (!isWeightOnly(plan)) {
    setting.differences.push_back("activations: llama.cpp has no setting for them");
  }
  return setting;
}

TargetPlan targetPlan(const ExportInput& input) {
  return targetPlanFor(
      input, {"llama.cpp", ggufName, settingOf, false, "gets the default of llama-quantize", isAnyLayer});
}

std::string namePattern(const std::string& tensor) {
  return "^" + regexEscaped(tensor) + "$";
}

/// Layers whose type can be said, with "f32" for those that stay in float.
std::string typeOf(const TargetLayer& layer) {
  return layer.setting.is_null() ? "f32" : layer.setting.get<std::string>();
}

std::string typeFile(const TargetPlan& plan) {
  std::string text;
  for (const TargetLayer& layer : plan.layers) {
    if (!layer.name.empty()) {
      text += namePattern(layer.name) + "=" + typeOf(layer) + "\n";
    }
  }
  return text;
}

/// The FTYPE, which is what tensors without a rule get. It has to be a quantized one, or rules do not apply.
std::string fileType(const TargetPlan& plan) {
  TargetPlan quantized;
  std::copy_if(plan.layers.begin(), plan.layers.end(), std::back_inserter(quantized.layers),
               [](const TargetLayer& layer) {
                 return !layer.setting.is_null() && typeCalled(layer.setting.get<std::string>())->block > 1;
               });
  const OrderedJson usual = quantized.mostCommon();
  return std::string(usual.is_null() ? "Q8_0" : typeCalled(usual.get<std::string>())->fileType);
}

constexpr const char* kScript = R"sh(#!/bin/sh
# @HEAD@
#
#   sh @SCRIPT@ IN.gguf OUT.gguf [threads]
#
# Each rule is the whole name of one tensor; tensors without a rule get what @FTYPE@ means to llama-quantize.
set -eu
in=${1:?the GGUF file to quantize}
out=${2:?the file to write}
shift 2
folder=$(dirname "$0")
llama-quantize --tensor-type-file "$folder"/@TYPES@@SPECIAL@ "$in" "$out" @FTYPE@ "$@"
)sh";

std::string script(const TargetPlan& plan, const std::string& head, const std::filesystem::path& path,
                   const std::filesystem::path& types) {
  std::string special;
  for (const auto& [tensor, option] : {std::pair("token_embd.weight", "--token-embedding-type"),
                                       {"output.weight", "--output-tensor-type"}}) {
    if (const TargetLayer* layer = plan.find(tensor); layer != nullptr) {
      special += std::string(" ") + option + " " + typeOf(*layer);
    }
  }
  std::string text = kScript;
  const std::string type = fileType(plan);
  replaceMark(text, "@FTYPE@", type);
  replaceMark(text, "@FTYPE@", type);
  replaceMark(text, "@SPECIAL@", special);
  replaceMark(text, "@TYPES@", shellWord(types.filename().string()));
  replaceMark(text, "@SCRIPT@", shellWord(path.filename().string()));
  replaceMark(text, "@HEAD@", head);
  return text;
}

} // namespace

class LlamaCppExporter : public TextExporter {
public:
  LlamaCppExporter()
      : TextExporter(kTarget) {}

  std::vector<ExportLoss> losses(const ExportInput& input) const override {
    TargetPlan plan = targetPlan(input);
    const bool none = std::all_of(plan.layers.begin(), plan.layers.end(),
                                  [](const TargetLayer& layer) { return layer.name.empty(); });
    if (none) {
      addLoss(plan.losses, "*", "no rule can be written: the file of tensor types is empty");
    } else if (!plan.allNamed()) {
      addLoss(plan.losses, "*",
              "tensors without a rule get what " + fileType(plan) + " means to llama-quantize");
    }
    return plan.losses;
  }

  std::vector<ExportPattern> patterns(const ExportInput& input) const override {
    std::vector<ExportPattern> patterns;
    const TargetPlan plan = targetPlan(input);
    for (const TargetLayer& layer : plan.layers) {
      if (!layer.name.empty()) {
        patterns.push_back(
            testedPattern(MatchRule::regexSearch, namePattern(layer.name), typeOf(layer), plan));
      }
    }
    return patterns;
  }

protected:
  Result<std::vector<TextFile>> texts(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext&) const override {
    const auto [types, shell] = besideEachOther(path, ".txt", ".sh");
    const TargetPlan plan = targetPlan(input);
    return std::vector<TextFile>{{types, typeFile(plan)},
                                 {shell, script(plan, headLine(input), shell, types)}};
  }
};

class LlamaCppPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "llama_cpp_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    return oneExporter<LlamaCppExporter>();
  }
};

} // namespace halfstep

#include "llama_cpp_exporter.moc"
