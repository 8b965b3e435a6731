#include "core/exec/run.h"

#include "core/exec/widening.h"

#include <algorithm>
#include <new>
#include <stdexcept>

namespace halfstep {

namespace {

/// An attribute of a function's node that stands for one of the call.
void resolve(const Frame& frame, const std::string& own, const std::string& callers, Node& node) {
  for (const Frame* at = &frame; at != nullptr; at = at->outer) {
    if (at->call == nullptr) {
      continue;
    }
    if (const auto given = at->call->attributes.find(callers); given != at->call->attributes.end()) {
      node.attributes[own] = given->second;
    } else if (const auto standard = at->function->attributeDefaults.find(callers);
               standard != at->function->attributeDefaults.end()) {
      node.attributes[own] = standard->second;
    }
    return;
  }
}

bool isConstant(const Frame& frame, Slot slot) {
  return slot != kNoSlot && !frame.made[slot] && !frame.schedule->constants[slot].isAbsent();
}

std::uint64_t constantInputs(const PreparedNode& node, const Frame& frame) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(node.inputs.size(), 64); ++i) {
    bits |= std::uint64_t{isConstant(frame, node.inputs[i]) ? 1u : 0u} << i;
  }
  return bits;
}

std::vector<bool> marked(const PreparedGraph& graph, const auto& names, const auto& nameOf) {
  std::vector<bool> marks(graph.names.size(), false);
  for (const auto& entry : names) {
    if (const Slot slot = graph.slotOf(nameOf(entry)); slot != kNoSlot) {
      marks[slot] = true;
    }
  }
  return marks;
}

} // namespace

std::shared_ptr<const Schedule> ExecutorState::usual(const PreparedGraph& graph) const {
  const std::lock_guard lock(m_mutex);
  const auto found = m_usual.find(&graph);
  return found != m_usual.end() ? found->second : nullptr;
}

void ExecutorState::setUsual(const PreparedGraph& graph, std::shared_ptr<const Schedule> schedule) {
  const std::lock_guard lock(m_mutex);
  m_usual[&graph] = std::move(schedule);
}

const Value* Frame::find(Slot slot) const {
  if (made[slot]) {
    return &values[slot];
  }
  if (schedule != nullptr && !schedule->constants[slot].isAbsent()) {
    return &schedule->constants[slot];
  }
  return outer != nullptr ? outer->find(graph->names[slot]) : nullptr;
}

const Value* Frame::find(const std::string& name) const {
  const Slot slot = graph->slotOf(name);
  if (slot != kNoSlot) {
    return find(slot);
  }
  return outer != nullptr ? outer->find(name) : nullptr;
}

Result<void> Run::setInputs(const std::map<std::string, Value>& inputs, Frame& frame) {
  const PreparedGraph& graph = *frame.graph;
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    const ValueInfo& input = graph.graph->inputs[i];
    const auto given = inputs.find(input.name);
    if (given == inputs.end() && input.container != "optional") {
      return Error{ErrorKind::usage, "the input " + input.name + " is missing"};
    }
    Value value = given != inputs.end() ? given->second : Value();
    if (m_options.tap) {
      HALFSTEP_CHECK(m_options.tap(input.name, value));
    }
    if (graph.inputs[i] != kNoSlot) {
      frame.set(graph.inputs[i], std::move(value));
    }
  }
  for (const auto& [name, value] : inputs) { // initializers may be given other values
    const Slot slot = graph.slotOf(name);
    if (slot != kNoSlot && !graph.initializers[slot].isAbsent()) {
      frame.set(slot, value);
      m_replacesInitializers = true;
    }
  }
  for (const auto& [name, value] : m_options.known) {
    if (const Slot slot = graph.slotOf(name); slot != kNoSlot) {
      frame.set(slot, value);
    }
  }
  return {};
}

Result<std::map<std::string, Value>> Run::main(const std::map<std::string, Value>& inputs) {
  const BufferPool::Scope scope(&m_state.pool());
  const PreparedGraph& graph = m_prepared.at(&m_model.graph);
  Frame frame(graph);
  frame.opsets = &m_model.opsets;
  HALFSTEP_CHECK(setInputs(inputs, frame));
  const auto itself = [](const std::string& name) -> const std::string& { return name; };
  if (!m_options.keep.empty() || m_options.wanted) {
    std::vector<std::string> seen = m_options.keep;
    if (m_options.wanted) {
      seen.insert(seen.end(), m_options.wanted->begin(), m_options.wanted->end());
    }
    m_seen = marked(graph, seen, itself);
  }
  if (!m_options.known.empty()) {
    m_known =
        marked(graph, m_options.known, [](const auto& entry) -> const std::string& { return entry.first; });
  }
  HALFSTEP_TRY(std::vector<Value> outputs, this->graph(frame, true));
  std::map<std::string, Value> results;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    results[m_options.wanted ? (*m_options.wanted)[i] : graph.graph->outputs[i].name] = std::move(outputs[i]);
  }
  for (const std::string& name : m_options.keep) {
    if (const Value* value = frame.find(name)) {
      results[name] = *value;
    }
  }
  return results;
}

Result<std::vector<Value>> Run::graph(Frame& frame, bool isMain) {
  if (frame.depth > kDeepestGraph) {
    return Error{ErrorKind::unsupported, "subgraphs and functions call each other too deeply"};
  }
  HALFSTEP_TRY(const std::shared_ptr<const Schedule> schedule, scheduleFor(frame, isMain));
  frame.schedule = schedule.get();
  const bool partial = isMain && (!m_options.known.empty() || m_options.wanted);
  const std::vector<bool> needed = partial ? neededSteps(*schedule, *frame.graph) : std::vector<bool>();
  for (std::size_t i = 0; i < schedule->steps.size(); ++i) {
    if (!needed.empty() && !needed[i]) {
      continue;
    }
    HALFSTEP_CHECK(m_job.checkpoint());
    const ScheduledStep& step = schedule->steps[i];
    HALFSTEP_CHECK(this->step(step, frame, isMain));
    for (const Slot slot : step.released) {
      if (!isMain || m_seen.empty() || !m_seen[slot]) {
        frame.release(slot);
      }
    }
  }
  if (!isMain || !m_options.wanted) {
    return outputsOf(frame.graph->outputs, frame);
  }
  std::vector<Value> results;
  for (const std::string& name : *m_options.wanted) {
    const Value* value = frame.find(name);
    if (value == nullptr) {
      return Error{ErrorKind::damagedFile, "nothing makes the output " + name};
    }
    results.push_back(*value);
  }
  return results;
}

Result<void> Run::step(const ScheduledStep& step, Frame& frame, bool isMain) {
  const PreparedGraph& graph = *frame.graph;
  if (step.joined != nullptr) {
    const auto done = nodes(step.joined->prepared, {}, frame, isMain);
    if (done || done.error().kind == ErrorKind::cancelled) {
      return done ? Result<void>() : Result<void>(done.error());
    }
    // It refuses what its members may take (integers, another broadcasting): they run one by one.
    for (const std::size_t member : step.joined->members) {
      HALFSTEP_CHECK(nodes(graph.nodes[member], {}, frame, isMain));
    }
    return {};
  }
  // What an operator does not take of its tail runs node by node.
  for (std::size_t at = 0; at <= step.tail.size();) {
    const std::size_t first = at == 0 ? step.node : step.tail[at - 1];
    HALFSTEP_TRY(const std::size_t done,
                 nodes(graph.nodes[first], std::span(step.tail).subspan(at), frame, isMain));
    at += done + 1;
  }
  return {};
}

Result<std::size_t> Run::nodes(const PreparedNode& first, std::span<const std::size_t> tail, Frame& frame,
                               bool isMain) {
  const PreparedGraph& graph = *frame.graph;
  std::size_t done = 0;
  auto outputs = node(first, frame, tail, done);
  if (!outputs) {
    return nodeError(*first.node, std::move(outputs.error()));
  }
  const PreparedNode& last = done == 0 ? first : graph.nodes[tail[done - 1]];
  for (std::size_t k = 0; k < last.outputs.size() && k < outputs->size(); ++k) {
    const Slot slot = last.outputs[k];
    if (slot == kNoSlot) {
      continue;
    }
    if (isMain && m_options.tap) {
      HALFSTEP_CHECK(m_options.tap(graph.names[slot], (*outputs)[k]));
    }
    if (!isMain || !isKnown(slot)) {
      frame.set(slot, std::move((*outputs)[k]));
    }
  }
  return done;
}

Result<std::vector<Value>> Run::outputsOf(const std::vector<Slot>& places, const Frame& frame) const {
  std::vector<Value> results;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Value* value = places[i] != kNoSlot ? frame.find(places[i]) : nullptr;
    if (value == nullptr) {
      return Error{ErrorKind::damagedFile, "nothing makes the output " + frame.graph->graph->outputs[i].name};
    }
    results.push_back(*value);
  }
  return results;
}

/// The values that a node takes; absent for the slot `without`.
Result<std::vector<Value>> Run::inputsOf(const PreparedNode& node, const Frame& frame, Slot without) const {
  std::vector<Value> inputs(node.inputs.size());
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const Slot slot = node.inputs[i];
    if (slot == kNoSlot || slot == without) {
      continue;
    }
    const Value* value = frame.find(slot);
    if (value == nullptr) {
      return Error{ErrorKind::damagedFile, "nothing makes its input " + frame.graph->names[slot]};
    }
    inputs[i] = *value;
  }
  return inputs;
}

Result<Tail> Run::tailOf(const PreparedNode& first, std::span<const std::size_t> nodes,
                         const Frame& frame) const {
  std::vector<TailStep> steps;
  Slot flowing = first.outputs.front();
  for (const std::size_t index : nodes) {
    const PreparedNode& prepared = frame.graph->nodes[index];
    TailStep step;
    step.node = prepared.node;
    step.constant = true;
    HALFSTEP_TRY(step.inputs, inputsOf(prepared, frame, flowing));
    for (std::size_t i = 0; i < prepared.inputs.size(); ++i) {
      const Slot slot = prepared.inputs[i];
      if (slot == flowing) {
        step.flowing = i;
      } else if (slot != kNoSlot) {
        step.constant = step.constant && isConstant(frame, slot);
      }
    }
    steps.push_back(std::move(step));
    flowing = prepared.outputs.front();
  }
  return Tail(std::move(steps));
}

Result<std::vector<Value>> Run::node(const PreparedNode& prepared, const Frame& frame,
                                     std::span<const std::size_t> tail, std::size_t& done) {
  const Node& original = *prepared.node;
  if (const Tensor* tensor = standInOf(prepared, frame)) {
    return std::vector<Value>{*tensor};
  }
  HALFSTEP_TRY(std::vector<Value> inputs, inputsOf(prepared, frame, kNoSlot));
  if (!m_options.edits.empty()) {
    if (const auto edit = m_options.edits.find(&original); edit != m_options.edits.end()) {
      HALFSTEP_CHECK(edit->second(inputs));
    }
  }
  if (original.referredAttributes.empty()) {
    return prepared.function != nullptr ? call(*prepared.function, original, frame, inputs)
                                        : operation(prepared, original, frame, inputs, tail, done);
  }
  // Within a function attributes may stand for those of the call.
  Node resolved = original;
  for (const auto& [own, callers] : original.referredAttributes) {
    resolve(frame, own, callers, resolved);
  }
  return prepared.function != nullptr ? call(*prepared.function, resolved, frame, inputs)
                                      : operation(prepared, resolved, frame, inputs, {}, done);
}

Result<std::vector<Value>> Run::operation(const PreparedNode& prepared, const Node& node, const Frame& frame,
                                          std::vector<Value>& inputs, std::span<const std::size_t> tail,
                                          std::size_t& done) {
  const OperatorEntry* entry = prepared.entry;
  std::int64_t opset = prepared.opset;
  if (frame.opsets != frame.graph->opsets) { // a graph that came with a call's attribute
    entry = operatorOf(node, *frame.opsets, opset);
  }
  if (entry == nullptr) {
    return Error{ErrorKind::unsupported, "the operator is not supported"};
  }
  const OpCall::SubgraphRunner subgraphs = [&](const Graph& graph, std::vector<Value> given) {
    return subgraph(graph, frame, std::move(given));
  };
  try {
    ElementType narrow = ElementType::undefined;
    if (entry->widening == Widening::floats) {
      HALFSTEP_TRY(narrow, widenInputs(inputs));
    }
    OpCall call(node, opset, inputs, m_job, subgraphs);
    call.setMemory(&node == prepared.node ? prepared.memory.get() : nullptr);
    call.setConstants(constantInputs(prepared, frame));
    call.setComputeType(m_state.computeType());
    const Surroundings surroundings{*frame.graph->graph, *frame.opsets, m_model.functions};
    call.setSurroundings(&surroundings);
    // The tail may be what is left of an earlier operator's, and begin with something else.
    const bool relu = !tail.empty() && entry->activation == Activation::fusesRelu &&
                      frame.graph->nodes[tail.front()].node->opType == "Relu";
    call.setEndsInRelu(relu);
    std::optional<Tail> offered;
    // Results of 16 bits are rounded after every node.
    if (!tail.empty() && entry->activation == Activation::fusesTail && narrow == ElementType::undefined) {
      HALFSTEP_TRY(offered, tailOf(prepared, tail, frame));
      call.setTail(&*offered);
    }
    HALFSTEP_TRY(std::vector<Value> outputs, entry->function(call));
    HALFSTEP_CHECK(narrowOutputs(outputs, narrow));
    done = relu ? 1 : (offered ? offered->done() : 0);
    return outputs;
  } catch (const std::bad_alloc&) {
    return Error{ErrorKind::failed, "there is not enough memory for it"};
  } catch (const std::length_error&) { // of a vector: absurdly large
    return Error{ErrorKind::failed, "there is not enough memory for it"};
  } catch (const std::exception& exception) { // of a library, which refuses what it is given
    return Error{ErrorKind::failed, std::string("it is refused: ") + exception.what()};
  }
}

Result<std::vector<Value>> Run::subgraph(const Graph& graph, const Frame& outer, std::vector<Value> given) {
  const PreparedGraph& prepared = m_prepared.at(&graph);
  Frame inner(prepared);
  inner.outer = &outer;
  inner.opsets = outer.opsets;
  inner.depth = outer.depth + 1;
  if (given.size() > prepared.inputs.size()) {
    return Error{ErrorKind::failed, "a subgraph is given " + std::to_string(given.size()) +
                                        " values and takes " + std::to_string(prepared.inputs.size())};
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (prepared.inputs[i] != kNoSlot) {
      inner.set(prepared.inputs[i], std::move(given[i]));
    }
  }
  return this->graph(inner);
}

Result<std::vector<Value>> Run::call(const Function& function, const Node& node, const Frame& frame,
                                     std::vector<Value>& inputs) {
  const PreparedGraph& prepared = m_prepared.at(&function.body);
  Frame inner(prepared);
  inner.opsets = &function.opsets;
  inner.call = &node;
  inner.function = &function;
  inner.depth = frame.depth + 1;
  for (std::size_t i = 0; i < prepared.inputs.size(); ++i) {
    if (prepared.inputs[i] != kNoSlot) {
      inner.set(prepared.inputs[i], i < inputs.size() ? inputs[i] : Value());
    }
  }
  return graph(inner);
}

} // namespace halfstep
