#include "plugins/shared/onnxruntime/integer_kernels.h"

namespace halfstep::onnxruntime {

bool isByte(ElementType type) {
  return type == ElementType::uint8 || type == ElementType::int8;
}

std::string obstacleToProduct(ElementType inputs, ElementType weights) {
  if (!isByte(inputs) || !isByte(weights)) {
    return "integer kernels have 8 bits; 16- and 4-bit pairs stay as they are";
  }
  if (inputs == ElementType::int8 && weights == ElementType::uint8) {
    return "int8 activations with uint8 weights: no kernel takes the two together";
  }
  return {};
}

ExportFinding missingBeta(const std::string& layer) {
  return {layer, "may be computed in float",
          "Gemm has no attribute beta in the file, which ONNX Runtime 1.24 asks for (1.30 does not)"};
}

ExportFinding overflow(const std::vector<std::string>& layers, std::string_view safeWeights) {
  return {"*", "may overflow on x86 CPUs without VNNI",
          "ONNX Runtime adds products of uint8 inputs and int8 weights in pairs of 16 bits there, and "
          "saturates (" +
              std::to_string(layers.size()) + " layers, the first " + layers.front() + "); weights of " +
              std::string(safeWeights) +
              " do not, nor does the session option session.x64quantprecision = 1"};
}

} // namespace halfstep::onnxruntime
