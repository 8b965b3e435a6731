#include "core/analysis/layer_shapes.h"

#include "core/exec/operators/windows.h"
#include "core/exec/operators/worth_sharing.h"
#include "core/model/layer_finder.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace halfstep {

namespace {

std::int64_t product(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

/// The first call of one of a layer's nodes.
struct SeenCall {
  LayerUse use;
  std::vector<Shape> inputs; ///< of every input of the node; empty for what is left out
  std::int64_t calls = 0;
};

Shape valueShape(const Value& value) {
  if (const LazyTensor* lazy = value.lazy()) {
    return lazy->shape();
  }
  return value.isTensor() ? value.tensor().shape() : Shape{};
}

bool isConvolution(const LayerUse& use) {
  return use.node->opType == "Conv" || use.node->opType == "ConvTranspose";
}

std::optional<RecurrentCell> cellOf(const Node& node) {
  if (!node.domain.empty()) {
    return std::nullopt;
  }
  return node.opType == "RNN"    ? std::optional(RecurrentCell::rnn)
         : node.opType == "GRU"  ? std::optional(RecurrentCell::gru)
         : node.opType == "LSTM" ? std::optional(RecurrentCell::lstm)
                                 : std::nullopt;
}

/// The activations that oneDNN's cell of this kind has; an RNN may have Relu instead.
std::vector<std::string> activationsOf(RecurrentCell cell) {
  switch (cell) {
  case RecurrentCell::rnn:
    return {"Tanh"};
  case RecurrentCell::gru:
    return {"Sigmoid", "Tanh"};
  case RecurrentCell::lstm:
    return {"Sigmoid", "Tanh", "Tanh"};
  }
  return {};
}

/// As the node says; without a say, empty.
std::vector<std::string> activationNames(const Node& node) {
  const auto given = node.attributes.find("activations");
  const auto* names =
      given != node.attributes.end() ? std::get_if<std::vector<std::string>>(&given->second) : nullptr;
  return names != nullptr ? *names : std::vector<std::string>();
}

/// What keeps a recurrent node's matrices from being measured.
std::string problemOfRecurrence(const SeenCall& seen, RecurrentCell cell) {
  const auto isUsual = [](const Shape& shape) { return shape.size() == 3 && product(shape) > 0; };
  if (seen.inputs.size() < 3 || !std::all_of(seen.inputs.begin(), seen.inputs.begin() + 3, isUsual)) {
    return "it works on no elements";
  }
  const std::vector<std::string> usual = activationsOf(cell);
  const std::vector<std::string> names = activationNames(*seen.use.node);
  const bool rectifies = cell == RecurrentCell::rnn && !names.empty() && names[0] == "Relu";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != (rectifies ? "Relu" : usual[i % usual.size()])) {
      return "oneDNN has no " + seen.use.node->opType + " with the activation " + names[i];
    }
  }
  return {};
}

/// What keeps a layer from being measured, by its node alone; empty where nothing does.
std::string problemOf(const SeenCall& seen) {
  const Node& node = *seen.use.node;
  if (const auto cell = cellOf(node)) {
    return problemOfRecurrence(seen, *cell);
  }
  const bool known =
      node.domain.empty() && (isConvolution(seen.use) || node.opType == "Gemm" || node.opType == "MatMul");
  if (!known) {
    return "latency is measured for Conv, ConvTranspose, Gemm, MatMul, RNN, GRU and LSTM, not for " +
           node.opType;
  }
  if (seen.inputs.size() < 2 || seen.use.appliedTo < 0 || seen.use.appliedTo > 1) {
    return "its weights are not one of the two factors";
  }
  if (isConvolution(seen.use) && seen.use.appliedTo != 0) {
    return "its constant is the input, not the kernel";
  }
  const Shape& weight = seen.inputs[static_cast<std::size_t>(1 - seen.use.appliedTo)];
  if (!isConvolution(seen.use) && weight.size() != 2) {
    return "its weights are " + shapeText(weight) + ", not one matrix";
  }
  const auto isEmpty = [](const Shape& shape) { return product(shape) == 0; };
  return std::any_of(seen.inputs.begin(), seen.inputs.begin() + 2, isEmpty) ? "it works on no elements" : "";
}

void fillProduct(LayerShape& shape, const SeenCall& seen) {
  const Node& node = *seen.use.node;
  const bool weightIsRight = seen.use.appliedTo == 0;
  const bool gemm = node.opType == "Gemm";
  const bool transposed = gemm && node.integer(weightIsRight ? "transB" : "transA", 0) != 0;
  const std::size_t depthAxis = weightIsRight != transposed ? 0 : 1;
  shape.kind = LayerKind::product;
  shape.depth = shape.weight[depthAxis];
  shape.columns = shape.weight[1 - depthAxis];
  shape.rows = product(shape.input) / shape.depth;
  shape.macs = shape.rows * shape.depth * shape.columns;
  if (shape.output.empty()) {
    shape.output = {shape.rows, shape.columns};
  }
}

/// Padding of a transposed convolution that makes its sizes agree, whatever asked for them (output_padding,
/// output_shape, auto_pad).
void settlePadding(LayerShape& shape, const Windows& windows) {
  for (std::size_t axis = 0; axis < windows.rank(); ++axis) {
    const std::int64_t whole = (shape.input[axis + 2] - 1) * windows.strides[axis] + windows.reach(axis);
    shape.windows.after[axis] = whole - shape.windows.before[axis] - shape.output[axis + 2];
  }
}

Result<void> fillConvolution(LayerShape& shape, const SeenCall& seen, const JobContext& job) {
  const Node& node = *seen.use.node;
  const OpCall::SubgraphRunner none;
  const OpCall call(node, 1, {}, job, none);
  const std::vector<std::int64_t> spatial(shape.input.begin() + 2, shape.input.end());
  HALFSTEP_TRY(const Windows windows,
               windowsOf(call, {shape.weight.begin() + 2, shape.weight.end()}, spatial));
  shape.windows = {node.integer("group", 1), windows.strides, windows.dilations, windows.before,
                   windows.after};
  const bool transposed = node.opType == "ConvTranspose";
  if (shape.output.empty()) {
    if (transposed) {
      shape.left = "it is within a subgraph or a function, where its output is not seen";
      return {};
    }
    HALFSTEP_TRY(const std::vector<std::int64_t> counts, positions(call, windows, spatial, false));
    shape.output = {shape.input[0], shape.weight[0]};
    shape.output.insert(shape.output.end(), counts.begin(), counts.end());
  }
  shape.kind = transposed ? LayerKind::transposedConvolution : LayerKind::convolution;
  if (transposed) {
    settlePadding(shape, windows);
  }
  const std::int64_t perPosition = product(shape.weight) / shape.weight[0];
  shape.macs = perPosition * product(transposed ? shape.input : shape.output);
  return {};
}

/// The run has settled all sizes; the biases, peepholes and lengths of the node do not count.
void fillRecurrence(LayerShape& shape, const SeenCall& seen) {
  const Node& node = *seen.use.node;
  const Shape& x = seen.inputs[0];
  const std::size_t time = node.integer("layout", 0) != 0 ? 1 : 0;
  LayerRecurrence& own = shape.recurrence;
  own.cell = *cellOf(node);
  own.linearBeforeReset = node.integer("linear_before_reset", 0) != 0;
  const std::vector<std::string> activations = activationNames(node);
  own.rectifies = !activations.empty() && activations[0] == "Relu";
  own.steps = x[time];
  own.batch = x[1 - time];
  own.features = x[2];
  own.directions = seen.inputs[2][0];
  own.hidden = seen.inputs[2][2];
  shape.kind = LayerKind::recurrence;
  shape.input = x;
  shape.output = {own.steps, own.directions, own.batch, own.hidden};
  shape.macs = own.steps * own.batch * shape.parameters;
}

Result<LayerShape> shapeOfLayer(const Layer& layer, const SeenCall& seen,
                                const std::map<std::string, Shape>& values, const JobContext& job) {
  LayerShape shape;
  shape.name = layer.name;
  shape.op = layer.op;
  shape.parameters = static_cast<std::int64_t>(layer.parameters());
  shape.calls = seen.calls;
  if (seen.calls == 0) {
    shape.left = "the run did not reach it";
    return shape;
  }
  if (seen.use.appliedTo >= 0 && static_cast<std::size_t>(seen.use.appliedTo) < seen.inputs.size()) {
    shape.input = seen.inputs[static_cast<std::size_t>(seen.use.appliedTo)];
  }
  const Node& node = *seen.use.node;
  if (const auto output = values.find(node.outputs.empty() ? std::string() : node.outputs[0]);
      output != values.end()) {
    shape.output = output->second;
  }
  shape.left = problemOf(seen);
  if (!shape.left.empty()) {
    shape.weight = layer.weight.shape();
    return shape;
  }
  if (cellOf(node)) {
    shape.weight = layer.weight.shape();
    fillRecurrence(shape, seen);
    return shape;
  }
  shape.weight = seen.inputs[static_cast<std::size_t>(1 - seen.use.appliedTo)];
  if (isConvolution(seen.use)) {
    HALFSTEP_CHECK(fillConvolution(shape, seen, job));
  } else {
    fillProduct(shape, seen);
  }
  return shape;
}

} // namespace

std::int64_t LayerShape::inputElements() const {
  return product(input);
}

std::int64_t LayerShape::outputElements() const {
  return product(output);
}

std::int64_t LayerRecurrence::gates() const {
  return cell == RecurrentCell::rnn ? 1 : (cell == RecurrentCell::gru ? 3 : 4);
}

std::int64_t LayerRecurrence::macs() const {
  return steps * batch * directions * gates() * hidden * (features + hidden);
}

bool LayerShape::isWorthSharing() const {
  switch (kind) {
  case LayerKind::convolution:
  case LayerKind::transposedConvolution:
    return isConvolutionWorthSharing(weight, input, output);
  case LayerKind::product:
    return macs >= kProductWorthSharing;
  case LayerKind::recurrence: // what it does most often: the state's product of one step
    return recurrence.batch * recurrence.gates() * recurrence.hidden * recurrence.hidden >=
           kRecurrenceWorthSharing;
  case LayerKind::other:
    break;
  }
  return true;
}

LayerShape LayerShape::measuredAs() const {
  LayerShape whole = *this;
  if (kind == LayerKind::recurrence) {
    whole.macs = recurrence.macs();
    whole.parameters = whole.macs / (recurrence.steps * recurrence.batch);
  }
  return whole;
}

Result<std::vector<LayerShape>>
findLayerShapes(const Executor& executor, const std::map<std::string, Value>& inputs, const JobContext& job) {
  const Model& model = executor.model();
  const std::vector<std::vector<LayerUse>> uses = findLayerUses(model);
  std::vector<SeenCall> seen(uses.size());
  RunOptions options;
  // A node may use the weights of several layers (LSTM): all of them see its call.
  std::map<const Node*, std::vector<std::pair<std::size_t, LayerUse>>> users;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    for (const LayerUse& use : uses[i]) {
      users[use.node].emplace_back(i, use);
    }
  }
  for (const auto& [node, layers] : users) {
    options.edits[node] = [&seen, &layers = layers](std::span<Value> given) -> Result<void> {
      for (const auto& [index, use] : layers) {
        if (seen[index].calls++ == 0) {
          seen[index].use = use;
          std::transform(given.begin(), given.end(), std::back_inserter(seen[index].inputs), valueShape);
        }
      }
      return {};
    };
  }
  std::map<std::string, Shape> values;
  options.tap = [&](const std::string& name, Value& value) -> Result<void> {
    values[name] = valueShape(value);
    return {};
  };
  HALFSTEP_CHECK(executor.run(inputs, job, options));
  std::vector<LayerShape> shapes;
  std::map<const Node*, std::string> firstOf; // looked up only
  for (std::size_t i = 0; i < seen.size(); ++i) {
    HALFSTEP_TRY(LayerShape shape, shapeOfLayer(model.layers[i], seen[i], values, job));
    if (shape.kind == LayerKind::recurrence) {
      shape.recurrence.first = firstOf.emplace(seen[i].use.node, shape.name).first->second;
    }
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

Result<std::vector<LayerShape>> findLayerShapes(const Executor& executor, const SampleSource& samples,
                                                std::size_t index, const JobContext& job) {
  HALFSTEP_TRY(const auto inputs, samples.inputs(index));
  return findLayerShapes(executor, inputs, job);
}

} // namespace halfstep
