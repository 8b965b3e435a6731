// Sequences: making them, taking them apart, and joining tensors along an axis; optionals, whose empty value
// is an absent one.
#include "core/exec/operators/sequences.h"

#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"

#include <algorithm>

namespace halfstep {

namespace {

Result<std::vector<Value>> itemsOf(const OpCall& call, std::size_t index) {
  const Value value = call.input(index);
  if (!value.isSequence()) {
    return call.fail("input " + std::to_string(index) + " is no sequence");
  }
  return value.items();
}

constexpr std::int64_t kMostParts = std::int64_t{1} << 24;

/// A position counted from the end where negative. Error: not within 0…count−1.
Result<std::size_t> position(const OpCall& call, std::size_t index, std::size_t count) {
  HALFSTEP_TRY(const std::vector<std::int64_t> numbers, call.integers(index));
  const auto length = static_cast<std::int64_t>(count);
  if (numbers.size() != 1 || numbers[0] < -length || numbers[0] >= length) {
    return call.fail("its position lies outside a sequence of " + std::to_string(count));
  }
  return static_cast<std::size_t>(numbers[0] < 0 ? numbers[0] + length : numbers[0]);
}

} // namespace

OpResult sequenceConstruct(const OpCall& call) {
  for (std::size_t i = 0; i < call.inputCount(); ++i) {
    HALFSTEP_TRY(const Tensor item, call.tensor(i));
  }
  return std::vector<Value>{Value::sequence({call.inputs().begin(), call.inputs().end()})};
}

OpResult sequenceEmpty(const OpCall&) {
  return std::vector<Value>{Value::sequence({})};
}

OpResult sequenceAt(const OpCall& call) {
  HALFSTEP_TRY(const std::vector<Value> items, itemsOf(call, 0));
  HALFSTEP_TRY(const std::size_t at, position(call, 1, items.size()));
  return std::vector<Value>{items[at]};
}

/// Without a position, at the end; one past the last item is a position as well.
OpResult sequenceInsert(const OpCall& call) {
  HALFSTEP_TRY(std::vector<Value> items, itemsOf(call, 0));
  HALFSTEP_TRY(const Tensor item, call.tensor(1));
  std::size_t at = items.size();
  if (call.has(2)) {
    HALFSTEP_TRY(const std::vector<std::int64_t> numbers, call.integers(2));
    if (numbers.size() != 1 || numbers[0] != static_cast<std::int64_t>(items.size())) {
      HALFSTEP_TRY(at, position(call, 2, items.size()));
    }
  }
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(at), item);
  return std::vector<Value>{Value::sequence(std::move(items))};
}

/// Without a position, the last item.
OpResult sequenceErase(const OpCall& call) {
  HALFSTEP_TRY(std::vector<Value> items, itemsOf(call, 0));
  if (items.empty()) {
    return call.fail("the sequence is empty");
  }
  std::size_t at = items.size() - 1;
  if (call.has(1)) {
    HALFSTEP_TRY(at, position(call, 1, items.size()));
  }
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(at));
  return std::vector<Value>{Value::sequence(std::move(items))};
}

OpResult sequenceLength(const OpCall& call) {
  HALFSTEP_TRY(const std::vector<Value> items, itemsOf(call, 0));
  return oneOutput(scalarTensor<std::int64_t>(static_cast<std::int64_t>(items.size())));
}

/// The lengths of the parts: each one given, or of one length but for the last, or 1 without any.
OpResult splitToSequence(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", 0), data.shape().size()));
  const std::int64_t length = data.shape()[axis];
  std::vector<std::int64_t> parts;
  bool scalar = true;
  std::int64_t step = 1;
  if (call.has(1)) {
    HALFSTEP_TRY(const Tensor split, call.tensor(1));
    HALFSTEP_TRY(parts, toIntegers(split));
    scalar = split.shape().empty();
    step = scalar ? parts[0] : 1;
  }
  if (scalar) {
    if (step < 1 || length / step > kMostParts) {
      return call.fail("it cannot split into parts of " + std::to_string(step));
    }
    parts.clear();
    for (std::int64_t first = 0; first < length; first += std::min(step, length - first)) {
      parts.push_back(std::min(step, length - first));
    }
  }
  const bool squeeze = !call.has(1) && call.integer("keepdims", 1) == 0;
  std::vector<Value> items;
  std::int64_t first = 0;
  for (const std::int64_t part : parts) {
    if (part < 0 || part > length - first) {
      return call.fail("its parts do not fit " + shapeText(data.shape()));
    }
    HALFSTEP_TRY(Tensor item, sliced(data, axis, first, part));
    if (squeeze) {
      Shape shape = item.shape();
      shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
      HALFSTEP_TRY(item, reshaped(item, shape));
    }
    items.emplace_back(std::move(item));
    first += part;
  }
  if (first != length) {
    return call.fail("its parts do not fit " + shapeText(data.shape()));
  }
  return std::vector<Value>{Value::sequence(std::move(items))};
}

OpResult concatFromSequence(const OpCall& call) {
  HALFSTEP_TRY(const std::vector<Value> items, itemsOf(call, 0));
  const bool stack = call.integer("new_axis", 0) != 0;
  std::vector<Tensor> parts;
  for (const Value& item : items) {
    if (!item.isTensor()) {
      return call.fail("the sequence does not hold tensors");
    }
    parts.push_back(item.tensor());
  }
  if (parts.empty()) {
    return call.fail("the sequence is empty");
  }
  const std::size_t rank = parts.front().shape().size() + (stack ? 1 : 0);
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", 0), rank));
  for (Tensor& part : parts) {
    if (stack) {
      Shape shape = part.shape();
      if (axis > shape.size()) {
        return call.fail("the sequence's tensors are not of one shape");
      }
      shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), 1);
      HALFSTEP_TRY(part, reshaped(part, shape));
    }
  }
  return oneOutput(concatenated(parts, axis));
}

OpResult optionalOf(const OpCall& call) {
  return std::vector<Value>{call.input(0)};
}

OpResult optionalGetElement(const OpCall& call) {
  if (!call.has(0)) {
    return call.fail("the optional is empty");
  }
  return std::vector<Value>{call.input(0)};
}

OpResult optionalHasElement(const OpCall& call) {
  HALFSTEP_TRY(const auto made, newTensor<std::uint8_t>({}, ElementType::boolean));
  made.values[0] = call.has(0) ? 1 : 0;
  return std::vector<Value>{made.finish()};
}

} // namespace halfstep
