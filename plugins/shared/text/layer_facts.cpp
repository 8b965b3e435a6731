#include "plugins/shared/text/layer_facts.h"

#include <algorithm>

namespace halfstep {

namespace {

bool isChannelAxis(const Layer& layer, std::size_t axis) {
  return std::find(layer.channelAxes.begin(), layer.channelAxes.end(), static_cast<int>(axis)) !=
         layer.channelAxes.end();
}

/// The only one of some axes that is longer than 1; the first of them where none is.
std::optional<int> onlyAxis(const Layer& layer, bool channels) {
  const Shape& shape = layer.weight.shape();
  std::optional<int> first;
  std::optional<int> found;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (isChannelAxis(layer, axis) != channels) {
      continue;
    }
    first = first ? first : static_cast<int>(axis);
    if (shape[axis] > 1) {
      if (found) {
        return std::nullopt;
      }
      found = static_cast<int>(axis);
    }
  }
  return found ? found : first;
}

} // namespace

bool isLinearLayer(const Layer& layer) {
  return layer.domain.empty() && (layer.op == "Gemm" || layer.op == "MatMul") &&
         layer.weight.shape().size() == 2 && layer.channelAxes.size() == 1;
}

bool isConvolutionLayer(const Layer& layer) {
  return layer.domain.empty() && (layer.op == "Conv" || layer.op == "ConvTranspose");
}

std::optional<int> channelAxis(const Layer& layer) {
  return onlyAxis(layer, true);
}

std::optional<int> groupAxis(const Layer& layer) {
  return onlyAxis(layer, false);
}

std::int64_t valuesPerChannel(const Layer& layer) {
  const Shape& shape = layer.weight.shape();
  std::int64_t values = 1;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    values *= isChannelAxis(layer, axis) ? 1 : static_cast<std::int64_t>(shape[axis]);
  }
  return values;
}

bool isGrouped(const Scheme& scheme) {
  return scheme.granularity.kind == Granularity::Kind::group;
}

bool hasWholeGroups(const Layer& layer, const Scheme& scheme) {
  return groupAxis(layer) && channelAxis(layer) &&
         valuesPerChannel(layer) % scheme.granularity.groupSize == 0;
}

bool isInteger(const Scheme& scheme) {
  return formatFacts(scheme.format).family == FormatFamily::integer;
}

bool isSymmetric(const Scheme& scheme) {
  return scheme.mapping != Mapping::asymmetric;
}

int bitsOf(const Scheme& scheme) {
  return formatFacts(scheme.format).bits;
}

std::optional<int> groupSizeOf(const Scheme& scheme) {
  switch (scheme.granularity.kind) {
  case Granularity::Kind::channel:
    return -1;
  case Granularity::Kind::group:
    return scheme.granularity.groupSize;
  case Granularity::Kind::tensor:
    break;
  }
  return std::nullopt;
}

bool isWeightOnly(const LayerPlan& plan) {
  return plan.activations.scheme.format == NumberFormat::fp32;
}

bool isFloat(const LayerPlan& plan) {
  return plan.weights.format == NumberFormat::fp32 && isWeightOnly(plan);
}

std::string meaningOf(const Scheme& scheme) {
  std::string text(formatFacts(scheme.format).name);
  if (formatFacts(scheme.format).family == FormatFamily::floating) {
    return text;
  }
  if (scheme.mapping != defaultMapping(scheme.format)) {
    text += isSymmetric(scheme) ? " symmetric" : " asymmetric";
  }
  switch (scheme.granularity.kind) {
  case Granularity::Kind::tensor:
    return text + " per tensor";
  case Granularity::Kind::channel:
    return text + " per channel";
  case Granularity::Kind::group:
    return text + " in groups of " + std::to_string(scheme.granularity.groupSize);
  }
  return text;
}

std::set<std::string> mainGraphNodes(const Model& model) {
  std::set<std::string> names;
  for (const Node& node : model.graph.nodes) {
    names.insert(node.name);
  }
  return names;
}

bool isInMainGraph(const Layer& layer, const std::set<std::string>& mainGraphNodes) {
  return layer.nodes.empty() ||
         std::any_of(layer.nodes.begin(), layer.nodes.end(),
                     [&](const std::string& node) { return mainGraphNodes.contains(node); });
}

std::string notInMainGraph(const std::string& tool) {
  return "is inside a subgraph or function, where " + tool + " does not look";
}

std::string meaningOf(const LayerPlan& plan) {
  if (isWeightOnly(plan)) {
    return meaningOf(plan.weights);
  }
  return meaningOf(plan.weights) + ", input " + (plan.activations.dynamic ? "dynamic " : "") +
         std::string(formatFacts(plan.activations.scheme.format).name);
}

} // namespace halfstep
