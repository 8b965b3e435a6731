#include "core/analysis/output_roles.h"

#include "core/support/one_of.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

namespace halfstep {

namespace {

using Producers = std::unordered_map<std::string, const Node*>;

/// Operators that only move values do not change what they are; all but the first two change the shape.
constexpr auto kMoving =
    std::to_array<std::string_view>({"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten"});

/// Sources of the axis: ONNX's Softmax of versions 1 to 12 (a matrix of all axes before and all from `axis`
/// on, 1 by default) and of 13 (one axis, the last by default).
void takeAxis(const Model& model, const Node& softmax, OutputRole& role) {
  constexpr std::int64_t kOneAxis = 13;
  const auto opset = model.opsets.find("");
  role.flattened = opset == model.opsets.end() || opset->second < kOneAxis;
  role.classAxis = static_cast<int>(softmax.integer("axis", role.flattened ? 1 : -1));
}

bool isLogits(const Model& model, const ValueInfo& output, const std::string& op) {
  constexpr auto kScores = std::to_array<std::string_view>(
      {"Gemm", "MatMul", "Add", "Conv", "FullyConnected", "AveragePool", "GlobalAveragePool", "ReduceMean",
       "DequantizeLinear"}); // the last: of a product in integers
  const std::size_t rank = output.shape.size();
  const std::int64_t classes = rank > 0 ? output.shape.back().value : -1;
  const bool takesTokens =
      std::any_of(model.graph.inputs.begin(), model.graph.inputs.end(),
                  [](const auto& i) { return i.type == ElementType::int64 || i.type == ElementType::int32; });
  constexpr std::int64_t kLeastVocabulary = 16;
  return isOneOf(kScores, op) && ((rank == 2 && (classes >= 2 || !output.hasShape)) ||
                                  (rank == 3 && takesTokens && classes >= kLeastVocabulary));
}

OutputRole roleOf(const Model& model, const Producers& producers, const ValueInfo& output) {
  OutputRole role{output.name};
  const auto producerOf = [&](const std::string& value) {
    const auto found = producers.find(value);
    return found != producers.end() ? found->second : nullptr;
  };
  const Node* node = producerOf(output.name);
  while (node != nullptr && !node->inputs.empty() && isOneOf(kMoving, node->opType) &&
         producerOf(node->inputs[0]) != nullptr) {
    role.reshaped = role.reshaped || (node->opType != "Identity" && node->opType != "Cast");
    node = producerOf(node->inputs[0]);
  }
  const std::string op = node != nullptr ? node->opType : std::string();
  if (op == "Softmax" || op == "LogSoftmax") {
    role.kind = op == "Softmax" ? OutputKind::probabilities : OutputKind::logProbabilities;
    takeAxis(model, *node, role);
  } else if (isLogits(model, output, op)) {
    role.kind = OutputKind::logits; // over the last axis, whatever was moved
    role.reshaped = false;
  }
  return role;
}

std::size_t lengthOf(const Shape& shape, std::size_t from) {
  std::size_t length = 1;
  for (std::size_t i = from; i < shape.size(); ++i) {
    length *= static_cast<std::size_t>(shape[i]);
  }
  return length;
}

/// Whether all rows of such a layout add up to 1, to what half precision leaves of it.
bool addsUpToOne(const DistributionLayout& layout, OutputKind kind, std::span<const float> values) {
  constexpr double kTolerance = 1e-2;
  for (std::size_t row = 0; row < values.size() / layout.classes; ++row) {
    double sum = 0.0;
    for (std::size_t entry = 0; entry < layout.classes; ++entry) {
      const double value = values[layout.indexOf(row, entry)];
      sum += kind == OutputKind::logProbabilities ? std::exp(value) : value;
    }
    if (!(std::abs(sum - 1.0) <= kTolerance)) {
      return false;
    }
  }
  return true;
}

DistributionLayout layoutOf(const OutputRole& role, const Shape& shape, std::span<const float> values) {
  const auto rank = static_cast<int>(shape.size());
  if (role.kind == OutputKind::values || rank == 0 || values.empty()) {
    return {};
  }
  if (role.reshaped) {
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      const DistributionLayout layout{static_cast<std::size_t>(shape[axis]), lengthOf(shape, axis + 1)};
      if (layout.classes >= 2 && addsUpToOne(layout, role.kind, values)) {
        return layout;
      }
    }
    return {};
  }
  const int axis = role.classAxis + (role.classAxis < 0 ? rank : 0);
  if (axis < 0 || axis >= rank) {
    return {};
  }
  const auto at = static_cast<std::size_t>(axis);
  const DistributionLayout layout =
      role.flattened ? DistributionLayout{lengthOf(shape, at), 1}
                     : DistributionLayout{static_cast<std::size_t>(shape[at]), lengthOf(shape, at + 1)};
  return layout.classes >= 2 ? layout : DistributionLayout{};
}

} // namespace

std::vector<OutputRole> outputRoles(const Model& model) {
  Producers producers;
  for (const Node& node : model.graph.nodes) {
    for (const std::string& name : node.outputs) {
      producers[name] = &node;
    }
  }
  std::vector<OutputRole> roles;
  for (const ValueInfo& output : model.graph.outputs) {
    roles.push_back(roleOf(model, producers, output));
  }
  return roles;
}

Result<std::vector<FloatOutput>> floatOutputs(std::span<const OutputRole> roles,
                                              const std::map<std::string, Value>& outputs) {
  std::vector<FloatOutput> made;
  for (const OutputRole& role : roles) {
    const auto found = outputs.find(role.name);
    if (found == outputs.end() || !found->second.isTensor() ||
        !isQuantizable(found->second.tensor().type())) {
      continue;
    }
    const Tensor& tensor = found->second.tensor();
    HALFSTEP_TRY(std::vector<float> values, toFloats(tensor, {}));
    const DistributionLayout layout = layoutOf(role, tensor.shape(), values);
    made.push_back({role.name, role.kind, tensor.shape(), std::move(values), layout});
  }
  return made;
}

std::span<const float> distributionRows(const DistributionLayout& layout, std::span<const float> values,
                                        std::vector<float>& moved) {
  if (layout.inner == 1) {
    return values;
  }
  moved.resize(values.size());
  for (std::size_t at = 0; at < moved.size(); ++at) {
    moved[at] = values[layout.indexOf(at / layout.classes, at % layout.classes)];
  }
  return moved;
}

} // namespace halfstep
