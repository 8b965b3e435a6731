// How the framework that a model came from calls a layer: the module that the weight belongs to. Any thread.
#pragma once

#include "core/model/model.h"

#include <string>

namespace halfstep {

/// What a target calls a layer, or why it has no name for it.
struct TargetName {
  std::string name;    ///< empty where there is none
  std::string missing; ///< "its weight is called onnx::MatMul_12, …"
};

/// The module of PyTorch: of the weight's name ("layer1.0.conv1.weight" → "layer1.0.conv1"), or, where the
/// exporter made that name up ("onnx::Conv_253"), of the scope in the node's name
/// ("/layer1/layer1.0/conv1/Conv" → "layer1.0.conv1"). Source of the scopes: torch.onnx since PyTorch 1.13.
TargetName moduleName(const Layer& layer);

/// The node that uses the layer: ONNX's own name for it. Nothing where it has none.
TargetName nodeName(const Layer& layer);

} // namespace halfstep
