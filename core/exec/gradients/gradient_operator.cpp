#include "core/exec/gradients/gradient_operator.h"

#include "core/exec/gradients/backward.h"
#include "core/exec/gradients/gradient_steps.h"
#include "core/exec/operators/float_widths.h"

#include <algorithm>
#include <set>

namespace halfstep {

namespace {

/// The nodes of `graph` that lead from what `given` names to `y`, as a model of its own.
Result<std::shared_ptr<const Model>> functionOf(const OpCall& call, const Surroundings& around,
                                                const std::map<std::string, Value>& given,
                                                const std::string& y) {
  std::map<std::string, const Node*> producers;
  for (const Node& node : around.graph.nodes) {
    for (const std::string& output : node.outputs) {
      producers.emplace(output, &node);
    }
  }
  auto model = std::make_shared<Model>();
  model->opsets = around.opsets;
  model->functions = around.functions;
  std::set<std::string> seen;
  std::set<const Node*> taken;
  std::vector<std::string> open = {y};
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    if (name.empty() || given.contains(name) || !seen.insert(name).second) {
      continue;
    }
    if (const auto initializer = around.graph.initializers.find(name);
        initializer != around.graph.initializers.end()) {
      model->graph.addInitializer(name, initializer->second);
      continue;
    }
    const auto producer = producers.find(name);
    if (producer == producers.end()) {
      return call.fail("y depends on " + name + ", which neither xs nor zs name");
    }
    const Node& node = *producer->second;
    if (node.opType == call.node().opType && node.domain == call.node().domain) {
      return call.unsupported("derivatives of derivatives are not known");
    }
    if (taken.insert(&node).second) {
      model->graph.nodes.push_back(node);
      open.insert(open.end(), node.inputs.begin(), node.inputs.end());
    }
  }
  return std::shared_ptr<const Model>(std::move(model));
}

ValueInfo named(const std::string& name) {
  ValueInfo info;
  info.name = name;
  return info;
}

/// `gradient`, float32, of the type of what it is the gradient of.
Result<Tensor> ofType(const OpCall& call, const Tensor& gradient, ElementType type) {
  if (type == ElementType::float64) {
    const Elements<float> values(gradient);
    HALFSTEP_TRY(const auto made, newTensor<double>(gradient.shape()));
    std::copy(values.begin(), values.end(), made.values.begin());
    return made.finish();
  }
  if (type == ElementType::float32 || type == ElementType::float16 || type == ElementType::bfloat16) {
    return narrowedBack(gradient, type);
  }
  return call.fail("what it differentiates by is no floating-point tensor");
}

} // namespace

OpResult gradientOfGraph(const OpCall& call) {
  const Surroundings* around = call.surroundings();
  const std::vector<std::string> xs = call.texts("xs");
  const std::string y = call.text("y", "");
  if (around == nullptr || xs.empty() || y.empty()) {
    return call.fail("it does not say what to differentiate");
  }
  std::vector<std::string> names = xs;
  const std::vector<std::string> zs = call.texts("zs");
  names.insert(names.end(), zs.begin(), zs.end());
  if (names.size() != call.inputCount()) {
    return call.fail("it has " + std::to_string(call.inputCount()) + " inputs for " +
                     std::to_string(names.size()) + " names");
  }
  std::map<std::string, Value> given;
  for (std::size_t i = 0; i < names.size(); ++i) {
    HALFSTEP_TRY(given[names[i]], call.tensor(i));
  }
  HALFSTEP_TRY(const auto part, functionOf(call, *around, given, y));
  auto model = std::make_shared<Model>(*part);
  for (const auto& [name, value] : given) {
    model->graph.inputs.push_back(named(name));
  }
  model->graph.outputs.push_back(named(y));
  HALFSTEP_TRY(const Executor executor, Executor::create(model));
  HALFSTEP_TRY(const ForwardPass pass, ForwardPass::run(executor, given, xs, call.job()));
  const auto made = pass.values().find(y);
  if (made == pass.values().end() || !made->second.isTensor()) {
    return call.fail("y is no tensor");
  }
  HALFSTEP_TRY(Tensor ones, filled(made->second.tensor().shape(), [](std::size_t) { return 1.0f; }));
  HALFSTEP_TRY(const Gradients gradients, pass.backward({{y, std::move(ones)}}, call.job()));
  std::vector<Value> outputs(xs.size());
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (call.wants(i)) {
      HALFSTEP_TRY(const Tensor gradient, Result<Tensor>(gradients.at(xs[i])));
      HALFSTEP_TRY(outputs[i], ofType(call, gradient, given.at(xs[i]).tensor().type()));
    }
  }
  return outputs;
}

} // namespace halfstep
