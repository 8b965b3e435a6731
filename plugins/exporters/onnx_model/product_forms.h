// The forms in which a layer's node becomes another operator: com.microsoft MatMulNBits for weights in
// groups, and products of integers behind DynamicQuantizeLinear. Layers that these cannot hold stay in float.
#pragma once

#include "plugins/exporters/onnx_model/model_form.h"

namespace halfstep::onnx_export {

/// Weights of 2 to 8 bits in groups of a power of two of at least 16, of MatMul and Gemm with the weight on
/// the right. Source: ONNX Runtime ContribOperators.md.
FormPlan planMatMulNBits(const ExportInput& input);
Result<FormModel> makeMatMulNBits(const ExportInput& input, const JobContext& context);

/// 8-bit weights, per tensor or per output, of MatMul, Gemm and Conv whose input is quantized to uint8 with a
/// range found at run time. Source: ONNX DynamicQuantizeLinear, MatMulInteger, ConvInteger.
FormPlan planDynamic(const ExportInput& input);
Result<FormModel> makeDynamic(const ExportInput& input, const JobContext& context);

} // namespace halfstep::onnx_export
