// What ONNX Runtime's integer kernels on the CPU do not take, in the words in which a check says it. For
// every export that ends there. Sources: onnxruntime/core/optimizer/qdq_transformer (1.24), its documentation
// of quantization on x86.
#pragma once

#include "core/io/exporter.h"
#include "core/tensor/element_type.h"

#include <string>
#include <string_view>
#include <vector>

namespace halfstep::onnxruntime {

inline constexpr const char* kNoTransposedConvolution = "there is no integer ConvTranspose on the CPU";
inline constexpr const char* kBetaIsNotOne = "Gemm's beta is not 1";

/// Whether products can be made of codes of this type.
bool isByte(ElementType type);
/// Why no kernel multiplies inputs and weights of these types; empty where one does.
std::string obstacleToProduct(ElementType inputs, ElementType weights);
/// Of a layer whose Gemm has no attribute `beta`.
ExportFinding missingBeta(const std::string& layer);
/// Of these layers, at least one, whose int8 codes are large enough. `safeWeights`: the types that avoid it.
ExportFinding overflow(const std::vector<std::string>& layers, std::string_view safeWeights);

} // namespace halfstep::onnxruntime
