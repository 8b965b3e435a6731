#include "core/analysis/channel_axes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace halfstep {

namespace {

using Axes = std::unordered_map<std::string, ChannelAxis>;

/// Sorted, to be searched by halves.
constexpr auto kSecond = std::to_array<std::string_view>(
    {"AveragePool", "BatchNormalization", "Conv", "ConvInteger", "ConvTranspose", "DeformConv", "FusedConv",
     "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "GroupNormalization", "InstanceNormalization",
     "LRN", "LpPool", "MaxPool", "QLinearAveragePool", "QLinearConv", "QLinearGlobalAveragePool"});
constexpr auto kLast = std::to_array<std::string_view>(
    {"FusedGemm", "FusedMatMul", "Gemm", "LayerNormalization", "MatMul", "MatMulInteger", "MatMulNBits",
     "QGemm", "QLinearMatMul", "RMSNormalization", "SimplifiedLayerNormalization", "SkipLayerNormalization",
     "SkipSimplifiedLayerNormalization"});
/// Every value of the result stands where it, or its partner, stood.
constexpr auto kElementwise = std::to_array<std::string_view>({"Abs",
                                                               "Add",
                                                               "BiasGelu",
                                                               "Cast",
                                                               "Celu",
                                                               "Clip",
                                                               "DequantizeLinear",
                                                               "Div",
                                                               "Dropout",
                                                               "Elu",
                                                               "Erf",
                                                               "Exp",
                                                               "FastGelu",
                                                               "Gelu",
                                                               "HardSigmoid",
                                                               "HardSwish",
                                                               "Identity",
                                                               "LeakyRelu",
                                                               "Log",
                                                               "Max",
                                                               "Min",
                                                               "Mish",
                                                               "Mul",
                                                               "Neg",
                                                               "PRelu",
                                                               "Pad",
                                                               "Pow",
                                                               "QLinearAdd",
                                                               "QLinearMul",
                                                               "QuantizeLinear",
                                                               "QuickGelu",
                                                               "Relu",
                                                               "Selu",
                                                               "Sigmoid",
                                                               "Softplus",
                                                               "Softsign",
                                                               "Sqrt",
                                                               "Sub",
                                                               "Sum",
                                                               "Swish",
                                                               "Tanh",
                                                               "ThresholdedRelu"});
static_assert(std::is_sorted(kSecond.begin(), kSecond.end()) && std::is_sorted(kLast.begin(), kLast.end()) &&
              std::is_sorted(kElementwise.begin(), kElementwise.end()));

template <std::size_t N>
bool isAmong(const std::array<std::string_view, N>& names, const std::string& name) {
  return std::binary_search(names.begin(), names.end(), std::string_view(name));
}

std::optional<ChannelAxis> axisOf(const Node& node) {
  if (isAmong(kSecond, node.opType)) {
    return ChannelAxis::second;
  }
  return isAmong(kLast, node.opType) ? std::optional(ChannelAxis::last) : std::nullopt;
}

/// Hands on what is known on one side of an element-wise node. Whether anything came of it.
bool handOn(const Graph& graph, const Node& node, Axes& axes) {
  std::vector<std::string> values = node.inputs;
  values.insert(values.end(), node.outputs.begin(), node.outputs.end());
  std::erase_if(values,
                [&](const std::string& name) { return name.empty() || graph.constant(name) != nullptr; });
  const auto known =
      std::find_if(values.begin(), values.end(), [&](const auto& name) { return axes.contains(name); });
  if (known == values.end()) {
    return false;
  }
  const ChannelAxis axis = axes.at(*known);
  bool grew = false;
  for (const std::string& name : values) {
    grew = axes.emplace(name, axis).second || grew;
  }
  return grew;
}

} // namespace

std::unordered_map<std::string, ChannelAxis> channelAxes(const Model& model) {
  Axes axes;
  const std::vector<Node>& nodes = model.graph.nodes;
  for (const Node& node : nodes) {
    if (const auto axis = axisOf(node); axis && !node.outputs.empty()) {
      axes.emplace(node.outputs[0], *axis);
    }
  }
  for (const Node& node : nodes) {
    if (const auto axis = axisOf(node); axis && !node.inputs.empty()) {
      axes.emplace(node.inputs[0], *axis);
    }
  }
  // Forwards and backwards, until nothing is added: a chain in the file's usual order takes a pass each way.
  for (bool grew = true; grew;) {
    grew = false;
    const auto visit = [&](const Node& node) {
      grew = (isAmong(kElementwise, node.opType) && handOn(model.graph, node, axes)) || grew;
    };
    std::for_each(nodes.begin(), nodes.end(), visit);
    std::for_each(nodes.rbegin(), nodes.rend(), visit);
  }
  return axes;
}

} // namespace halfstep
