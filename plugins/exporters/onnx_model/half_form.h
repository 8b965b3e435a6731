// The forms with 16-bit floating-point numbers. fp16: the whole main graph computes in float16, but for what
// has no such kernels or needs the range of float32; inputs and outputs stay float32. bf16: the layers'
// weights are stored as bfloat16 and cast where they are used, since most operators have no bfloat16 before
// version 22 and CPU kernels have it nowhere.
#pragma once

#include "plugins/exporters/onnx_model/model_form.h"

namespace halfstep::onnx_export {

FormPlan planHalf(const ExportInput& input);
Result<FormModel> makeHalf(const ExportInput& input, const JobContext& context);

/// `input` with weights of bfloat16 everywhere, for the form with DequantizeLinear.
ExportInput withBfloat16(const ExportInput& input);

} // namespace halfstep::onnx_export
