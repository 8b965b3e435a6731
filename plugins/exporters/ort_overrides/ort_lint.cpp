#include "plugins/exporters/ort_overrides/ort_lint.h"

#include "core/model/layer_finder.h"
#include "plugins/shared/onnxruntime/integer_kernels.h"

namespace halfstep::ort {

namespace {

/// Why no integer kernel takes the layer's codes; empty where one does.
std::string obstacleToKernel(const Layer& layer, const TypeName& weights, const TypeName& input) {
  if (layer.op == "ConvTranspose") {
    return onnxruntime::kNoTransposedConvolution;
  }
  if (layer.op == "Gather") {
    return {}; // takes codes as they are
  }
  return onnxruntime::obstacleToProduct(input.element, weights.element);
}

} // namespace

std::vector<ExportFinding> lintOverrides(const Model& model, const Overrides& overrides) {
  std::vector<ExportFinding> findings;
  const auto uses = findLayerUses(model);
  bool isWide = false;
  std::vector<std::string> overflowing;
  for (std::size_t i = 0; i < overrides.layers.size(); ++i) {
    const LayerOverride& layer = overrides.layers[i];
    if (layer.weights == nullptr) {
      continue;
    }
    const TypeName& input = layer.activation != nullptr ? *layer.activation : *overrides.mainActivation;
    const std::string& name = layer.layer->name;
    isWide = isWide || !onnxruntime::isByte(layer.weights->element) || !onnxruntime::isByte(input.element);
    if (std::string why = obstacleToKernel(*layer.layer, *layer.weights, input); !why.empty()) {
      findings.push_back({name, "is computed in float", std::move(why)});
      continue;
    }
    if (layer.weights->format == NumberFormat::int8 && layer.layer->op != "Gather") {
      overflowing.push_back(name);
    }
    for (const LayerUse& use : uses[i]) {
      if (use.node->opType != "Gemm") {
        continue;
      }
      if (use.node->real("beta", 1.0f) != 1.0f) {
        findings.push_back({name, "is computed in float", onnxruntime::kBetaIsNotOne});
      } else if (!use.node->attributes.contains("beta")) {
        findings.push_back(onnxruntime::missingBeta(name));
      }
    }
  }
  if (!overflowing.empty()) {
    findings.push_back(onnxruntime::overflow(overflowing, "uint8"));
  }
  const auto opset = model.opsets.find("");
  constexpr std::int64_t kWideTypes = 21;
  if (isWide && opset != model.opsets.end() && opset->second < kWideTypes) {
    findings.push_back({"*", "is for ONNX Runtime alone",
                        "16- and 4-bit types below version 21 of ONNX's operators: quantize_static takes "
                        "com.microsoft's QuantizeLinear and DequantizeLinear"});
  }
  return findings;
}

} // namespace halfstep::ort
