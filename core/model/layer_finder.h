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

} // namespace halfstep
