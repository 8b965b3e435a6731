#include "plugins/exporters/ort_overrides/ort_exporter.h"

#include "core/io/atomic_file.h"
#include "plugins/exporters/ort_overrides/ort_rules.h"
#include "plugins/exporters/ort_overrides/ort_script.h"
#include "plugins/shared/text/weight_parameters.h"

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
  HALFSTEP_CHECK(writeFileAtomically(json, ort::overridesJson(overrides, parameters)));
  HALFSTEP_CHECK(writeFileAtomically(script, ort::overridesScript(input, overrides, parameters,
                                                                  script.filename().string(),
                                                                  json.filename().string())));
  return ExportReport{{json, script}, overrides.losses};
}

} // namespace halfstep
