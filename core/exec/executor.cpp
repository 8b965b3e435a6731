#include "core/exec/executor.h"

#include "core/exec/operator_families.h"
#include "core/exec/widening.h"

#include <algorithm>
#include <deque>
#include <new>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

namespace halfstep {

struct PreparedGraph {
  std::vector<const Node*> order;
  /// Names a node takes, its subgraphs' outer values among them, without repetition; in the order of `order`.
  std::vector<std::vector<std::string>> uses;
  /// The names whose last use a node is.
  std::vector<std::vector<std::string>> released;
  /// For every node: the Relu that alone takes its only output, or null.
  std::vector<const Node*> relus;
};

/// What nodes keep between calls. Any thread.
class NodeMemories {
public:
  NodeMemory& of(const Node& node) {
    const std::lock_guard lock(m_mutex);
    return m_memories[&node];
  }

private:
  std::mutex m_mutex;
  std::map<const Node*, NodeMemory> m_memories;
};

namespace {

constexpr int kDeepest = 64; // subgraphs and function calls within each other

using Prepared = std::map<const Graph*, PreparedGraph>;

std::vector<const Graph*> subgraphsOf(const Node& node) {
  std::vector<const Graph*> graphs;
  for (const auto& [name, attribute] : node.attributes) {
    if (const auto* graph = std::get_if<std::shared_ptr<const Graph>>(&attribute)) {
      graphs.push_back(graph->get());
    } else if (const auto* several = std::get_if<std::vector<std::shared_ptr<const Graph>>>(&attribute)) {
      for (const auto& one : *several) {
        graphs.push_back(one.get());
      }
    }
  }
  std::erase(graphs, nullptr);
  return graphs;
}

/// The values that a graph takes from around it.
std::unordered_set<std::string> outerValues(const Graph& graph, int depth) {
  std::unordered_set<std::string> taken;
  std::unordered_set<std::string> own;
  for (const ValueInfo& input : graph.inputs) {
    own.insert(input.name);
  }
  for (const auto& [name, tensor] : graph.initializers) {
    own.insert(name);
  }
  for (const Node& node : graph.nodes) {
    own.insert(node.outputs.begin(), node.outputs.end());
    taken.insert(node.inputs.begin(), node.inputs.end());
    for (const Graph* inner : subgraphsOf(node)) {
      if (depth < kDeepest) {
        taken.merge(outerValues(*inner, depth + 1));
      }
    }
  }
  for (const ValueInfo& output : graph.outputs) { // a value from around it may be an output as it is
    taken.insert(output.name);
  }
  std::erase_if(taken, [&](const std::string& name) { return name.empty() || own.contains(name); });
  return taken;
}

Error nodeError(const Node& node, Error error) {
  if (error.kind != ErrorKind::cancelled && error.where.empty()) {
    error.where =
        "node " +
        (node.name.empty() ? (node.outputs.empty() ? "?" : "of " + node.outputs.front()) : node.name) + ", " +
        (node.domain.empty() ? "" : node.domain + ".") + node.opType;
  }
  return error;
}

/// Relus that can be done together with the node before them.
void findRelus(const Graph& graph, const std::unordered_map<std::string, std::size_t>& producers,
               PreparedGraph& prepared) {
  std::unordered_map<std::string, int> takers;
  for (const auto& names : prepared.uses) {
    for (const std::string& name : names) {
      ++takers[name];
    }
  }
  for (const ValueInfo& output : graph.outputs) {
    ++takers[output.name];
  }
  std::unordered_map<const Node*, const Node*> relus;
  for (const Node& node : graph.nodes) {
    if (node.opType != "Relu" || !node.domain.empty() || node.inputs.size() != 1 ||
        node.outputs.size() != 1) {
      continue;
    }
    const auto producer = producers.find(node.inputs[0]);
    if (producer != producers.end() && takers[node.inputs[0]] == 1 &&
        graph.nodes[producer->second].outputs.size() == 1) {
      relus[&graph.nodes[producer->second]] = &node;
    }
  }
  for (const Node* node : prepared.order) {
    const auto relu = relus.find(node);
    prepared.relus.push_back(relu != relus.end() ? relu->second : nullptr);
  }
}

/// Kahn's algorithm; nodes that are ready keep the file's order.
Result<PreparedGraph> ordered(const Graph& graph) {
  PreparedGraph prepared;
  std::unordered_map<std::string, std::size_t> producers;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& output : graph.nodes[i].outputs) {
      if (!output.empty() && !producers.emplace(output, i).second) {
        return Error{ErrorKind::damagedFile, "two nodes make the value " + output};
      }
    }
  }
  std::vector<std::vector<std::string>> uses(graph.nodes.size());
  std::vector<std::size_t> waitsFor(graph.nodes.size(), 0);
  std::vector<std::vector<std::size_t>> followers(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    std::unordered_set<std::string> taken(node.inputs.begin(), node.inputs.end());
    for (const Graph* inner : subgraphsOf(node)) {
      taken.merge(outerValues(*inner, 0));
    }
    taken.erase("");
    uses[i].assign(taken.begin(), taken.end());
    std::sort(uses[i].begin(), uses[i].end());
    for (const std::string& name : uses[i]) {
      if (const auto producer = producers.find(name); producer != producers.end()) {
        followers[producer->second].push_back(i);
        ++waitsFor[i];
      }
    }
  }
  std::deque<std::size_t> ready;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (waitsFor[i] == 0) {
      ready.push_back(i);
    }
  }
  while (!ready.empty()) {
    const std::size_t i = ready.front();
    ready.pop_front();
    prepared.order.push_back(&graph.nodes[i]);
    prepared.uses.push_back(std::move(uses[i]));
    for (const std::size_t follower : followers[i]) {
      if (--waitsFor[follower] == 0) {
        ready.push_back(follower);
      }
    }
  }
  if (prepared.order.size() < graph.nodes.size()) {
    const auto stuck = std::find_if(waitsFor.begin(), waitsFor.end(), [](std::size_t n) { return n > 0; });
    const Node& node = graph.nodes[static_cast<std::size_t>(stuck - waitsFor.begin())];
    return nodeError(node, {ErrorKind::damagedFile, "the graph has a cycle"});
  }
  std::unordered_set<std::string> later;
  for (const ValueInfo& output : graph.outputs) {
    later.insert(output.name);
  }
  findRelus(graph, producers, prepared);
  prepared.released.resize(prepared.order.size());
  for (std::size_t i = prepared.order.size(); i-- > 0;) {
    for (const std::string& name : prepared.uses[i]) {
      if (later.insert(name).second) {
        prepared.released[i].push_back(name);
      }
    }
  }
  return prepared;
}

Result<void> prepare(const Graph& graph, Prepared& prepared, int depth) {
  if (depth > kDeepest) {
    return Error{ErrorKind::unsupported, "subgraphs are nested too deeply"};
  }
  if (prepared.contains(&graph)) {
    return {};
  }
  HALFSTEP_TRY(PreparedGraph made, ordered(graph));
  for (const Node* node : made.order) {
    for (const Graph* inner : subgraphsOf(*node)) {
      HALFSTEP_CHECK(prepare(*inner, prepared, depth + 1));
    }
  }
  prepared.emplace(&graph, std::move(made));
  return {};
}

/// The values of one graph while it runs, within those of the graph around it.
struct Frame {
  const Graph* graph = nullptr;
  const Frame* outer = nullptr;
  const std::map<std::string, std::int64_t>* opsets = nullptr;
  const Node* call = nullptr; ///< of a function: whose attributes its nodes may refer to
  const Function* function = nullptr;
  int depth = 0;
  std::unordered_map<std::string, Value> values;

  /// Null if there is none.
  const Value* find(const std::string& name) const {
    for (const Frame* frame = this; frame != nullptr; frame = frame->outer) {
      if (const auto found = frame->values.find(name); found != frame->values.end()) {
        return &found->second;
      }
    }
    return nullptr;
  }
};

class Run {
public:
  Run(const Model& model, const Prepared& prepared, NodeMemories& memories, const JobContext& job,
      const RunOptions& options)
      : m_model(model)
      , m_prepared(prepared)
      , m_memories(memories)
      , m_job(job)
      , m_options(options)
      , m_kept(options.keep.begin(), options.keep.end()) {}

  /// Runs the graph of `frame`, whose inputs are in place; its outputs in order.
  Result<std::vector<Value>> graph(Frame& frame) {
    if (frame.depth > kDeepest) {
      return Error{ErrorKind::unsupported, "subgraphs and functions call each other too deeply"};
    }
    const Graph& graph = *frame.graph;
    for (const auto& [name, tensor] : graph.initializers) {
      frame.values.emplace(name, standIn(tensor)); // an input of the same name has the last word
    }
    const PreparedGraph& prepared = m_prepared.at(&graph);
    const bool isMain = frame.outer == nullptr && frame.function == nullptr;
    const std::vector<bool> needed = isMain ? neededNodes(prepared) : std::vector<bool>();
    std::unordered_set<const Node*> done; // together with the node before them
    for (std::size_t i = 0; i < prepared.order.size(); ++i) {
      const Node& node = *prepared.order[i];
      if (!needed.empty() && !needed[i]) {
        continue;
      }
      HALFSTEP_CHECK(m_job.checkpoint());
      if (done.erase(&node) > 0) {
        release(prepared.released[i], isMain, frame);
        continue;
      }
      // Whoever watches the values wants to see the one before the Relu too.
      const Node* relu = prepared.relus[i];
      if (isMain && relu != nullptr && (m_options.tap || isSeen(node.outputs[0]))) {
        relu = nullptr;
      }
      bool fused = relu != nullptr;
      auto outputs = this->node(node, frame, fused);
      if (!outputs) {
        return nodeError(node, std::move(outputs.error()));
      }
      replaceConstant(node, frame, *outputs);
      for (std::size_t k = 0; k < node.outputs.size() && k < outputs->size(); ++k) {
        if (node.outputs[k].empty()) {
          continue;
        }
        if (isMain && m_options.tap) {
          HALFSTEP_CHECK(m_options.tap(node.outputs[k], (*outputs)[k]));
        }
        const std::string& name = fused ? relu->outputs[k] : node.outputs[k];
        if (!isMain || !m_options.known.contains(name)) {
          frame.values[name] = std::move((*outputs)[k]);
        }
      }
      if (fused) {
        done.insert(relu);
      }
      release(prepared.released[i], isMain, frame);
    }
    std::vector<Value> results;
    for (const std::string& name : isMain ? wantedNames() : outputNames(graph)) {
      const Value* value = frame.find(name);
      if (value == nullptr) {
        return Error{ErrorKind::damagedFile, "nothing makes the output " + name};
      }
      results.push_back(*value);
    }
    return results;
  }

  /// What run() returns of the main graph, in order.
  std::vector<std::string> wantedNames() const {
    return m_options.wanted ? *m_options.wanted : outputNames(m_model.graph);
  }

private:
  static std::vector<std::string> outputNames(const Graph& graph) {
    std::vector<std::string> names;
    for (const ValueInfo& output : graph.outputs) {
      names.push_back(output.name);
    }
    return names;
  }

  /// Whether somebody outside looks at this value of the main graph.
  bool isSeen(const std::string& name) const {
    return m_kept.contains(name) ||
           (m_options.wanted &&
            std::find(m_options.wanted->begin(), m_options.wanted->end(), name) != m_options.wanted->end());
  }

  /// Which nodes of the main graph have to run for what is wanted, given what is known; empty for all.
  std::vector<bool> neededNodes(const PreparedGraph& prepared) const {
    if (m_options.known.empty() && !m_options.wanted) {
      return {};
    }
    std::unordered_set<std::string> wanted;
    for (const std::string& name : wantedNames()) {
      wanted.insert(name);
    }
    wanted.insert(m_kept.begin(), m_kept.end());
    std::vector<bool> needed(prepared.order.size(), false);
    for (std::size_t i = prepared.order.size(); i-- > 0;) {
      const auto& outputs = prepared.order[i]->outputs;
      needed[i] = std::any_of(outputs.begin(), outputs.end(), [&](const std::string& name) {
        return wanted.contains(name) && !m_options.known.contains(name);
      });
      if (needed[i]) {
        wanted.insert(prepared.uses[i].begin(), prepared.uses[i].end());
      }
    }
    return needed;
  }

  /// `tensor`, a constant of the model, or what stands in for it.
  const Tensor& standIn(const Tensor& tensor) const {
    const auto found = m_options.constants.find(tensor.bytes().data());
    return found != m_options.constants.end() && !tensor.bytes().empty() ? found->second : tensor;
  }

  /// The same for constants that nodes make.
  void replaceConstant(const Node& node, const Frame& frame, std::vector<Value>& outputs) const {
    if (m_options.constants.empty() || outputs.empty() || !outputs[0].isTensor() || !node.domain.empty()) {
      return;
    }
    if (node.opType == "Constant") {
      outputs[0] = standIn(outputs[0].tensor());
    } else if (node.opType == "DequantizeLinear") {
      const Value* codes = frame.find(node.inputs[0]);
      if (codes != nullptr && codes->isTensor()) {
        const auto found = m_options.constants.find(codes->tensor().bytes().data());
        outputs[0] = found != m_options.constants.end() ? Value(found->second) : outputs[0];
      }
    }
  }

  void release(const std::vector<std::string>& names, bool isMain, Frame& frame) const {
    for (const std::string& name : names) {
      if (!isMain || !isSeen(name)) {
        frame.values.erase(name);
      }
    }
  }

  /// `fused`: whether a Relu is to be done with it; afterwards whether it was.
  Result<std::vector<Value>> node(const Node& original, const Frame& frame, bool& fused) {
    const bool wanted = std::exchange(fused, false);
    // Within a function attributes may stand for those of the call.
    Node resolved;
    const Node* node = &original;
    if (!original.referredAttributes.empty()) {
      resolved = original;
      for (const auto& [own, callers] : original.referredAttributes) {
        resolve(frame, own, callers, resolved);
      }
      node = &resolved;
    }
    std::vector<Value> inputs;
    for (const std::string& name : node->inputs) {
      const Value* value = name.empty() ? nullptr : frame.find(name);
      if (value == nullptr && !name.empty()) {
        return Error{ErrorKind::damagedFile, "nothing makes its input " + name};
      }
      inputs.push_back(value != nullptr ? *value : Value());
    }
    if (const auto edit = m_options.edits.find(&original); edit != m_options.edits.end()) {
      HALFSTEP_CHECK(edit->second(inputs));
    }
    const std::string& domain = node->domain == "ai.onnx" ? std::string() : node->domain;
    for (const Function& function : m_model.functions) {
      if (function.domain == node->domain && function.name == node->opType &&
          function.overload == node->overload) {
        return call(function, *node, frame, inputs);
      }
    }
    const auto version = frame.opsets->find(domain);
    const std::int64_t opset = version != frame.opsets->end() ? version->second : 1;
    const OperatorEntry* entry = findOperator(domain, node->opType, opset);
    if (entry == nullptr) {
      return Error{ErrorKind::unsupported, "the operator is not supported"};
    }
    const OpCall::SubgraphRunner subgraphs = [&](const Graph& graph, std::vector<Value> given) {
      return subgraph(graph, frame, std::move(given));
    };
    fused = wanted && entry->activation == Activation::fusesRelu;
    try {
      ElementType narrow = ElementType::undefined;
      if (entry->widening == Widening::floats) {
        HALFSTEP_TRY(narrow, widenInputs(inputs));
      }
      OpCall call(*node, opset, inputs, m_job, subgraphs);
      call.setMemory(node == &original ? &m_memories.of(original) : nullptr);
      call.setEndsInRelu(fused);
      HALFSTEP_TRY(std::vector<Value> outputs, entry->function(call));
      HALFSTEP_CHECK(narrowOutputs(outputs, narrow));
      return outputs;
    } catch (const std::bad_alloc&) {
      return Error{ErrorKind::failed, "there is not enough memory for it"};
    } catch (const std::length_error&) { // of a vector: absurdly large
      return Error{ErrorKind::failed, "there is not enough memory for it"};
    }
  }

  static void resolve(const Frame& frame, const std::string& own, const std::string& callers, Node& node) {
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

  Result<std::vector<Value>> subgraph(const Graph& graph, const Frame& outer, std::vector<Value> given) {
    Frame inner{&graph, &outer, outer.opsets, nullptr, nullptr, outer.depth + 1, {}};
    if (given.size() > graph.inputs.size()) {
      return Error{ErrorKind::failed, "a subgraph is given " + std::to_string(given.size()) +
                                          " values and takes " + std::to_string(graph.inputs.size())};
    }
    for (std::size_t i = 0; i < given.size(); ++i) {
      inner.values[graph.inputs[i].name] = std::move(given[i]);
    }
    return this->graph(inner);
  }

  Result<std::vector<Value>> call(const Function& function, const Node& node, const Frame& frame,
                                  std::vector<Value>& inputs) {
    Frame inner{&function.body, nullptr, &function.opsets, &node, &function, frame.depth + 1, {}};
    for (std::size_t i = 0; i < function.body.inputs.size(); ++i) {
      inner.values[function.body.inputs[i].name] = i < inputs.size() ? inputs[i] : Value();
    }
    return graph(inner);
  }

  const Model& m_model;
  const Prepared& m_prepared;
  NodeMemories& m_memories;
  const JobContext& m_job;
  const RunOptions& m_options;
  std::unordered_set<std::string> m_kept;
};

} // namespace

Result<Executor> Executor::create(std::shared_ptr<const Model> model) {
  Executor executor;
  auto prepared = std::make_shared<Prepared>();
  HALFSTEP_CHECK(prepare(model->graph, *prepared, 0));
  for (const Function& function : model->functions) {
    HALFSTEP_CHECK(prepare(function.body, *prepared, 0));
  }
  executor.m_model = std::move(model);
  executor.m_prepared = std::move(prepared);
  executor.m_memories = std::make_shared<NodeMemories>();
  return executor;
}

Result<std::map<std::string, Value>> Executor::run(const std::map<std::string, Value>& inputs,
                                                   const JobContext& job, const RunOptions& options) const {
  const Graph& graph = m_model->graph;
  Frame frame;
  frame.graph = &graph;
  frame.opsets = &m_model->opsets;
  for (const ValueInfo& input : graph.inputs) {
    const auto given = inputs.find(input.name);
    if (given == inputs.end() && input.container != "optional") {
      return Error{ErrorKind::usage, "the input " + input.name + " is missing"};
    }
    Value value = given != inputs.end() ? given->second : Value();
    if (options.tap) {
      HALFSTEP_CHECK(options.tap(input.name, value));
    }
    frame.values[input.name] = std::move(value);
  }
  for (const auto& [name, value] : inputs) { // initializers may be given other values
    if (graph.initializers.contains(name)) {
      frame.values[name] = value;
    }
  }
  for (const auto& [name, value] : options.known) {
    frame.values[name] = value;
  }
  Run run(*m_model, *m_prepared, *m_memories, job, options);
  HALFSTEP_TRY(std::vector<Value> outputs, run.graph(frame));
  const std::vector<std::string> names = run.wantedNames();
  std::map<std::string, Value> results;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    results[names[i]] = std::move(outputs[i]);
  }
  for (const std::string& name : options.keep) {
    if (const Value* value = frame.find(name)) {
      results[name] = *value;
    }
  }
  return results;
}

} // namespace halfstep
