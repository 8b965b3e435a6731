// If, Loop, Scan and SequenceMap: operators that run subgraphs.
#include "core/exec/operator_families.h"
#include "core/exec/operators/results.h"
#include "core/exec/operators/sequences.h"
#include "core/exec/rearrange.h"

#include <algorithm>
#include <limits>

namespace halfstep {

namespace {

Result<bool> truth(const OpCall& call, const Value& value) {
  if (!value.isTensor() || value.tensor().type() != ElementType::boolean || value.tensor().count() != 1) {
    return call.fail("a condition is not one boolean");
  }
  return value.tensor().valueAt(0) != 0;
}

OpResult choose(const OpCall& call) {
  HALFSTEP_TRY(const bool condition, truth(call, call.input(0)));
  HALFSTEP_TRY(const auto branch, call.graph(condition ? "then_branch" : "else_branch"));
  return call.run(*branch, {});
}

/// The values of all turns along a new axis at `axis`. Without any there is no shape to go by but the
/// graph's.
Result<Tensor> stacked(const OpCall& call, const std::vector<Tensor>& values, const ValueInfo& info,
                       std::size_t axis) {
  if (values.empty()) {
    Shape shape{0};
    for (const Dimension& dimension : info.shape) {
      shape.push_back(std::max<std::int64_t>(dimension.value, 0));
    }
    if (axis >= shape.size()) {
      return call.fail("an output has no axis " + std::to_string(axis));
    }
    std::rotate(shape.begin(), shape.begin() + 1, shape.begin() + 1 + static_cast<std::ptrdiff_t>(axis));
    if (info.type == ElementType::string) {
      return Tensor::ofStrings(shape, {});
    }
    return Tensor::own(info.type == ElementType::undefined ? ElementType::float32 : info.type, shape, {});
  }
  if (axis > values.front().shape().size()) {
    return call.fail("an output has no axis " + std::to_string(axis));
  }
  std::vector<Tensor> parts;
  for (const Tensor& value : values) {
    if (value.shape() != values.front().shape()) {
      return call.fail("the turns make values of different shapes");
    }
    Shape shape = value.shape();
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    HALFSTEP_TRY(Tensor part, reshaped(value, shape));
    parts.push_back(std::move(part));
  }
  return concatenated(parts, axis);
}

/// Inputs: the most turns (none: no limit), the first condition (none: true), the carried values. The body
/// takes the turn's number, the condition and the carried values, and makes the condition, the carried values
/// and the values to be stacked.
OpResult loop(const OpCall& call) {
  HALFSTEP_TRY(const auto body, call.graph("body"));
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
  if (call.has(0)) {
    HALFSTEP_TRY(const std::vector<std::int64_t> numbers, call.integers(0));
    if (numbers.size() != 1) {
      return call.fail("the number of turns is not one number");
    }
    most = numbers[0];
  }
  bool go = true;
  if (call.has(1)) {
    HALFSTEP_TRY(go, truth(call, call.input(1)));
  }
  const std::size_t carriedCount = call.inputCount() > 2 ? call.inputCount() - 2 : 0;
  if (body->outputs.size() < 1 + carriedCount) {
    return call.fail("the body makes too few values");
  }
  std::vector<Value> carried(call.inputs().end() - static_cast<std::ptrdiff_t>(carriedCount),
                             call.inputs().end());
  std::vector<std::vector<Tensor>> scanned(body->outputs.size() - 1 - carriedCount);
  for (std::int64_t turn = 0; turn < most && go; ++turn) {
    HALFSTEP_CHECK(call.job().checkpoint());
    HALFSTEP_TRY(Tensor number, scalarTensor<std::int64_t>(turn));
    HALFSTEP_TRY(const auto condition, newTensor<std::uint8_t>({}, ElementType::boolean));
    condition.values[0] = 1;
    std::vector<Value> given{std::move(number), condition.finish()};
    given.insert(given.end(), carried.begin(), carried.end());
    given.resize(std::min(given.size(), body->inputs.size()));
    HALFSTEP_TRY(std::vector<Value> made, call.run(*body, std::move(given)));
    if (made.size() != body->outputs.size()) {
      return call.fail("the body makes too few values");
    }
    HALFSTEP_TRY(go, truth(call, made[0]));
    for (std::size_t i = 0; i < carriedCount; ++i) {
      carried[i] = made[1 + i];
    }
    for (std::size_t i = 0; i < scanned.size(); ++i) {
      const Value& value = made[1 + carriedCount + i];
      if (!value.isTensor()) {
        return call.fail("the body's output " + body->outputs[1 + carriedCount + i].name + " is no tensor");
      }
      scanned[i].push_back(value.tensor());
    }
  }
  std::vector<Value> results = std::move(carried);
  for (std::size_t i = 0; i < scanned.size(); ++i) {
    HALFSTEP_TRY(Tensor result, stacked(call, scanned[i], body->outputs[1 + carriedCount + i], 0));
    results.emplace_back(std::move(result));
  }
  return results;
}

/// What one run of Scan's body over a sequence needs.
struct ScanPlan {
  std::shared_ptr<const Graph> body;
  std::vector<Value> states;
  std::vector<Tensor> inputs;
  std::vector<std::size_t> axes; ///< of the inputs
  std::vector<bool> backwards;
  std::int64_t length = 0;
  std::vector<std::int64_t> outputAxes;
  std::vector<bool> prepended; ///< of the outputs
};

/// `tensor` at `index` of `axis`, without the axis.
Result<Tensor> taken(const Tensor& tensor, std::size_t axis, std::int64_t index) {
  HALFSTEP_TRY(const Tensor part, sliced(tensor, axis, index, 1));
  Shape shape = part.shape();
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  return reshaped(part, shape);
}

/// The final states and the stacked outputs.
OpResult scanOnce(const OpCall& call, ScanPlan plan) {
  const Graph& body = *plan.body;
  const std::size_t states = plan.states.size();
  if (body.outputs.size() < states || body.inputs.size() != states + plan.inputs.size()) {
    return call.fail("the body does not fit the inputs");
  }
  std::vector<std::vector<Tensor>> scanned(body.outputs.size() - states);
  for (std::int64_t turn = 0; turn < plan.length; ++turn) {
    HALFSTEP_CHECK(call.job().checkpoint());
    std::vector<Value> given = plan.states;
    for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
      const std::int64_t at = plan.backwards[i] ? plan.length - 1 - turn : turn;
      HALFSTEP_TRY(Tensor part, taken(plan.inputs[i], plan.axes[i], at));
      given.emplace_back(std::move(part));
    }
    HALFSTEP_TRY(std::vector<Value> made, call.run(body, std::move(given)));
    if (made.size() != body.outputs.size()) {
      return call.fail("the body makes too few values");
    }
    for (std::size_t i = 0; i < scanned.size(); ++i) {
      if (!made[states + i].isTensor()) {
        return call.fail("the body's output " + body.outputs[states + i].name + " is no tensor");
      }
      scanned[i].push_back(made[states + i].tensor());
    }
    made.resize(states);
    plan.states = std::move(made);
  }
  std::vector<Value> results = std::move(plan.states);
  for (std::size_t i = 0; i < scanned.size(); ++i) {
    if (plan.prepended[i]) {
      std::reverse(scanned[i].begin(), scanned[i].end());
    }
    const ValueInfo& info = body.outputs[states + i];
    const std::size_t rank = scanned[i].empty() ? info.shape.size() : scanned[i].front().shape().size();
    HALFSTEP_TRY(const std::size_t axis, normalizedAxis(plan.outputAxes[i], rank + 1));
    HALFSTEP_TRY(Tensor result, stacked(call, scanned[i], info, axis));
    results.emplace_back(std::move(result));
  }
  return results;
}

/// The numbers of an attribute, `count` of them; zeros without it.
Result<std::vector<std::int64_t>> listed(const OpCall& call, std::string_view name, std::size_t count) {
  std::vector<std::int64_t> values = call.integers(name);
  if (values.empty()) {
    values.assign(count, 0);
  }
  if (values.size() != count) {
    return call.fail("the attribute " + std::string(name) + " does not have " + std::to_string(count) +
                     " numbers");
  }
  return values;
}

std::vector<bool> flags(const std::vector<std::int64_t>& values) {
  std::vector<bool> set;
  for (const std::int64_t value : values) {
    set.push_back(value != 0);
  }
  return set;
}

/// Scan from opset 9 on: states, then inputs, each scanned along an axis of its own.
OpResult scan(const OpCall& call) {
  ScanPlan plan;
  HALFSTEP_TRY(plan.body, call.graph("body"));
  const std::int64_t count = call.integer("num_scan_inputs", 0);
  if (count < 1 || count > static_cast<std::int64_t>(call.inputCount())) {
    return call.fail("it scans " + std::to_string(count) + " inputs of " + std::to_string(call.inputCount()));
  }
  const std::size_t scans = static_cast<std::size_t>(count);
  const std::size_t states = call.inputCount() - scans;
  plan.states.assign(call.inputs().begin(), call.inputs().begin() + static_cast<std::ptrdiff_t>(states));
  if (plan.body->outputs.size() < states) {
    return call.fail("the body makes too few values");
  }
  const std::size_t outputs = plan.body->outputs.size() - states;
  HALFSTEP_TRY(const std::vector<std::int64_t> axes, listed(call, "scan_input_axes", scans));
  HALFSTEP_TRY(const std::vector<std::int64_t> directions, listed(call, "scan_input_directions", scans));
  HALFSTEP_TRY(plan.outputAxes, listed(call, "scan_output_axes", outputs));
  HALFSTEP_TRY(const std::vector<std::int64_t> ends, listed(call, "scan_output_directions", outputs));
  plan.backwards = flags(directions);
  plan.prepended = flags(ends);
  for (std::size_t i = 0; i < scans; ++i) {
    HALFSTEP_TRY(const Tensor input, call.tensor(states + i));
    HALFSTEP_TRY(const std::size_t axis, normalizedAxis(axes[i], input.shape().size()));
    if (i > 0 && input.shape()[axis] != plan.length) {
      return call.fail("its inputs are not of one length");
    }
    plan.length = input.shape()[axis];
    plan.inputs.push_back(input);
    plan.axes.push_back(axis);
  }
  return scanOnce(call, std::move(plan));
}

/// The plan for batch entry `entry` of the Scan of opset 8. `length` is the whole sequences'.
Result<ScanPlan> batchPlan(const OpCall& call, const std::shared_ptr<const Graph>& body, std::size_t states,
                           const std::vector<std::int64_t>& directions, std::int64_t entry) {
  ScanPlan plan;
  plan.body = body;
  plan.backwards = flags(directions);
  plan.outputAxes.assign(body->outputs.size() - states, 0);
  plan.prepended.assign(body->outputs.size() - states, false);
  for (std::size_t i = 1; i < call.inputCount(); ++i) {
    HALFSTEP_TRY(const Tensor whole, call.tensor(i));
    HALFSTEP_TRY(Tensor part, taken(whole, 0, entry));
    if (i <= states) {
      plan.states.emplace_back(std::move(part));
      continue;
    }
    if (part.shape().empty() || (!plan.inputs.empty() && part.shape()[0] != plan.length)) {
      return call.fail("its inputs are not of one length");
    }
    plan.length = part.shape()[0];
    plan.axes.push_back(0);
    plan.inputs.push_back(std::move(part));
  }
  return plan;
}

/// `tensor` with zeros up to `length` along its first axis.
Result<Tensor> extended(const Tensor& tensor, std::int64_t length) {
  if (tensor.shape().empty() || tensor.shape()[0] >= length || tensor.count() == 0) {
    return tensor;
  }
  Shape shape = tensor.shape();
  shape[0] = length;
  std::vector<std::int64_t> from(static_cast<std::size_t>(length), -1);
  for (std::int64_t i = 0; i < tensor.shape()[0]; ++i) {
    from[static_cast<std::size_t>(i)] = i;
  }
  return rearranged(tensor, shape, dimensionsProduct(shape, 1, shape.size()), from);
}

/// Scan of opset 8: an optional input with the sequences' lengths comes first, and every value has a batch
/// axis before its others.
OpResult batchedScan(const OpCall& call) {
  HALFSTEP_TRY(const auto body, call.graph("body"));
  const std::int64_t count = call.integer("num_scan_inputs", 0);
  if (count < 1 || count >= static_cast<std::int64_t>(call.inputCount())) {
    return call.fail("it scans " + std::to_string(count) + " inputs of " + std::to_string(call.inputCount()));
  }
  const std::size_t states = call.inputCount() - 1 - static_cast<std::size_t>(count);
  if (body->outputs.size() < states) {
    return call.fail("the body makes too few values");
  }
  HALFSTEP_TRY(const auto directions, listed(call, "directions", static_cast<std::size_t>(count)));
  HALFSTEP_TRY(const Tensor last, call.tensor(call.inputCount() - 1));
  if (last.shape().size() < 2 || last.shape()[0] < 1) {
    return call.fail("it has no batch");
  }
  std::vector<std::int64_t> lengths(dimensionOf(last.shape(), 0), last.shape()[1]);
  if (call.has(0)) {
    HALFSTEP_TRY(lengths, call.integers(0));
  }
  if (lengths.size() != dimensionOf(last.shape(), 0)) {
    return call.fail("it does not have a length for each batch entry");
  }
  std::vector<std::vector<Tensor>> results(body->outputs.size());
  for (std::size_t entry = 0; entry < lengths.size(); ++entry) {
    HALFSTEP_TRY(ScanPlan plan, batchPlan(call, body, states, directions, static_cast<std::int64_t>(entry)));
    if (lengths[entry] < 0 || lengths[entry] > plan.length) {
      return call.fail("a sequence is longer than the input");
    }
    const std::int64_t whole = plan.length;
    plan.length = lengths[entry];
    HALFSTEP_TRY(const std::vector<Value> made, scanOnce(call, std::move(plan)));
    for (std::size_t i = 0; i < made.size() && i < results.size(); ++i) {
      if (!made[i].isTensor()) {
        return call.fail("the body makes something else than tensors");
      }
      HALFSTEP_TRY(Tensor result, i < states ? made[i].tensor() : extended(made[i].tensor(), whole));
      results[i].push_back(std::move(result));
    }
  }
  std::vector<Value> outputs;
  for (std::size_t i = 0; i < results.size(); ++i) {
    HALFSTEP_TRY(Tensor output, stacked(call, results[i], body->outputs[i], 0));
    outputs.emplace_back(std::move(output));
  }
  return outputs;
}

/// Runs the body for the items of the first sequence; other sequences go along, other values stay.
OpResult sequenceMap(const OpCall& call) {
  HALFSTEP_TRY(const auto body, call.graph("body"));
  if (!call.input(0).isSequence()) {
    return call.fail("its first input is no sequence");
  }
  const std::size_t count = call.input(0).items().size();
  for (const Value& input : call.inputs()) {
    if (input.isSequence() && input.items().size() != count) {
      return call.fail("its sequences are not of one length");
    }
  }
  std::vector<std::vector<Value>> results(body->outputs.size());
  for (std::size_t i = 0; i < count; ++i) {
    HALFSTEP_CHECK(call.job().checkpoint());
    std::vector<Value> given;
    for (const Value& input : call.inputs()) {
      given.push_back(input.isSequence() ? input.items()[i] : input);
    }
    HALFSTEP_TRY(const std::vector<Value> made, call.run(*body, std::move(given)));
    for (std::size_t k = 0; k < results.size() && k < made.size(); ++k) {
      results[k].push_back(made[k]);
    }
  }
  std::vector<Value> outputs;
  for (std::vector<Value>& result : results) {
    outputs.push_back(Value::sequence(std::move(result)));
  }
  return outputs;
}

constexpr OperatorEntry kEntries[] = {
    {"", "ConcatFromSequence", concatFromSequence},
    {"", "If", choose},
    {"", "Loop", loop},
    {"", "Optional", optionalOf},
    {"", "OptionalGetElement", optionalGetElement},
    {"", "OptionalHasElement", optionalHasElement},
    {"", "Scan", batchedScan},
    {"", "Scan", scan, Widening::none, 9},
    {"", "SequenceAt", sequenceAt},
    {"", "SequenceConstruct", sequenceConstruct},
    {"", "SequenceEmpty", sequenceEmpty},
    {"", "SequenceErase", sequenceErase},
    {"", "SequenceInsert", sequenceInsert},
    {"", "SequenceLength", sequenceLength},
    {"", "SequenceMap", sequenceMap},
    {"", "SplitToSequence", splitToSequence},
};

} // namespace

std::span<const OperatorEntry> controlFlowOperators() {
  return kEntries;
}

} // namespace halfstep
