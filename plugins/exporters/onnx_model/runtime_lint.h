// What ONNX Runtime's CPU kernels make of the layers of a written model: whether the operator around a layer
// becomes one that computes with integers, or stays in float without saying so, and why. Sources: ONNX
// Runtime 1.24, onnxruntime/core/optimizer/qdq_transformer/selectors_actions.
#pragma once

#include "plugins/exporters/onnx_model/model_form.h"

#include <vector>

namespace halfstep::onnx_export {

/// The findings on an applied model. `nodes`: those of every layer, taken before apply() with layerNodes().
using LayerNodes = std::vector<std::vector<const onnx::NodeProto*>>;
LayerNodes layerNodes(FormModel& form);
std::vector<ExportFinding> lintQdq(FormModel& form, const Model& model, const LayerNodes& nodes);

} // namespace halfstep::onnx_export
