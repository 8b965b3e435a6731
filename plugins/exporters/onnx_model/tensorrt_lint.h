// What keeps TensorRT from reading a model with QuantizeLinear and DequantizeLinear.
#pragma once

#include "core/io/exporter.h"
#include "plugins/exporters/onnx_model/model_form.h"

namespace halfstep::onnx_export {

/// One finding of "*" for each kind of obstacle, with how many operators have it; none where TensorRT takes
/// all pairs. Precondition: `form` is applied. Source: NVIDIA's documentation of explicit quantization:
/// symmetric int8, int4 and fp8e4m3, biases in float.
std::vector<ExportFinding> lintForTensorRt(FormModel& form);

} // namespace halfstep::onnx_export
