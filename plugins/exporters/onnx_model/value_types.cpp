#include "plugins/exporters/onnx_model/value_types.h"

#include "core/model/subgraphs.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace halfstep::onnx_export {

namespace {

/// Where an operator's first output has its type from, if not from its first input.
struct TypeRule {
  std::string_view operation;
  ElementType type; ///< undefined: that of `input`
  int input = -1;
  std::string_view attribute = {}; ///< an integer that says it, where the node has it
};
constexpr auto kRules = std::to_array<TypeRule>({
    {"And", ElementType::boolean},
    {"ArgMax", ElementType::int64},
    {"ArgMin", ElementType::int64},
    {"Cast", ElementType::undefined, -1, "to"},
    {"CastLike", ElementType::undefined, 1},
    {"ConvInteger", ElementType::int32},
    {"DequantizeLinear", ElementType::undefined, 1},
    {"DynamicQuantizeLinear", ElementType::uint8},
    {"Equal", ElementType::boolean},
    {"EyeLike", ElementType::undefined, 0, "dtype"},
    {"Greater", ElementType::boolean},
    {"GreaterOrEqual", ElementType::boolean},
    {"IsInf", ElementType::boolean},
    {"IsNaN", ElementType::boolean},
    {"Less", ElementType::boolean},
    {"LessOrEqual", ElementType::boolean},
    {"MatMulInteger", ElementType::int32},
    {"Multinomial", ElementType::int32, -1, "dtype"},
    {"NonMaxSuppression", ElementType::int64},
    {"NonZero", ElementType::int64},
    {"Not", ElementType::boolean},
    {"OneHot", ElementType::undefined, 2},
    {"Or", ElementType::boolean},
    {"QLinearConv", ElementType::undefined, 7},
    {"QLinearMatMul", ElementType::undefined, 7},
    {"QuantizeLinear", ElementType::uint8},
    {"RandomNormal", ElementType::float32, -1, "dtype"},
    {"RandomUniform", ElementType::float32, -1, "dtype"},
    {"Shape", ElementType::int64},
    {"Size", ElementType::int64},
    {"Where", ElementType::undefined, 1},
    {"Xor", ElementType::boolean},
});

/// Types of further outputs that differ from the first one's.
std::optional<ElementType> laterOutput(const Node& node, std::size_t output) {
  if (node.opType == "TopK" || node.opType == "MaxPool" || node.opType == "Unique") {
    return ElementType::int64;
  }
  if (node.opType == "Dropout") {
    return ElementType::boolean;
  }
  if (node.opType == "DynamicQuantizeLinear") {
    return output == 1 ? ElementType::float32 : ElementType::uint8;
  }
  return std::nullopt;
}

class TypeWalk {
public:
  TypeWalk(const Graph& graph, const ValueTypes& outer)
      : m_graph(graph)
      , m_types(outer) {}

  ValueTypes run() {
    for (const auto* values : {&m_graph.values, &m_graph.outputs, &m_graph.inputs}) {
      for (const ValueInfo& info : *values) {
        if (info.type != ElementType::undefined && info.container.empty()) {
          m_types[info.name] = info.type;
        }
      }
    }
    for (const auto* constants : {&m_graph.initializers, &m_graph.nodeConstants}) {
      for (const auto& [name, tensor] : *constants) {
        m_types[name] = tensor.type();
      }
    }
    for (std::size_t before = 0; before != m_types.size();) { // until nothing new is told
      before = m_types.size();
      for (const Node& node : m_graph.nodes) {
        visit(node);
      }
    }
    return std::move(m_types);
  }

private:
  std::optional<ElementType> known(const std::string& name) const {
    const auto found = m_types.find(name);
    return found == m_types.end() ? std::nullopt : std::optional(found->second);
  }

  void visit(const Node& node) {
    if (const auto graphs = subgraphsOf(node); !graphs.empty()) {
      // An If's branches give its outputs; a Loop's body gives a condition before them.
      const ValueTypes inner = TypeWalk(*graphs[0], m_types).run();
      const std::size_t skipped = node.opType == "Loop" ? 1 : 0;
      for (std::size_t i = 0; i < node.outputs.size() && i + skipped < graphs[0]->outputs.size(); ++i) {
        if (const auto found = inner.find(graphs[0]->outputs[i + skipped].name); found != inner.end()) {
          m_types.try_emplace(node.outputs[i], found->second);
        }
      }
      return;
    }
    const auto type = firstOutput(node);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const auto later = i > 0 ? laterOutput(node, i) : std::nullopt;
      if (!node.outputs[i].empty() && (later || type)) {
        m_types.try_emplace(node.outputs[i], later ? *later : *type);
      }
    }
  }

  std::optional<ElementType> firstOutput(const Node& node) const {
    if (node.opType.starts_with("Sequence") || node.opType.starts_with("Optional") ||
        node.opType == "SplitToSequence") {
      return std::nullopt;
    }
    if (node.opType == "ConstantOfShape") {
      const auto value = node.attributes.find("value");
      const auto* tensor = value == node.attributes.end() ? nullptr : std::get_if<Tensor>(&value->second);
      return tensor != nullptr ? tensor->type() : ElementType::float32;
    }
    const auto* rule = std::find_if(kRules.begin(), kRules.end(),
                                    [&](const TypeRule& one) { return one.operation == node.opType; });
    int input = 0;
    if (rule != kRules.end()) {
      const std::int64_t said = rule->attribute.empty() ? 0 : node.integer(rule->attribute, 0);
      if (const auto type = said != 0 ? elementTypeFromOnnx(said) : std::nullopt) {
        return type;
      }
      if (rule->type != ElementType::undefined) {
        return rule->type;
      }
      input = std::max(rule->input, 0);
    }
    for (auto i = static_cast<std::size_t>(input); i < node.inputs.size(); ++i) {
      if (!node.inputs[i].empty()) {
        return known(node.inputs[i]);
      }
    }
    return std::nullopt;
  }

  const Graph& m_graph;
  ValueTypes m_types;
};

} // namespace

ValueTypes valueTypes(const Model& model) {
  return TypeWalk(model.graph, {}).run();
}

} // namespace halfstep::onnx_export
