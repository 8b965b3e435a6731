// findTies of search_space.h.
#include "core/analysis/search_space.h"
#include "core/model/layer_finder.h"
#include "core/support/one_of.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <unordered_map>

namespace halfstep {

namespace {

bool isProduct(const Layer& layer) {
  return layer.op == "MatMul" || layer.op == "Gemm";
}

/// Operators that hand a layer's values on: what is quantized before them is quantized after them.
bool isPassedThrough(const Node& node) {
  static constexpr auto kOperators = std::to_array<std::string_view>({"BatchNormalization",
                                                                      "Identity",
                                                                      "Dropout",
                                                                      "Relu",
                                                                      "LeakyRelu",
                                                                      "PRelu",
                                                                      "Clip",
                                                                      "Sigmoid",
                                                                      "HardSwish",
                                                                      "Flatten",
                                                                      "Reshape",
                                                                      "Transpose",
                                                                      "Squeeze",
                                                                      "Unsqueeze",
                                                                      "MaxPool",
                                                                      "Pad",
                                                                      "Resize",
                                                                      "Slice",
                                                                      "AveragePool",
                                                                      "DepthToSpace"});
  return isOneOf(kOperators, node.opType);
}

bool isMeeting(const Node& node) {
  return node.opType == "Add" || node.opType == "Sum" || node.opType == "Concat";
}

/// Groups of more than one layer, in the model's order, each layer in one group.
class Groups {
public:
  explicit Groups(std::size_t layers)
      : m_root(layers) {
    for (std::size_t i = 0; i < layers; ++i) {
      m_root[i] = i;
    }
  }
  std::size_t rootOf(std::size_t layer) const {
    while (m_root[layer] != layer) {
      layer = m_root[layer];
    }
    return layer;
  }
  void join(std::size_t a, std::size_t b) {
    const std::size_t first = std::min(rootOf(a), rootOf(b));
    const std::size_t second = std::max(rootOf(a), rootOf(b));
    m_root[second] = first;
  }
  std::vector<std::vector<std::string>> names(const Model& model) const {
    std::map<std::size_t, std::vector<std::string>> groups;
    for (std::size_t i = 0; i < m_root.size(); ++i) {
      groups[rootOf(i)].push_back(model.layers[i].name);
    }
    std::vector<std::vector<std::string>> tied;
    for (auto& [root, members] : groups) {
      if (members.size() > 1) {
        tied.push_back(std::move(members));
      }
    }
    return tied;
  }

private:
  std::vector<std::size_t> m_root;
};

void joinSameInput(const Model& model, Groups& groups) {
  std::map<std::string, std::size_t> first;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    if (isProduct(layer) && !layer.input.empty()) {
      const auto [known, added] = first.emplace(layer.input, i);
      if (!added) {
        groups.join(known->second, i);
      }
    }
  }
}

/// The layer whose values reach `value` with nothing but operators that pass them through in between.
class Origins {
public:
  explicit Origins(const Model& model) {
    for (const Node& node : model.graph.nodes) {
      for (const std::string& output : node.outputs) {
        m_maker.emplace(output, &node);
      }
    }
    const auto uses = findLayerUses(model);
    for (std::size_t i = 0; i < uses.size(); ++i) {
      for (const LayerUse& use : uses[i]) {
        m_layer.emplace(use.node, i);
      }
    }
  }

  /// Every layer that reaches one of `values`, through meetings as well: a chain of residual sums is one
  /// group.
  std::set<std::size_t> reaching(std::vector<std::string> values) const {
    std::set<std::size_t> layers;
    std::set<const Node*> seen;
    while (!values.empty()) {
      const auto maker = m_maker.find(values.back());
      values.pop_back();
      if (maker == m_maker.end() || !seen.insert(maker->second).second) {
        continue;
      }
      const Node& node = *maker->second;
      if (const auto layer = m_layer.find(&node); layer != m_layer.end()) {
        layers.insert(layer->second);
      } else if (isPassedThrough(node) && !node.inputs.empty()) {
        values.push_back(node.inputs.front());
      } else if (isMeeting(node)) {
        values.insert(values.end(), node.inputs.begin(), node.inputs.end());
      }
    }
    return layers;
  }

private:
  std::unordered_map<std::string, const Node*> m_maker;
  std::unordered_map<const Node*, std::size_t> m_layer;
};

void joinResidual(const Model& model, Groups& groups) {
  const Origins origins(model);
  for (const Node& node : model.graph.nodes) {
    if (!isMeeting(node)) {
      continue;
    }
    const std::set<std::size_t> layers = origins.reaching(node.inputs);
    for (const std::size_t layer : layers) {
      groups.join(*layers.begin(), layer);
    }
  }
}

} // namespace

std::vector<std::vector<std::string>> findTies(const Model& model, TieRule rule) {
  Groups groups(model.layers.size());
  if (rule == TieRule::sameInput) {
    joinSameInput(model, groups);
  } else {
    joinResidual(model, groups);
  }
  return groups.names(model);
}

} // namespace halfstep
