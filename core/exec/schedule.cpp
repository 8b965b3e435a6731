#include "core/exec/schedule.h"

#include <algorithm>
#include <array>

namespace halfstep {

namespace {

constexpr std::size_t kLongestTail = 6;

constexpr std::array kRandom{"Bernoulli",        "Multinomial",       "RandomNormal", "RandomUniform",
                             "RandomNormalLike", "RandomUniformLike", "Dropout",      "BatchNormalization"};

constexpr std::array kUnary{"Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "HardSwish", "Elu"};

template <std::size_t kCount>
bool isOneOf(const std::array<const char*, kCount>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool isPlainOnnx(const PreparedNode& node) {
  return node.entry != nullptr && node.entry->domain.empty() && node.node->referredAttributes.empty();
}

/// Whether a node may be done together with the one that makes its input `from`.
bool mayFollow(const PreparedNode& node, Slot from) {
  const std::string& op = node.node->opType;
  if (!isPlainOnnx(node) || node.inputs.empty() || node.outputs.size() != 1 ||
      node.outputs.front() == kNoSlot || std::count(node.inputs.begin(), node.inputs.end(), from) != 1) {
    return false;
  }
  if (op == "Add" || op == "Mul") {
    return node.inputs.size() == 2 && node.opset >= 7;
  }
  if (node.inputs.front() != from) {
    return false;
  }
  return isOneOf(kUnary, op) || (op == "BatchNormalization" && node.opset >= 9);
}

class Scheduling {
public:
  Scheduling(const PreparedGraph& graph, std::vector<Value> constants, const ScheduleLimits& limits)
      : m_graph(graph)
      , m_limits(limits)
      , m_taken(graph.nodes.size(), false)
      , m_tails(graph.nodes.size()) {
    m_schedule.constants = std::move(constants);
    m_takers.resize(graph.names.size());
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const Slot slot : graph.nodes[i].uses) {
        m_takers[slot] = i;
      }
    }
  }

  Schedule take() {
    // From the end, so that of two nodes that an Add joins the later one takes it: the other need not wait.
    for (std::size_t i = 0; i < m_graph.nodes.size(); ++i) {
      m_taken[i] = isKnown(m_graph.nodes[i]);
    }
    const std::vector<std::shared_ptr<const JoinedNodes>> joined = joinNodes();
    for (std::size_t i = m_graph.nodes.size(); i-- > 0;) {
      if (!m_taken[i] && m_limits.joins) {
        m_tails[i] = tailOf(i);
      }
    }
    constexpr auto kNone = static_cast<std::size_t>(-1);
    std::vector<std::size_t> endingAt(m_graph.nodes.size(),
                                      kNone); // the first node of the step that ends there
    for (std::size_t i = 0; i < m_graph.nodes.size(); ++i) {
      if (!m_taken[i]) {
        endingAt[m_tails[i].empty() ? i : m_tails[i].back()] = i;
      }
    }
    for (std::size_t i = 0; i < m_graph.nodes.size(); ++i) {
      if (joined[i] != nullptr) {
        m_schedule.steps.push_back({i, {}, {}, joined[i]});
      } else if (endingAt[i] != kNone) {
        m_schedule.steps.push_back({endingAt[i], std::move(m_tails[endingAt[i]]), {}, nullptr});
      }
    }
    release();
    return std::move(m_schedule);
  }

private:
  bool isKnown(const PreparedNode& node) const {
    std::size_t known = 0;
    for (const Slot slot : node.outputs) {
      if (slot != kNoSlot &&
          (m_schedule.constants[slot].isAbsent() || !m_graph.initializers[slot].isAbsent())) {
        return false;
      }
      known += slot != kNoSlot ? 1 : 0;
    }
    return known > 0;
  }

  /// By the last node of each; their nodes are marked as taken.
  std::vector<std::shared_ptr<const JoinedNodes>> joinNodes() {
    std::vector<std::shared_ptr<const JoinedNodes>> byLast(m_graph.nodes.size());
    if (!m_limits.joins) {
      return byLast;
    }
    const auto mayJoin = [&](std::size_t node) {
      return !m_taken[node] && !(m_limits.isEdited && m_limits.isEdited(*m_graph.nodes[node].node));
    };
    const auto isHidden = [&](Slot slot) { return !isVisible(slot); };
    for (const auto& joined : joinedNodes(m_graph, m_schedule.constants, mayJoin, isHidden)) {
      for (const std::size_t member : joined->members) {
        m_taken[member] = true;
      }
      byLast[joined->members.back()] = joined;
    }
    return byLast;
  }

  bool isVisible(Slot slot) const { return !m_limits.visible.empty() && m_limits.visible[slot]; }

  /// Marks the nodes of the tail as taken.
  std::vector<std::size_t> tailOf(std::size_t first) {
    const PreparedNode& node = m_graph.nodes[first];
    std::vector<std::size_t> tail;
    if (!isPlainOnnx(node) || node.entry->activation == Activation::separate) {
      return tail;
    }
    const std::size_t most = node.entry->activation == Activation::fusesTail ? kLongestTail : 1;
    for (const PreparedNode* at = &node; tail.size() < most; at = &m_graph.nodes[tail.back()]) {
      const Slot out = at->outputs.size() == 1 ? at->outputs.front() : kNoSlot;
      if (out == kNoSlot || m_graph.takers[out] != 1 || isVisible(out)) {
        break;
      }
      const std::size_t next = m_takers[out];
      const PreparedNode& follower = m_graph.nodes[next];
      if (m_taken[next] || !mayFollow(follower, out) ||
          (node.entry->activation == Activation::fusesRelu && follower.node->opType != "Relu") ||
          (m_limits.isEdited && m_limits.isEdited(*follower.node))) {
        break;
      }
      for (const std::size_t own : m_tails[next]) { // what it had taken itself is to be had again
        m_taken[own] = false;
      }
      m_tails[next].clear();
      m_taken[next] = true;
      tail.push_back(next);
    }
    return tail;
  }

  void release() {
    std::vector<bool> later(m_graph.names.size(), false);
    for (const Slot slot : m_graph.outputs) {
      if (slot != kNoSlot) {
        later[slot] = true;
      }
    }
    for (std::size_t i = m_schedule.steps.size(); i-- > 0;) {
      ScheduledStep& step = m_schedule.steps[i];
      const auto add = [&](std::size_t node) {
        for (const Slot slot : m_graph.nodes[node].uses) {
          if (!later[slot]) {
            later[slot] = true;
            step.released.push_back(slot);
          }
        }
      };
      step.forEachNode(add);
    }
  }

  const PreparedGraph& m_graph;
  const ScheduleLimits& m_limits;
  std::vector<bool> m_taken; ///< by node: it is in a tail, or not to run at all
  std::vector<std::vector<std::size_t>> m_tails;
  std::vector<std::size_t> m_takers; ///< by slot: the last node that takes it
  Schedule m_schedule;
};

} // namespace

bool isRepeatable(const PreparedNode& node) {
  return node.entry != nullptr && !node.hasSubgraphs && node.node->referredAttributes.empty() &&
         !isOneOf(kRandom, node.node->opType);
}

Schedule schedule(const PreparedGraph& graph, std::vector<Value> constants, const ScheduleLimits& limits) {
  return Scheduling(graph, std::move(constants), limits).take();
}

} // namespace halfstep
