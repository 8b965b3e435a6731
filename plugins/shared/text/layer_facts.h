// What targets ask of a layer's weight before they accept a scheme for it. Values only; any thread.
#pragma once

#include "core/model/model.h"
#include "core/quant/plan.h"

#include <optional>
#include <set>
#include <string>

namespace halfstep {

/// Whether a torch.nn.Linear would stand for it: a Gemm or MatMul of a matrix.
bool isLinearLayer(const Layer& layer);
/// Conv or ConvTranspose of ONNX's own domain.
bool isConvolutionLayer(const Layer& layer);

/// The axis of the weight that numbers its channels, where it is one (axes of length 1 do not count).
std::optional<int> channelAxis(const Layer& layer);
/// The axis along which groups run, where it is one: the only other axis longer than 1.
std::optional<int> groupAxis(const Layer& layer);
/// Values of one channel.
std::int64_t valuesPerChannel(const Layer& layer);

bool isGrouped(const Scheme& scheme);
/// Whether every group of `scheme` is whole and runs along one axis, as most targets want it.
bool hasWholeGroups(const Layer& layer, const Scheme& scheme);
bool isInteger(const Scheme& scheme);
bool isSymmetric(const Scheme& scheme);
int bitsOf(const Scheme& scheme);
/// −1 for a scale per channel, the size of the group for groups, nothing for a scale per tensor: what several
/// tools call group_size.
std::optional<int> groupSizeOf(const Scheme& scheme);
bool isWeightOnly(const LayerPlan& plan);
/// Whether the plan leaves weights and activations alone.
bool isFloat(const LayerPlan& plan);

/// The names of the main graph's nodes, for tools that do not look into subgraphs and functions.
std::set<std::string> mainGraphNodes(const Model& model);
/// Whether some node of the layer is among them; a layer whose nodes have no names is taken for one.
bool isInMainGraph(const Layer& layer, const std::set<std::string>& mainGraphNodes);
/// Why `tool` does not get at a layer that is not.
std::string notInMainGraph(const std::string& tool);

/// "int8 per channel", "int4 asymmetric in groups of 64": for ExportPattern::meaning.
std::string meaningOf(const Scheme& scheme);
/// The same for both; activations only where they are quantized.
std::string meaningOf(const LayerPlan& plan);

} // namespace halfstep
