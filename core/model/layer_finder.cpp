#include "core/model/layer_finder.h"

#include "core/model/constant_tracer.h"
#include "core/model/stored_weights.h"
#include "core/model/weight_slots.h"
#include "core/support/one_of.h"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

namespace halfstep {

namespace {

// Calls of functions that call functions multiply; no real model comes near these.
constexpr std::size_t kFreeVisits = 200'000;
constexpr std::size_t kVisitsPerNode = 8;
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxLabel = 200; // bytes of a node's name that go into the names of what is inside it
constexpr std::size_t kMaxWarnings = 100;

std::string nodeLabel(const Node& node, std::size_t index) {
  const std::string name = node.name.empty() ? node.opType + "_" + std::to_string(index) : node.name;
  return name.size() <= kMaxLabel ? name : name.substr(0, kMaxLabel) + "…";
}

/// `node` with the attributes it refers to replaced by those that the call gives, or their defaults.
Node withCallAttributes(const Node& node, const Node& call, const Function& function) {
  Node bound = node;
  for (const auto& [name, outer] : node.referredAttributes) {
    if (const auto given = call.attributes.find(outer); given != call.attributes.end()) {
      bound.attributes[name] = given->second;
    } else if (const auto standard = function.attributeDefaults.find(outer);
               standard != function.attributeDefaults.end()) {
      bound.attributes[name] = standard->second;
    }
  }
  return bound;
}

class LayerWalk {
public:
  LayerWalk(const Model& model, std::vector<std::string>& warnings)
      : m_model(model)
      , m_warnings(warnings)
      , m_maxVisits(kFreeVisits + kVisitsPerNode * model.graph.nodes.size()) {
    for (const Function& function : model.functions) {
      m_functions.emplace(function.domain + "\n" + function.name + "\n" + function.overload, &function);
    }
  }

  std::vector<Layer> run() {
    const GraphScope scope(m_model.graph, nullptr);
    walk(scope, {}, 0, nullptr, nullptr);
    for (std::size_t i = 0; i < m_layers.size(); ++i) {
      if (m_uses[i] > 1) {
        note(m_layers[i], "shared by " + std::to_string(m_uses[i]) + " nodes");
      }
    }
    return std::move(m_layers);
  }

  /// Only after run().
  std::vector<std::vector<LayerUse>> takeUses() { return std::move(m_layerUses); }

private:
  /// `call` and `function`: whose body the graph is, or null.
  void walk(const GraphScope& scope, const std::string& prefix, int depth, const Node* call,
            const Function* function) {
    const auto& nodes = scope.graph().nodes;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      m_original = &nodes[i];
      if (depth > kMaxDepth || ++m_visits > m_maxVisits) {
        warn("Functions call each other too often; the layers in some calls are not listed.");
        return;
      }
      if (function != nullptr && !nodes[i].referredAttributes.empty()) {
        visit(scope, withCallAttributes(nodes[i], *call, *function), i, prefix, depth, call, function);
      } else {
        visit(scope, nodes[i], i, prefix, depth, call, function);
      }
    }
  }

  void visit(const GraphScope& scope, const Node& node, std::size_t index, const std::string& prefix,
             int depth, const Node* call, const Function* function) {
    const auto slots = weightSlots(node);
    for (const WeightSlot& slot : slots) {
      use(scope, node, slot, prefix);
    }
    if (const auto called = m_functions.find(node.domain + "\n" + node.opType + "\n" + node.overload);
        slots.empty() && called != m_functions.end()) {
      GraphScope body(called->second->body, nullptr);
      const auto& inputs = called->second->body.inputs;
      for (std::size_t i = 0; i < std::min(inputs.size(), node.inputs.size()); ++i) {
        body.bind(inputs[i].name, scope, node.inputs[i]);
      }
      walk(body, prefix + nodeLabel(node, index) + "/", depth + 1, &node, called->second);
    }
    if (slots.empty() && !node.domain.empty() && node.domain != "ai.onnx" &&
        !m_functions.contains(node.domain + "\n" + node.opType + "\n" + node.overload)) {
      warnOfUnknown(scope, node);
    }
    for (const auto& [name, attribute] : node.attributes) {
      const auto inner = [&] { return prefix + nodeLabel(node, index) + "/" + name; };
      if (const auto* graph = std::get_if<std::shared_ptr<const Graph>>(&attribute)) {
        walk(GraphScope(**graph, &scope), inner() + "/", depth + 1, call, function);
      } else if (const auto* graphs = std::get_if<std::vector<std::shared_ptr<const Graph>>>(&attribute)) {
        for (std::size_t i = 0; i < graphs->size(); ++i) {
          walk(GraphScope(*(*graphs)[i], &scope), inner() + std::to_string(i) + "/", depth + 1, call,
               function);
        }
      }
    }
  }

  static std::string inputAt(const Node& node, int index) {
    return index >= 0 && index < static_cast<int>(node.inputs.size())
               ? node.inputs[static_cast<std::size_t>(index)]
               : std::string();
  }

  /// Notes that `node` uses the constant in `slot`, if there is one.
  void use(const GraphScope& scope, const Node& node, const WeightSlot& slot, const std::string& prefix) {
    const std::string value = inputAt(node, slot.input);
    if (slot.ifAlone && traceConstant(scope, inputAt(node, slot.appliedTo))) {
      return;
    }
    const auto constant = traceConstant(scope, value);
    const Node* concat = scope.producer(value);
    if (!constant && slot.channels == ChannelRule::directionsAndRows && concat != nullptr &&
        concat->opType == "Concat") { // a bidirectional network's weights, one tensor per direction
      for (std::size_t i = 0; i < concat->inputs.size(); ++i) {
        if (const auto part = traceConstant(scope, concat->inputs[i])) {
          use(scope, node, slot, *part, prefix, "." + std::to_string(i));
        }
      }
    } else if (constant) {
      use(scope, node, slot, *constant, prefix, {});
    } else if (takesWeights(node) && isComputed(scope, value, 0)) {
      warn("Weight " + value + " of " + described(node) + " is left out: " + scope.producer(value)->opType +
           " computes it from constants.");
    }
  }

  static std::string described(const Node& node) {
    return node.name.empty() ? node.opType : node.opType + " " + node.name;
  }

  static bool takesWeights(const Node& node) {
    static constexpr auto kTaking =
        std::to_array<std::string_view>({"Conv", "ConvTranspose", "Gemm", "MatMul"});
    return node.domain.empty() && isOneOf(kTaking, node.opType);
  }

  /// Whether a node makes `value` of nothing but constants.
  static bool isComputed(const GraphScope& scope, const std::string& value, int depth) {
    constexpr int kDeepest = 8;
    const Node* producer = scope.producer(value);
    if (producer == nullptr || producer->inputs.empty() || depth == kDeepest) {
      return false;
    }
    return std::all_of(producer->inputs.begin(), producer->inputs.end(), [&](const std::string& input) {
      return input.empty() || traceConstant(scope, input) || isComputed(scope, input, depth + 1);
    });
  }

  /// Constants that could be weights of an operator whose slots are not known.
  void warnOfUnknown(const GraphScope& scope, const Node& node) {
    constexpr std::size_t kLeastBytes = 1024; // below that: scales, shapes, biases
    for (const std::string& input : node.inputs) {
      const auto constant = traceConstant(scope, input);
      if (constant && constant->tensor->bytes().size() >= kLeastBytes) {
        warn("Constant " + constant->name + " of " + node.domain + " " + described(node) +
             " is no layer: what that operator does with it is not known.");
      }
    }
  }

  void use(const GraphScope& scope, const Node& node, const WeightSlot& slot, const TracedConstant& constant,
           const std::string& prefix, const std::string& part) {
    if (constant.tensor->shape().size() < 2) {
      return;
    }
    if (const auto known = m_byWeight.find(constant.tensor); known != m_byWeight.end()) {
      addUse(known->second, node, slot, channelAxesOf(node, slot, constant));
      return;
    }
    auto weight = weightOf(scope, node, slot, constant);
    if (!weight) {
      warn("Weight " + constant.name + " of " + node.opType + " " + node.name +
           " is left out: " + weight.error().what + ".");
      return;
    }
    if (!weight->has_value()) {
      return; // integers that nothing says how to decode: indices, shapes, masks
    }
    Layer layer;
    layer.op = node.opType;
    layer.domain = node.domain;
    layer.weightName = constant.name;
    layer.stored = std::move((*weight)->stored);
    layer.weight = layer.stored ? layer.stored->codes : *constant.tensor;
    layer.channelAxes = std::move((*weight)->channelAxes);
    layer.note = std::move((*weight)->note);
    layer.input = inputAt(node, slot.appliedTo);
    layer.output = node.outputs.empty() ? std::string() : node.outputs[0];
    layer.name = uniqueName(prefix + baseName(node, slot, constant.name, part));
    m_byWeight.emplace(constant.tensor, m_layers.size());
    m_layers.push_back(std::move(layer));
    m_uses.push_back(0);
    m_lastUse.push_back(0);
    m_layerUses.emplace_back();
    addUse(m_layers.size() - 1, node, slot, m_layers.back().channelAxes);
  }

  static std::string baseName(const Node& node, const WeightSlot& slot, const std::string& weightName,
                              const std::string& part) {
    if (node.name.empty()) {
      return weightName;
    }
    return slot.role.empty() ? node.name : node.name + "." + std::string(slot.role) + part;
  }

  void addUse(std::size_t layer, const Node& node, const WeightSlot& slot, std::vector<int> channelAxes) {
    auto& uses = m_layerUses[layer];
    if (std::none_of(uses.begin(), uses.end(), [&](const LayerUse& u) { return u.node == m_original; })) {
      uses.push_back({m_original, slot.appliedTo, std::move(channelAxes)});
    }
    if (m_lastUse[layer] == m_visits) {
      return; // both sides of one node, or W and R the same tensor
    }
    m_lastUse[layer] = m_visits;
    ++m_uses[layer];
    auto& nodes = m_layers[layer].nodes;
    // A weight of a function's body is used once per call, by the same node.
    if (!node.name.empty() && m_nodeNames.emplace(layer, node.name).second) {
      nodes.push_back(node.name);
    }
  }

  static void note(Layer& layer, const std::string& text) {
    layer.note += (layer.note.empty() ? "" : "; ") + text;
  }

  std::string uniqueName(const std::string& wanted) {
    std::size_t& number = m_names[wanted];
    std::string name = wanted;
    while (!m_taken.insert(name).second) {
      name = wanted + " (" + std::to_string(++number + 1) + ")";
    }
    return name;
  }

  void warn(std::string line) {
    if (m_warned < kMaxWarnings && m_said.insert(line).second) {
      m_warnings.push_back(std::move(line));
      ++m_warned;
    }
  }

  const Model& m_model;
  const Node* m_original = nullptr; ///< the node that is visited, as the model has it
  std::vector<std::vector<LayerUse>> m_layerUses;
  std::vector<std::string>& m_warnings;
  std::unordered_map<std::string, const Function*> m_functions;
  std::vector<Layer> m_layers;
  std::vector<std::size_t> m_uses;
  std::vector<std::size_t> m_lastUse; ///< the visit that used it last
  std::unordered_map<const Tensor*, std::size_t> m_byWeight;
  std::set<std::pair<std::size_t, std::string>> m_nodeNames;
  std::unordered_map<std::string, std::size_t> m_names; ///< how often a name was wanted again
  std::set<std::string> m_taken;
  std::set<std::string> m_said;
  std::size_t m_maxVisits;
  std::size_t m_visits = 0; ///< nodes visited so far
  std::size_t m_warned = 0;
};

} // namespace

std::vector<Layer> findLayers(const Model& model, std::vector<std::string>& warnings) {
  return LayerWalk(model, warnings).run();
}

std::vector<std::vector<LayerUse>> findLayerUses(const Model& model) {
  std::vector<std::string> warnings;
  LayerWalk walk(model, warnings);
  walk.run();
  return walk.takeUses();
}

} // namespace halfstep
