#include "core/exec/operators/applied.h"

#include "core/exec/operator_families.h"

#include <algorithm>
#include <array>

namespace halfstep {

Node nodeOf(const char* opType, const Node& like) {
  Node node;
  node.opType = opType;
  node.attributes = like.attributes;
  node.inputs.assign(9, "x");
  node.outputs = {"y"};
  return node;
}

OpResult allApplied(const OpCall& call, const Node& node, const std::vector<Value>& inputs,
                    NodeMemory* memory, std::int64_t version) {
  static const OpCall::SubgraphRunner kNoSubgraphs;
  const OperatorEntry* entry = findOperator("", node.opType, version);
  if (entry == nullptr) {
    return call.unsupported("its part " + node.opType + " is not supported");
  }
  OpCall part(node, version, inputs, call.job(), kNoSubgraphs);
  part.setMemory(memory);
  return entry->function(part);
}

Result<Value> applied(const OpCall& call, const Node& node, const std::vector<Value>& inputs,
                      NodeMemory* memory, std::int64_t version) {
  HALFSTEP_TRY(std::vector<Value> outputs, allApplied(call, node, inputs, memory, version));
  return std::move(outputs.front());
}

Result<Value> activated(const OpCall& call, Value value, std::span<const float> numbers) {
  struct Known {
    std::string_view name;
    std::array<const char*, 2> attributes;
  };
  constexpr Known kKnown[] = {
      {"Relu", {}},
      {"Tanh", {}},
      {"Sigmoid", {}},
      {"Softplus", {}},
      {"Softsign", {}},
      {"LeakyRelu", {"alpha"}},
      {"Elu", {"alpha"}},
      {"HardSigmoid", {"alpha", "beta"}},
      {"Clip", {"min", "max"}},
      {"HardSwish", {}},
      {"ThresholdedRelu", {"alpha"}},
  };
  const std::string name = call.text("activation", "");
  if (name.empty()) {
    return value;
  }
  const auto* known =
      std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Known& one) { return one.name == name; });
  if (known == std::end(kKnown)) {
    return call.unsupported("the activation " + name + " is not known");
  }
  Node node = nodeOf(name.c_str(), {});
  for (std::size_t i = 0; i < known->attributes.size() && known->attributes[i] != nullptr; ++i) {
    if (i < numbers.size()) {
      node.attributes[known->attributes[i]] = numbers[i];
    }
  }
  return applied(call, node, {std::move(value)});
}

} // namespace halfstep
