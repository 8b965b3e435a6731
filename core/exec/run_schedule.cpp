// Which schedule a run follows, and what it takes for constant.
#include "core/exec/run.h"

#include <algorithm>
#include <cstdint>

namespace halfstep {

namespace {

/// What is computed beforehand stays in memory, so it has to be small.
constexpr std::size_t kLargestConstant = std::size_t{1} << 20;

/// Whether what a node made may be kept for later runs. A Constant's bytes are the model's own.
bool isSmall(const Node& node, const std::vector<Value>& outputs) {
  return std::all_of(outputs.begin(), outputs.end(), [&](const Value& value) {
    return value.isTensor() && value.lazy() == nullptr &&
           (node.opType == "Constant" || value.tensor().bytes().size() <= kLargestConstant);
  });
}

/// Constants whose elements do not lie where their type wants them (files need not align them) are copied at
/// every use: small ones, and what recurrent operators take, once and for all instead.
void align(const PreparedGraph& graph, std::vector<Value>& constants) {
  constexpr std::size_t kSmall = std::size_t{1} << 12;
  std::vector<std::size_t> most(constants.size(), kSmall);
  for (const PreparedNode& node : graph.nodes) {
    const std::string& op = node.node->opType;
    for (const Slot slot : node.inputs) {
      if (slot != kNoSlot && (op == "LSTM" || op == "GRU" || op == "RNN")) {
        most[slot] = kLargestConstant;
      }
    }
  }
  for (std::size_t slot = 0; slot < constants.size(); ++slot) {
    if (!constants[slot].isTensor() || constants[slot].lazy() != nullptr) {
      continue;
    }
    const Tensor& tensor = constants[slot].tensor();
    const auto bytes = static_cast<std::uintptr_t>(elementBits(tensor.type())) / 8;
    const std::span<const std::byte> own = tensor.bytes();
    if (bytes > 1 && !own.empty() && own.size() <= most[slot] &&
        reinterpret_cast<std::uintptr_t>(own.data()) % bytes != 0) {
      if (auto copy = Tensor::own(tensor.type(), tensor.shape(), {own.begin(), own.end()})) {
        constants[slot] = Value(std::move(*copy));
      }
    }
  }
}

} // namespace

const Tensor& Run::standIn(const Tensor& tensor) const {
  const auto found = m_options.constants.find(tensor.bytes().data());
  return found != m_options.constants.end() && !tensor.bytes().empty() ? found->second : tensor;
}

std::vector<Value> Run::initializersOf(const PreparedGraph& graph) const {
  std::vector<Value> values = graph.initializers;
  for (Value& value : values) {
    if (!m_options.constants.empty() && value.isTensor()) {
      value = Value(standIn(value.tensor()));
    }
  }
  return values;
}

const Tensor* Run::standInOf(const PreparedNode& prepared, const Frame& frame) const {
  const Node& node = *prepared.node;
  if (m_options.constants.empty() || !node.domain.empty()) {
    return nullptr;
  }
  const bool decodes = node.opType == "DequantizeLinear" && !node.inputs.empty();
  if (!decodes && (node.opType != "Constant" || node.outputs.empty())) {
    return nullptr;
  }
  // As the model has it: what stands in for codes has already taken their place among the values.
  std::optional<Tensor> constant;
  if (!decodes) {
    constant = constantNodeValue(node);
  }
  for (const Frame* at = &frame; decodes && at != nullptr && !constant; at = at->outer) {
    if (const Tensor* codes = at->graph->graph->constant(node.inputs.front())) {
      constant = *codes;
    }
  }
  if (!constant || constant->bytes().empty()) {
    return nullptr;
  }
  const auto found = m_options.constants.find(constant->bytes().data());
  return found != m_options.constants.end() ? &found->second : nullptr;
}

/// The nodes whose inputs are all constant, computed.
Result<std::vector<Value>> Run::computedConstants(const PreparedGraph& graph) {
  Schedule known;
  known.constants = graph.initializers;
  Frame frame(graph);
  frame.opsets = graph.opsets;
  frame.schedule = &known;
  std::vector<bool> given(graph.names.size(), false);
  for (const Slot slot : graph.inputs) {
    if (slot != kNoSlot) {
      given[slot] = true;
    }
  }
  for (const PreparedNode& prepared : graph.nodes) {
    const bool ready =
        isRepeatable(prepared) && std::all_of(prepared.inputs.begin(), prepared.inputs.end(), [&](Slot slot) {
          return slot == kNoSlot || (!given[slot] && !known.constants[slot].isAbsent());
        });
    if (!ready) {
      continue;
    }
    HALFSTEP_CHECK(m_job.checkpoint());
    std::vector<Value> inputs;
    std::size_t done = 0;
    HALFSTEP_TRY(inputs, inputsOf(prepared, frame, kNoSlot));
    auto outputs = operation(prepared, *prepared.node, frame, inputs, {}, done);
    if (!outputs || !isSmall(*prepared.node, *outputs)) {
      continue; // the run itself will tell what is wrong
    }
    for (std::size_t k = 0; k < prepared.outputs.size() && k < outputs->size(); ++k) {
      const Slot slot = prepared.outputs[k];
      if (slot != kNoSlot && !given[slot]) {
        known.constants[slot] = std::move((*outputs)[k]);
      }
    }
  }
  return std::move(known.constants);
}

/// Whether something that was computed beforehand would come out otherwise in this run.
bool Run::foldsAreTouched(const PreparedGraph& graph, const Schedule& usual) const {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const PreparedNode& node) {
    const bool folded = std::any_of(node.outputs.begin(), node.outputs.end(), [&](Slot slot) {
      return slot != kNoSlot && !usual.constants[slot].isAbsent();
    });
    return folded && isEdited(*node.node);
  });
}

Result<std::shared_ptr<const Schedule>> Run::usualSchedule(const PreparedGraph& graph) {
  std::shared_ptr<const Schedule> usual = m_state.usual(graph);
  if (!usual) {
    // What is kept would never go back to the pool: it is made outside.
    const BufferPool::Scope scope(nullptr);
    HALFSTEP_TRY(std::vector<Value> constants, computedConstants(graph));
    align(graph, constants);
    usual = std::make_shared<const Schedule>(schedule(graph, std::move(constants), {}));
    m_state.setUsual(graph, usual);
  }
  return usual;
}

Result<std::shared_ptr<const Schedule>> Run::scheduleFor(const Frame& frame, bool isMain) {
  const PreparedGraph& graph = *frame.graph;
  if (const auto found = m_schedules.find(&graph); found != m_schedules.end()) {
    return found->second;
  }
  // Values that are watched or set from outside may differ from what was computed beforehand.
  bool touched = !m_options.constants.empty() ||
                 (isMain && (m_options.tap || m_replacesInitializers || !m_options.known.empty()));
  std::shared_ptr<const Schedule> chosen;
  if (!touched) {
    HALFSTEP_TRY(chosen, usualSchedule(graph));
    touched = !m_options.edits.empty() && foldsAreTouched(graph, *chosen);
  }
  const bool seen = isMain && !m_seen.empty();
  if (touched || seen || !m_options.edits.empty()) {
    ScheduleLimits limits;
    limits.joins = !isMain || !m_options.tap;
    limits.visible.assign(graph.names.size(), false);
    for (Slot slot = 0; isMain && slot < graph.names.size(); ++slot) {
      limits.visible[slot] = (seen && m_seen[slot]) || isKnown(slot);
    }
    limits.isEdited = [this](const Node& node) { return isEdited(node); };
    chosen = std::make_shared<const Schedule>(
        schedule(graph, touched ? initializersOf(graph) : chosen->constants, limits));
  }
  m_schedules[&graph] = chosen;
  return chosen;
}

/// Which steps have to run for what is wanted, given what is known.
std::vector<bool> Run::neededSteps(const Schedule& schedule, const PreparedGraph& graph) const {
  std::vector<bool> wanted(graph.names.size(), false);
  if (m_options.wanted) {
    wanted = m_seen;
  } else {
    for (const Slot slot : graph.outputs) {
      if (slot != kNoSlot) {
        wanted[slot] = true;
      }
    }
    for (std::size_t slot = 0; slot < m_seen.size(); ++slot) {
      wanted[slot] = wanted[slot] || m_seen[slot];
    }
  }
  std::vector<bool> needed(schedule.steps.size(), false);
  for (std::size_t i = schedule.steps.size(); i-- > 0;) {
    const ScheduledStep& step = schedule.steps[i];
    const PreparedNode& last = graph.nodes[step.tail.empty() ? step.node : step.tail.back()];
    needed[i] = std::any_of(last.outputs.begin(), last.outputs.end(),
                            [&](Slot slot) { return slot != kNoSlot && wanted[slot] && !isKnown(slot); });
    if (!needed[i]) {
      continue;
    }
    const auto use = [&](std::size_t node) {
      for (const Slot slot : graph.nodes[node].uses) {
        wanted[slot] = true;
      }
    };
    step.forEachNode(use);
  }
  return needed;
}

} // namespace halfstep
