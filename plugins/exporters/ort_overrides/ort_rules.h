// What ONNX Runtime 1.24.1's quantize_static can be told of a layer through TensorQuantOverrides, and what
// not. Source: onnxruntime/python/tools/quantization/{tensor_quant_overrides,qdq_quantizer,quant_utils}.py.
#pragma once

#include "core/io/exporter.h"

#include <optional>
#include <string>
#include <vector>

namespace halfstep::ort {

inline constexpr const char* kVersion = "1.24.1";

/// How ONNX Runtime calls a number format: the member of QuantType, the runner's option value and NumPy's
/// type.
struct TypeName {
  NumberFormat format;
  ElementType element;
  const char* quantType;
  const char* option;
  const char* numpy;
};
/// Null for formats that it does not have.
const TypeName* typeName(NumberFormat format);

/// What becomes of one layer.
struct LayerOverride {
  const Layer* layer = nullptr;
  const TypeName* weights = nullptr;    ///< null: left in float
  std::optional<int> axis;              ///< per channel along this axis of the weight; nothing: per tensor
  const TypeName* activation = nullptr; ///< of the layer's input; null: ONNX Runtime's default
  bool activationSymmetric = false;
};

struct Overrides {
  std::vector<LayerOverride> layers; ///< in the model's order, all of them
  std::vector<std::string> excludedNodes;
  std::vector<ExportLoss> losses;
  /// The weight type of most layers: the JSON form can only say one, on the runner's command line.
  const TypeName* mainType = nullptr;
  /// The same of the layers' inputs, and what values get that no override names; never null.
  const TypeName* mainActivation = typeName(NumberFormat::uint8);
};

/// Decides for every layer. Cheap: nothing is quantized.
Overrides overridesFor(const ExportInput& input);

} // namespace halfstep::ort
