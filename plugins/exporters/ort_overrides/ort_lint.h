// What ONNX Runtime makes of the model that quantize_static writes from the overrides. Source: its Level-2
// QDQ selectors (onnxruntime/core/optimizer/qdq_transformer), quant_utils.py.
#pragma once

#include "plugins/exporters/ort_overrides/ort_rules.h"

namespace halfstep::ort {

/// The layers that run in float all the same, and why.
std::vector<ExportFinding> lintOverrides(const Model& model, const Overrides& overrides);

} // namespace halfstep::ort
