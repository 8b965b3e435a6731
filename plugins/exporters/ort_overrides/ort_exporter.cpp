#include "plugins/exporters/ort_overrides/ort_exporter.h"

#include "core/io/atomic_file.h"
#include "plugins/exporters/ort_overrides/ort_lint.h"
#include "plugins/exporters/ort_overrides/ort_rules.h"
#include "plugins/exporters/ort_overrides/ort_script.h"
#include "plugins/shared/text/weight_parameters.h"

#include <algorithm>

namespace halfstep {

std::string OrtOverridesExporter::explanation() const {
  return std::string("Read by ONNX Runtime ") + ort::kVersion +
         ": python -m onnxruntime.quantization.static_quantize_runner --tensor_quant_overrides FILE.json …, "
         "or "
         "python FILE.py MODEL QUANTIZED CALIBRATION_FOLDER (whose first lines give both commands in full).";
}

std::vector<ExportLoss> OrtOverridesExporter::losses(const ExportInput& input) const {
  return ort::overridesFor(input).losses;
}

Result<std::vector<ExportFinding>> OrtOverridesExporter::check(const ExportInput& input,
                                                               const JobContext& context) const {
  HALFSTEP_TRY(std::vector<ExportFinding> findings, Exporter::check(input, context));
  for (ExportFinding& finding : ort::lintOverrides(*input.model, ort::overridesFor(input))) {
    findings.push_back(std::move(finding));
  }
  return findings;
}

std::vector<ExportPattern> OrtOverridesExporter::patterns(const ExportInput& input) const {
  const ort::Overrides overrides = ort::overridesFor(input);
  std::vector<ExportPattern> patterns;
  const auto add = [&](const std::string& name, const std::string& meaning, const std::string& layer) {
    const auto known = std::find_if(patterns.begin(), patterns.end(), [&](const ExportPattern& other) {
      return other.pattern == name && other.meaning == meaning;
    });
    if (known == patterns.end()) {
      patterns.push_back({name, "exact", meaning, {layer}});
    } else {
      known->layers.push_back(layer);
    }
  };
  for (const ort::LayerOverride& layer : overrides.layers) {
    const std::string& name = layer.layer->name;
    if (layer.weights != nullptr) {
      add(layer.layer->weightName, std::string("weights ") + layer.weights->option, name);
    }
    if (layer.activation != nullptr) {
      add(layer.layer->input, std::string("input ") + layer.activation->option, name);
    }
    for (const std::string& node :
         layer.weights == nullptr ? layer.layer->nodes : std::vector<std::string>()) {
      add(node, "left in float", name);
    }
  }
  return patterns;
}

Result<ExportReport> OrtOverridesExporter::write(const ExportInput& input, const std::filesystem::path& path,
                                                 const JobContext& context) const {
  const ort::Overrides overrides = ort::overridesFor(input);
  ort::ParametersByLayer parameters;
  for (std::size_t i = 0; i < overrides.layers.size(); ++i) {
    const ort::LayerOverride& layer = overrides.layers[i];
    HALFSTEP_CHECK(context.checkpoint());
    context.reportProgress(static_cast<double>(i) / static_cast<double>(overrides.layers.size()),
                           layer.layer->name);
    if (layer.weights == nullptr) {
      continue;
    }
    HALFSTEP_TRY(auto found,
                 weightParameters(*layer.layer, input.plan.forLayer(layer.layer->name).weights, context));
    parameters.emplace(layer.layer->name, std::move(found));
  }
  const bool givenScript = path.extension() == ".py";
  std::filesystem::path json = path;
  std::filesystem::path script = path;
  (givenScript ? json : script).replace_extension(givenScript ? ".json" : ".py");
  const TextToWrite files[] = {
      {json, ort::overridesJson(overrides, parameters)},
      {script, ort::overridesScript(input, overrides, parameters, script.filename().string(),
                                    json.filename().string())}};
  HALFSTEP_CHECK(writeFilesAtomically(files));
  return ExportReport{{json, script}, overrides.losses};
}

} // namespace halfstep
