// Finds the layers of a graph: Conv, ConvTranspose, Gemm, MatMul with a constant side, Gather on a constant
// table, LSTM/GRU/RNN weights, their com.microsoft fused and quantized forms, and weights behind
// DequantizeLinear.
#pragma once

#include "core/model/model.h"

#include <vector>

namespace halfstep {

/// The layers of `model.graph` (its subgraphs and functions included), in the order of their first use in the
/// file. One layer per weight: a weight that several nodes use is listed once, with all of them in `nodes`.
/// Names are unique: the node's name, or the weight's where the node has none; a node with several weights
/// gives "NODE.W", "NODE.R"; a clash is resolved by " (2)", " (3)" … Never fails: what is odd is left out
/// with a line in `warnings`.
std::vector<Layer> findLayers(const Model& model, std::vector<std::string>& warnings);

/// Where a layer's weight is used.
struct LayerUse {
  const Node* node = nullptr; ///< of the model's graph, a subgraph or a function's body; lives as long as it
  int appliedTo = -1; ///< index of the node's input that the weight is applied to; −1 if there is none
  /// As Layer::channelAxes, of this node: a weight that a MatMul and a Gemm with transB share has its outputs
  /// along one axis for the one and along the other for the other.
  std::vector<int> channelAxes;
};

/// The uses of every layer of `model`, in the order of `model.layers`, each node once.
std::vector<std::vector<LayerUse>> findLayerUses(const Model& model);

} // namespace halfstep
