#include "core/exec/gradients/backward.h"

#include "core/exec/gradients/gradient_rules.h"
#include "core/exec/gradients/gradient_steps.h"
#include "core/exec/prepared_graph.h"
#include "core/exec/widening.h"

#include "core/support/thread_limit.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <stdexcept>

namespace halfstep {

namespace {

bool isFloating(ElementType type) {
  return type == ElementType::float32 || type == ElementType::float64 || type == ElementType::float16 ||
         type == ElementType::bfloat16;
}

/// Whether what a node makes stays the same under small changes of what it takes: shapes, places, truth
/// values, whole numbers. (Codes of quantized values are no such thing: QuantizeLinear has a rule.)
bool isUnmoved(const Node& node) {
  constexpr std::string_view kUnmoved[] = {
      "And",  "ArgMax",      "ArgMin",  "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN",
      "Less", "LessOrEqual", "NonZero", "Not",   "Or",      "Shape",          "Size",  "Xor"};
  if (node.domain.empty() && node.opType == "Cast") {
    const auto type = elementTypeFromOnnx(node.integer("to", 0));
    return type && !isFloating(*type);
  }
  return node.domain.empty() &&
         std::find(std::begin(kUnmoved), std::end(kUnmoved), node.opType) != std::end(kUnmoved);
}

/// Which values move with those that `active` marks, which are marked in turn.
void spread(const PreparedGraph& graph, std::vector<bool>& active) {
  for (const PreparedNode& node : graph.nodes) {
    const bool depends = !isUnmoved(*node.node) && std::any_of(node.uses.begin(), node.uses.end(),
                                                               [&](Slot slot) { return active[slot]; });
    for (const Slot slot : node.outputs) {
      if (depends && slot != kNoSlot) {
        active[slot] = true;
      }
    }
  }
}

bool isFloating(const Value& value) {
  return value.isTensor() && (value.lazy() != nullptr || isFloating(value.tensor().type()));
}

/// All floats of other widths as float32.
Result<void> asSingles(std::vector<Value>& values) {
  for (Value& value : values) {
    if (value.isTensor() && value.lazy() == nullptr && value.tensor().type() == ElementType::float64) {
      HALFSTEP_TRY(Tensor single, asFloat32(value.tensor()));
      value = Value(std::move(single));
    }
  }
  HALFSTEP_CHECK(widenInputs(values));
  return {};
}

Shape shapeOf(const Value& value) {
  return value.lazy() != nullptr ? value.lazy()->shape() : value.tensor().shape();
}

/// Whether a node's gradients are worked out sooner than other threads wake up. Products and convolutions
/// take about √(|a|·|b|·|y|) multiplications for operands and a result of so many elements, the others a few
/// for each element.
bool isSmall(const Node& node, std::span<const Value> inputs, std::span<const Value> outputs) {
  double elements = 0.0;
  double product = 1.0;
  const auto count = [&](std::span<const Value> values, std::size_t factors) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double own = values[i].isTensor() ? static_cast<double>(values[i].tensor().count()) : 0.0;
      elements += own;
      product *= i < factors ? own : 1.0;
    }
  };
  count(inputs, 2);
  count(outputs, 1);
  constexpr std::string_view kProducts[] = {"Conv", "ConvTranspose", "Gemm", "MatMul"};
  const bool multiplies =
      std::find(std::begin(kProducts), std::end(kProducts), node.opType) != std::end(kProducts);
  constexpr double kMultiplications = 1 << 20;
  constexpr double kElements = 1 << 18;
  return multiplies ? std::sqrt(product) < kMultiplications : elements < kElements;
}

/// Gradients on their way back, by slot.
class BackwardWalk {
public:
  BackwardWalk(const PreparedGraph& graph, const std::vector<bool>& active, const std::vector<bool>& wanted,
               const std::map<std::string, Value>& values, const JobContext& job)
      : m_graph(graph)
      , m_active(active)
      , m_wanted(wanted)
      , m_values(values)
      , m_job(job)
      , m_gradients(graph.names.size()) {}

  /// One more part of the gradient at a value. An error at a value stays there.
  void arrive(Slot slot, Result<Tensor> part) {
    const OneThread few(!part || part->count() < std::size_t{1} << 18);
    std::optional<Result<Tensor>>& own = m_gradients[slot];
    if (!own) {
      own = std::move(part);
    } else if (own->has_value()) {
      own = part ? sumOf(**own, *part) : std::move(part);
    }
  }

  Result<void> run() {
    for (std::size_t i = m_graph.nodes.size(); i-- > 0;) {
      const PreparedNode& node = m_graph.nodes[i];
      const bool reached = std::any_of(node.outputs.begin(), node.outputs.end(), [&](Slot slot) {
        return slot != kNoSlot && m_gradients[slot].has_value();
      });
      const bool leadsOn =
          std::any_of(node.uses.begin(), node.uses.end(), [&](Slot slot) { return m_active[slot]; });
      if (!reached || !leadsOn) {
        continue;
      }
      HALFSTEP_CHECK(m_job.checkpoint());
      HALFSTEP_CHECK(through(node));
    }
    return {};
  }

  std::optional<Result<Tensor>> take(Slot slot) { return std::move(m_gradients[slot]); }

private:
  /// What went wrong, at everything that the node takes.
  void spoil(const PreparedNode& node, const Error& error) {
    for (const Slot slot : node.uses) {
      if (m_active[slot]) {
        arrive(slot, error);
      }
    }
  }

  Result<void> through(const PreparedNode& node) {
    for (const Slot slot : node.outputs) {
      if (slot != kNoSlot && m_gradients[slot] && !m_gradients[slot]->has_value()) {
        spoil(node, m_gradients[slot]->error());
        return {};
      }
    }
    auto made = gradientsOf(node);
    if (!made) {
      if (made.error().kind == ErrorKind::cancelled) {
        return made.error();
      }
      spoil(node, nodeError(*node.node, std::move(made.error())));
      return {};
    }
    for (std::size_t i = 0; i < made->size() && i < node.inputs.size(); ++i) {
      if ((*made)[i] && node.inputs[i] != kNoSlot && m_active[node.inputs[i]]) {
        arrive(node.inputs[i], std::move(*(*made)[i]));
      }
    }
    for (const Slot slot : node.outputs) { // nobody needs it any more, unless somebody asked for it
      if (slot != kNoSlot && !m_wanted[slot]) {
        m_gradients[slot].reset();
      }
    }
    return {};
  }

  Value valueOf(Slot slot) const {
    const auto found = slot != kNoSlot ? m_values.find(m_graph.names[slot]) : m_values.end();
    return found != m_values.end() ? found->second : Value();
  }

  Result<InputGradients> gradientsOf(const PreparedNode& node) {
    const GradientRule rule =
        node.function == nullptr ? findGradientRule(node.node->domain, node.node->opType) : nullptr;
    if (rule == nullptr || node.entry == nullptr) {
      return Error{ErrorKind::unsupported, "the operator has no gradient"};
    }
    std::vector<Value> inputs;
    std::vector<bool> wanted;
    for (const Slot slot : node.inputs) {
      inputs.push_back(valueOf(slot));
      wanted.push_back(slot != kNoSlot && m_active[slot] &&
                       (isFloating(inputs.back()) || node.node->opType == "DequantizeLinear"));
    }
    std::vector<Value> outputs;
    std::vector<std::optional<Tensor>> arriving;
    for (const Slot slot : node.outputs) {
      outputs.push_back(valueOf(slot));
      const bool has = slot != kNoSlot && m_gradients[slot];
      arriving.push_back(has ? std::optional<Tensor>(**m_gradients[slot]) : std::nullopt);
    }
    HALFSTEP_CHECK(asSingles(inputs));
    HALFSTEP_CHECK(asSingles(outputs));
    const OpCall::SubgraphRunner none = [](const Graph&, std::vector<Value>) -> Result<std::vector<Value>> {
      return Error{ErrorKind::unsupported, "subgraphs have no gradient"};
    };
    const OpCall call(*node.node, node.opset, inputs, m_job, none);
    const OneThread few(isSmall(*node.node, inputs, outputs));
    try {
      return rule(GradientCall{call, outputs, arriving, wanted});
    } catch (const std::bad_alloc&) {
      return Error{ErrorKind::failed, "there is not enough memory for its gradient"};
    } catch (const std::length_error&) {
      return Error{ErrorKind::failed, "there is not enough memory for its gradient"};
    } catch (const std::exception& exception) { // of a library, which refuses what it is given
      return Error{ErrorKind::failed, std::string("its gradient is refused: ") + exception.what()};
    }
  }

  const PreparedGraph& m_graph;
  const std::vector<bool>& m_active;
  const std::vector<bool>& m_wanted;
  const std::map<std::string, Value>& m_values;
  const JobContext& m_job;
  std::vector<std::optional<Result<Tensor>>> m_gradients;
};

} // namespace

Result<ForwardPass> ForwardPass::run(const Executor& executor, const std::map<std::string, Value>& inputs,
                                     std::vector<std::string> wanted, const JobContext& job) {
  const PreparedGraph& graph = executor.prepared();
  ForwardPass made;
  made.m_executor = &executor;
  made.m_active.assign(graph.names.size(), false);
  for (const std::string& name : wanted) {
    const Slot slot = graph.slotOf(name);
    if (slot == kNoSlot) {
      return Error{ErrorKind::usage, "the main graph has no value " + name};
    }
    made.m_active[slot] = true;
  }
  spread(graph, made.m_active);
  std::vector<bool> kept(graph.names.size(), false);
  const auto keep = [&](const std::vector<Slot>& slots) {
    for (const Slot slot : slots) {
      if (slot != kNoSlot) {
        kept[slot] = true;
      }
    }
  };
  for (const PreparedNode& node : graph.nodes) {
    if (std::any_of(node.uses.begin(), node.uses.end(), [&](Slot s) { return made.m_active[s]; })) {
      keep(node.inputs);
      keep(node.outputs);
    }
  }
  RunOptions options;
  options.keep = wanted;
  for (Slot slot = 0; slot < kept.size(); ++slot) {
    if (kept[slot]) {
      options.keep.push_back(graph.names[slot]);
    }
  }
  HALFSTEP_TRY(made.m_values, executor.run(inputs, job, options));
  made.m_wanted = std::move(wanted);
  return made;
}

Result<Gradients> ForwardPass::backward(const std::map<std::string, Tensor>& seeds,
                                        const JobContext& job) const {
  const PreparedGraph& graph = m_executor->prepared();
  std::vector<bool> wanted(graph.names.size(), false);
  for (const std::string& name : m_wanted) {
    wanted[graph.slotOf(name)] = true;
  }
  BackwardWalk walk(graph, m_active, wanted, m_values, job);
  for (const auto& [name, seed] : seeds) {
    const Slot slot = graph.slotOf(name);
    const auto value = m_values.find(name);
    if (slot == kNoSlot || value == m_values.end() || !isFloating(value->second) ||
        shapeOf(value->second) != seed.shape()) {
      return Error{ErrorKind::usage, "the gradient given for " + name + ", " + shapeText(seed.shape()) +
                                         ", does not fit an output of that name"};
    }
    HALFSTEP_TRY(Tensor widened, asFloat32(seed));
    walk.arrive(slot, std::move(widened));
  }
  HALFSTEP_CHECK(walk.run());
  Gradients gradients;
  for (const std::string& name : m_wanted) {
    std::optional<Result<Tensor>> made = walk.take(graph.slotOf(name));
    const auto value = m_values.find(name);
    if (made) {
      gradients.emplace(name, std::move(*made));
    } else if (value != m_values.end() && value->second.isTensor()) {
      gradients.emplace(name, zeros(shapeOf(value->second)));
    } else {
      gradients.emplace(name, Error{ErrorKind::failed, "it was not computed, so it has no gradient", name});
    }
  }
  return gradients;
}

Result<Gradients> gradients(const Executor& executor, const std::map<std::string, Value>& inputs,
                            const std::map<std::string, Tensor>& seeds, std::vector<std::string> wanted,
                            const JobContext& job) {
  HALFSTEP_TRY(const ForwardPass pass, ForwardPass::run(executor, inputs, std::move(wanted), job));
  return pass.backward(seeds, job);
}

} // namespace halfstep
