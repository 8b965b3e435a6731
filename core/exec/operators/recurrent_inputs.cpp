#include "core/exec/operators/recurrent_inputs.h"

#include "core/exec/rearrange.h"

#include <algorithm>

namespace halfstep {

namespace {

/// Input `index` if it is there; it must have that shape and the type of x.
Result<Tensor> optionalInput(const OpCall& call, std::size_t index, const Shape& shape, ElementType type) {
  if (!call.has(index)) {
    return Tensor();
  }
  HALFSTEP_TRY(Tensor tensor, call.tensor(index));
  if (tensor.shape() != shape || tensor.type() != type) {
    return call.fail("input " + std::to_string(index) + " is " + shapeText(tensor.shape()) + ", expected " +
                     shapeText(shape));
  }
  return tensor;
}

/// An X without elements may name absurd sizes; the others are as large as they say.
Result<void> checkedStates(const OpCall& call, const Recurrent& of) {
  constexpr std::size_t kMost = std::size_t{1} << 24;
  if (of.x.count() == 0 && (of.steps > kMost || of.batch > kMost)) {
    return call.fail("X is " + shapeText(of.x.shape()));
  }
  return {};
}

/// Sets the sizes from X, W and R.
Result<void> readSizes(const OpCall& call, Recurrent& of) {
  HALFSTEP_TRY(of.x, call.tensor(0));
  HALFSTEP_TRY(of.weights, call.tensor(1));
  HALFSTEP_TRY(of.recurrence, call.tensor(2));
  const Shape& r = of.recurrence.shape();
  if (of.x.shape().size() != 3 || of.weights.shape().size() != 3 || r.size() != 3) {
    return call.fail("X, W and R must have three dimensions");
  }
  if (of.batchFirst) {
    HALFSTEP_TRY(of.x, exchanged(of.x));
  }
  const Shape& x = of.x.shape();
  of.steps = static_cast<std::size_t>(x[0]);
  of.batch = static_cast<std::size_t>(x[1]);
  of.features = static_cast<std::size_t>(x[2]);
  of.hidden = static_cast<std::size_t>(r[2]);
  const std::int64_t rows = r[1];
  const auto directions = static_cast<std::int64_t>(of.directions);
  const auto gates = static_cast<std::int64_t>(gatesOf(of.cell));
  if (of.recurrence.count() == 0 || rows % gates != 0 || rows / gates != r[2] || r[0] != directions ||
      of.weights.shape() != Shape{directions, rows, x[2]} ||
      (call.hasAttribute("hidden_size") && call.integer("hidden_size", 0) != r[2])) {
    return call.fail("X " + shapeText(x) + ", W " + shapeText(of.weights.shape()) + " and R " + shapeText(r) +
                     " do not fit together");
  }
  HALFSTEP_CHECK(checkedStates(call, of));
  if (of.weights.type() != of.x.type() || of.recurrence.type() != of.x.type()) {
    return call.fail("X, W and R are of different types");
  }
  return {};
}

Result<void> readDirection(const OpCall& call, Recurrent& of) {
  const std::string direction = call.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    return call.fail("its direction is \"" + direction + "\"");
  }
  of.directions = direction == "bidirectional" ? 2 : 1;
  of.reversed = direction == "reverse";
  return {};
}

Result<void> readLengths(const OpCall& call, Recurrent& of) {
  if (!call.has(4)) {
    of.lengths.assign(of.batch, of.steps);
    return {};
  }
  HALFSTEP_TRY(const std::vector<std::int64_t> given, call.integers(4));
  if (given.size() != of.batch) {
    return call.fail("there are " + std::to_string(given.size()) + " sequence lengths for a batch of " +
                     std::to_string(of.batch));
  }
  for (const std::int64_t length : given) {
    if (length < 0 || static_cast<std::size_t>(length) > of.steps) {
      return call.fail("a sequence length is " + std::to_string(length) + " of " + std::to_string(of.steps));
    }
    of.lengths.push_back(static_cast<std::size_t>(length));
  }
  return {};
}

/// The inputs that may be left out.
Result<void> readOptional(const OpCall& call, Recurrent& of) {
  const auto directions = static_cast<std::int64_t>(of.directions);
  const auto hidden = static_cast<std::int64_t>(of.hidden);
  const auto batch = static_cast<std::int64_t>(of.batch);
  const auto gates = static_cast<std::int64_t>(gatesOf(of.cell));
  const ElementType type = of.x.type();
  const Shape state = of.batchFirst ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  HALFSTEP_TRY(of.biases, optionalInput(call, 3, (Shape{directions, 2 * gates * hidden}), type));
  HALFSTEP_TRY(of.initialHidden, optionalInput(call, 5, state, type));
  if (of.cell == Cell::lstm) {
    HALFSTEP_TRY(of.initialCell, optionalInput(call, 6, state, type));
    HALFSTEP_TRY(of.peepholes, optionalInput(call, 7, (Shape{directions, 3 * hidden}), type));
  }
  for (Tensor* const tensor : {&of.initialHidden, &of.initialCell}) {
    if (of.batchFirst && tensor->count() > 0) {
      HALFSTEP_TRY(*tensor, exchanged(*tensor));
    }
  }
  return {};
}

} // namespace

Result<Tensor> exchanged(const Tensor& tensor) {
  const std::size_t order[] = {1, 0, 2};
  return transposed(tensor, order);
}

Result<Recurrent> recurrentOf(const OpCall& call, Cell cell) {
  Recurrent of;
  of.cell = cell;
  of.batchFirst = call.integer("layout", 0) != 0;
  of.linearBeforeReset = call.integer("linear_before_reset", 0) != 0;
  of.coupled = call.integer("input_forget", 0) != 0;
  if (call.hasAttribute("clip")) {
    of.limit = static_cast<double>(call.real("clip", 0.0f));
    if (!(of.limit >= 0)) {
      return call.fail("its clip is negative");
    }
  }
  HALFSTEP_CHECK(readDirection(call, of));
  HALFSTEP_CHECK(readSizes(call, of));
  const std::vector<std::string> defaults = cell == Cell::rnn ? std::vector<std::string>{"Tanh"}
                                            : cell == Cell::gru
                                                ? std::vector<std::string>{"Sigmoid", "Tanh"}
                                                : std::vector<std::string>{"Sigmoid", "Tanh", "Tanh"};
  HALFSTEP_TRY(of.activations, recurrentActivations(call, defaults, of.directions));
  HALFSTEP_CHECK(readLengths(call, of));
  HALFSTEP_CHECK(readOptional(call, of));
  return of;
}

} // namespace halfstep
