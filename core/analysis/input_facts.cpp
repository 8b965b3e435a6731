#include "core/analysis/input_facts.h"

#include <algorithm>
#include <set>

namespace halfstep {

namespace {

/// Operators after which the numbers are still the same.
bool keepsValues(const Node& node) {
  static const std::set<std::string> kOperators = {"Cast",    "Identity",  "Reshape",   "Squeeze",
                                                   "Flatten", "Unsqueeze", "Transpose", "Slice"};
  return node.domain.empty() && kOperators.contains(node.opType);
}

} // namespace

std::optional<std::int64_t> tableRows(const Graph& graph, const std::string& input) {
  std::set<std::string> same = {input};
  std::optional<std::int64_t> rows;
  // Nodes need not be in order: repeat until nothing is added.
  for (std::size_t before = 0; before != same.size();) {
    before = same.size();
    for (const Node& node : graph.nodes) {
      if (keepsValues(node) && !node.inputs.empty() && !node.outputs.empty() &&
          same.contains(node.inputs[0])) {
        same.insert(node.outputs[0]);
      }
    }
  }
  for (const Node& node : graph.nodes) {
    if (node.opType != "Gather" || node.inputs.size() < 2 || !same.contains(node.inputs[1])) {
      continue;
    }
    std::string name = node.inputs[0];
    // The table itself may be stored quantized.
    for (const Node& maker : graph.nodes) {
      if (maker.opType == "DequantizeLinear" && !maker.inputs.empty() && !maker.outputs.empty() &&
          maker.outputs[0] == name) {
        name = maker.inputs[0];
        break;
      }
    }
    const Tensor* table = graph.constant(name);
    if (table == nullptr || table->shape().empty()) {
      continue;
    }
    const auto rank = static_cast<std::int64_t>(table->shape().size());
    std::int64_t axis = node.integer("axis", 0);
    axis += axis < 0 ? rank : 0;
    if (axis >= 0 && axis < rank) {
      const std::int64_t length = table->shape()[static_cast<std::size_t>(axis)];
      rows = rows ? std::min(*rows, length) : length;
    }
  }
  return rows;
}

} // namespace halfstep
