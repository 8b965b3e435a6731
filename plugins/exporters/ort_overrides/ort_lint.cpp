#include "plugins/exporters/ort_overrides/ort_lint.h"

#include "core/model/layer_finder.h"
#include "core/quant/number_format.h"

#include <algorithm>

namespace halfstep::ort {

namespace {

bool isByte(const TypeName& type) {
  return formatFacts(type.format).bits == 8;
}

/// Why no integer kernel takes the layer's codes; empty where one does.
std::string obstacleToKernel(const Layer& layer, const TypeName& weights, const TypeName& input) {
  if (layer.op == "ConvTranspose") {
    return "there is no integer ConvTranspose on the CPU";
  }
  if (layer.op == "Gather") {
    return {}; // takes codes as they are
  }
  if (!isByte(weights) || !isByte(input)) {
    return "integer kernels have 8 bits; 16- and 4-bit pairs stay as they are";
  }
  if (input.format == NumberFormat::int8 && weights.format == NumberFormat::uint8) {
    return "int8 activations with uint8 weights: no kernel takes the two together";
  }
  return {};
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
    isWide = isWide || !isByte(*layer.weights) || !isByte(input);
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
        findings.push_back({name, "is computed in float", "Gemm's beta is not 1"});
      } else if (!use.node->attributes.contains("beta")) {
        findings.push_back({name, "may be computed in float",
                            "Gemm has no attribute beta in the file, which ONNX Runtime 1.24 asks for (1.30 "
                            "does not)"});
      }
    }
  }
  if (!overflowing.empty()) {
    findings.push_back({"*", "may overflow on x86 CPUs without VNNI",
                        "ONNX Runtime adds products of uint8 inputs and int8 weights in pairs of 16 bits "
                        "there, and saturates (" +
                            std::to_string(overflowing.size()) + " layers, the first " + overflowing.front() +
                            "); weights of uint8 do not, nor does the session option "
                            "session.x64quantprecision = 1"});
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
