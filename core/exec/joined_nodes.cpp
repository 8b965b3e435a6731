#include "core/exec/joined_nodes.h"

#include "core/exec/operator_families.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace halfstep {

namespace {

constexpr auto kNone = static_cast<std::size_t>(-1);
constexpr std::int64_t kOpset = 23; ///< that has all of them

class Joining {
public:
  Joining(const PreparedGraph& graph, const std::vector<Value>& constants,
          const std::function<bool(std::size_t)>& mayJoin, const std::function<bool(Slot)>& isHidden)
      : m_graph(graph)
      , m_constants(constants)
      , m_mayJoin(mayJoin)
      , m_isHidden(isHidden)
      , m_makers(graph.names.size(), kNone)
      , m_lastTakers(graph.names.size(), kNone)
      , m_taken(graph.nodes.size(), false) {
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const Slot slot : graph.nodes[i].outputs) {
        if (slot != kNoSlot) {
          m_makers[slot] = i;
        }
      }
      for (const Slot slot : graph.nodes[i].uses) {
        m_lastTakers[slot] = i;
      }
    }
  }

  std::vector<std::shared_ptr<const JoinedNodes>> take() {
    for (std::size_t i = 0; i < m_graph.nodes.size(); ++i) {
      normalizationAt(i);
      geluAt(i);
    }
    return std::move(m_made);
  }

private:
  /// The node that makes `slot`, if it is `opType` with `inputs` inputs and may be joined.
  std::size_t maker(Slot slot, std::string_view opType, std::size_t inputs) const {
    return slot != kNoSlot && m_makers[slot] != kNone && is(m_makers[slot], opType, inputs) ? m_makers[slot]
                                                                                            : kNone;
  }

  bool is(std::size_t index, std::string_view opType, std::size_t inputs) const {
    const PreparedNode& node = m_graph.nodes[index];
    return !m_taken[index] && node.node->opType == opType && node.entry != nullptr &&
           node.entry->domain.empty() && node.node->referredAttributes.empty() &&
           node.inputs.size() == inputs && node.outputs.size() == 1 && node.outputs.front() != kNoSlot &&
           std::find(node.inputs.begin(), node.inputs.end(), kNoSlot) == node.inputs.end() &&
           m_mayJoin(index);
  }

  Slot input(std::size_t node, std::size_t index) const { return m_graph.nodes[node].inputs[index]; }
  Slot output(std::size_t node) const { return m_graph.nodes[node].outputs.front(); }

  const Tensor* floats(Slot slot) const {
    if (slot == kNoSlot) {
      return nullptr;
    }
    const Value& value = m_constants[slot];
    return value.isTensor() && value.lazy() == nullptr && value.tensor().type() == ElementType::float32
               ? &value.tensor()
               : nullptr;
  }
  bool isNumber(Slot slot, double expected) const {
    const std::optional<double> value = number(slot);
    return value && std::abs(*value - expected) <= 1e-6 * expected;
  }
  std::optional<double> number(Slot slot) const {
    const Tensor* tensor = floats(slot);
    return tensor != nullptr && tensor->count() == 1 && tensor->shape().size() <= 1
               ? std::optional(tensor->valueAt(0))
               : std::nullopt;
  }
  /// The other operand of a sum or product of `slot` and something; kNoSlot where it is not one.
  Slot beside(std::size_t node, Slot slot) const {
    return input(node, 0) == slot ? input(node, 1) : (input(node, 1) == slot ? input(node, 0) : kNoSlot);
  }

  struct Normalization {
    std::vector<std::size_t> members;
    Slot x = kNoSlot;
    bool centred = false;
    double epsilon = 0;
  };

  /// A mean over the last axis, which is kept. kNone: it is none.
  std::size_t meanOf(Slot slot) const {
    std::size_t node = maker(slot, "ReduceMean", 1);
    std::vector<std::int64_t> axes;
    if (node != kNone) {
      axes = m_graph.nodes[node].node->integers("axes");
    } else if (node = maker(slot, "ReduceMean", 2); node != kNone) {
      const Value& given = m_constants[input(node, 1)];
      if (given.isTensor() && given.tensor().type() == ElementType::int64 && given.tensor().count() == 1) {
        axes = {static_cast<std::int64_t>(given.tensor().valueAt(0))};
      }
    }
    const bool fits = node != kNone && axes == std::vector<std::int64_t>{-1} &&
                      m_graph.nodes[node].node->integer("keepdims", 1) == 1;
    return fits ? node : kNone;
  }

  /// x − the mean of x: adds its nodes and sets x. `slot` may as well be x itself.
  void findCentre(Slot slot, Normalization& found) const {
    found.x = slot;
    const std::size_t difference = maker(slot, "Sub", 2);
    if (difference == kNone) {
      return;
    }
    const std::size_t mean = meanOf(input(difference, 1));
    if (mean != kNone && input(mean, 0) == input(difference, 0)) {
      found.members.insert(found.members.end(), {difference, mean});
      found.x = input(difference, 0);
      found.centred = true;
    }
  }

  /// √(mean of squares + ε) of what is to be divided by it.
  std::optional<Normalization> deviation(Slot slot, Slot divided) const {
    const std::size_t root = maker(slot, "Sqrt", 1);
    const std::size_t sum = root != kNone ? maker(input(root, 0), "Add", 2) : kNone;
    if (sum == kNone) {
      return std::nullopt;
    }
    Normalization found;
    for (const std::size_t side : {0, 1}) {
      const std::optional<double> epsilon = number(input(sum, side));
      const std::size_t mean = epsilon ? meanOf(input(sum, 1 - side)) : kNone;
      if (mean == kNone) {
        continue;
      }
      const std::size_t product = maker(input(mean, 0), "Mul", 2);
      const std::size_t power = maker(input(mean, 0), "Pow", 2);
      const std::size_t square = product != kNone ? product : power;
      if (square == kNone || (product != kNone && input(product, 0) != input(product, 1)) ||
          (power != kNone && !isNumber(input(power, 1), 2.0))) {
        return std::nullopt;
      }
      found.members = {root, sum, mean, square};
      found.epsilon = *epsilon;
      findCentre(divided, found);
      if (input(square, 0) != divided) { // exporters may subtract the mean twice
        Normalization twin;
        findCentre(input(square, 0), twin);
        if (!found.centred || !twin.centred || twin.x != found.x) {
          return std::nullopt;
        }
        found.members.insert(found.members.end(), twin.members.begin(), twin.members.end());
      }
      return found;
    }
    return std::nullopt;
  }

  /// What is divided by its deviation: x / d, x · (1 / d).
  std::optional<Normalization> normalized(Slot slot) const {
    if (const std::size_t quotient = maker(slot, "Div", 2); quotient != kNone) {
      auto found = deviation(input(quotient, 1), input(quotient, 0));
      if (found) {
        found->members.push_back(quotient);
      }
      return found;
    }
    const std::size_t product = maker(slot, "Mul", 2);
    for (const std::size_t side : {0, 1}) {
      if (product == kNone) {
        break;
      }
      const std::size_t division = maker(input(product, side), "Div", 2);
      const std::size_t reciprocal = maker(input(product, side), "Reciprocal", 1);
      const bool isInverse = division != kNone && isNumber(input(division, 0), 1.0);
      if (!isInverse && reciprocal == kNone) {
        continue;
      }
      const std::size_t inverse = isInverse ? division : reciprocal;
      auto found = deviation(input(inverse, isInverse ? 1 : 0), input(product, 1 - side));
      if (found) {
        found->members.insert(found->members.end(), {inverse, product});
        return found;
      }
    }
    return std::nullopt;
  }

  bool isVector(Slot slot) const {
    const Tensor* tensor = floats(slot);
    return tensor != nullptr && tensor->shape().size() == 1;
  }

  /// A normalization that ends with the product with its scale at `index`, or with the sum behind that.
  void normalizationAt(std::size_t index) {
    if (!is(index, "Mul", 2)) {
      return;
    }
    for (const std::size_t side : {0, 1}) {
      if (!isVector(input(index, side))) {
        continue;
      }
      std::optional<Normalization> found = normalized(input(index, 1 - side));
      if (!found) {
        return;
      }
      found->members.push_back(index);
      std::vector<Slot> inputs{found->x, input(index, side)};
      const std::size_t next = m_lastTakers[output(index)];
      if (found->centred && next != kNone && is(next, "Add", 2) && isVector(beside(next, output(index)))) {
        std::vector<std::size_t> withBias = found->members;
        withBias.push_back(next);
        std::vector<Slot> three = inputs;
        three.push_back(beside(next, output(index)));
        if (join("LayerNormalization", withBias, three, {{"epsilon", static_cast<float>(found->epsilon)}})) {
          return;
        }
      }
      join(found->centred ? "LayerNormalization" : "RMSNormalization", found->members, inputs,
           {{"epsilon", static_cast<float>(found->epsilon)}});
      return;
    }
  }

  /// x · ½ · (1 + erf(x / √2)), its factors in any order, from the erf at `index` on.
  void geluAt(std::size_t index) {
    if (!is(index, "Erf", 1)) {
      return;
    }
    const std::size_t quotient = maker(input(index, 0), "Div", 2);
    const std::size_t product = maker(input(index, 0), "Mul", 2);
    const std::size_t scaling = quotient != kNone ? quotient : product;
    if (scaling == kNone ||
        !isNumber(input(scaling, 1), quotient != kNone ? std::sqrt(2.0) : std::sqrt(0.5))) {
      return;
    }
    const Slot x = input(scaling, 0);
    const std::size_t sum = takerOf(index, "Add");
    if (sum == kNone || !isNumber(beside(sum, output(index)), 1.0)) {
      return;
    }
    std::vector<std::size_t> members{scaling, index, sum};
    std::size_t last = sum;
    bool halved = false;
    bool multiplied = false;
    while (!halved || !multiplied) {
      const std::size_t next = takerOf(last, "Mul");
      const Slot factor = next != kNone ? beside(next, output(last)) : kNoSlot;
      if (factor == kNoSlot) {
        return;
      }
      const std::size_t half = maker(factor, "Mul", 2); // x · ½ beforehand
      if (!halved && isNumber(factor, 0.5)) {
        halved = true;
      } else if (!multiplied && factor == x) {
        multiplied = true;
      } else if (!halved && !multiplied && half != kNone && isNumber(beside(half, x), 0.5)) {
        members.push_back(half);
        halved = multiplied = true;
      } else {
        return;
      }
      members.push_back(next);
      last = next;
    }
    join("Gelu", members, {x}, {});
  }

  std::size_t takerOf(std::size_t node, std::string_view opType) const {
    const std::size_t next = m_lastTakers[output(node)];
    return next != kNone && is(next, opType, 2) ? next : kNone;
  }

  bool join(const char* opType, std::vector<std::size_t> members, const std::vector<Slot>& inputs,
            std::map<std::string, Attribute> attributes) {
    std::sort(members.begin(), members.end());
    members.erase(std::unique(members.begin(), members.end()), members.end());
    for (const std::size_t member : members) {
      const Slot slot = output(member);
      const auto takers = std::count_if(members.begin(), members.end(), [&](std::size_t other) {
        const std::vector<Slot>& uses = m_graph.nodes[other].uses;
        return std::find(uses.begin(), uses.end(), slot) != uses.end();
      });
      if (member != members.back() &&
          (m_graph.takers[slot] != static_cast<std::size_t>(takers) || !m_isHidden(slot))) {
        return false;
      }
    }
    auto made = std::make_shared<JoinedNodes>();
    const PreparedNode& last = m_graph.nodes[members.back()];
    made->node.name = last.node->name;
    made->node.opType = opType;
    made->node.outputs = last.node->outputs;
    made->node.attributes = std::move(attributes);
    for (const Slot slot : inputs) {
      made->node.inputs.push_back(m_graph.names[slot]);
    }
    made->prepared.node = &made->node;
    made->prepared.entry = findOperator("", opType, kOpset);
    made->prepared.opset = kOpset;
    made->prepared.inputs = inputs;
    made->prepared.outputs = last.outputs;
    made->prepared.uses = inputs;
    made->prepared.memory = std::make_shared<NodeMemory>();
    if (made->prepared.entry == nullptr) {
      return false;
    }
    for (const std::size_t member : members) {
      m_taken[member] = true;
    }
    made->members = std::move(members);
    m_made.push_back(std::move(made));
    return true;
  }

  const PreparedGraph& m_graph;
  const std::vector<Value>& m_constants;
  const std::function<bool(std::size_t)>& m_mayJoin;
  const std::function<bool(Slot)>& m_isHidden;
  std::vector<std::size_t> m_makers;     ///< by slot: the node
  std::vector<std::size_t> m_lastTakers; ///< by slot
  std::vector<bool> m_taken;             ///< by node
  std::vector<std::shared_ptr<const JoinedNodes>> m_made;
};

} // namespace

std::vector<std::shared_ptr<const JoinedNodes>> joinedNodes(const PreparedGraph& graph,
                                                            const std::vector<Value>& constants,
                                                            const std::function<bool(std::size_t)>& mayJoin,
                                                            const std::function<bool(Slot)>& isHidden) {
  return Joining(graph, constants, mayJoin, isHidden).take();
}

} // namespace halfstep
