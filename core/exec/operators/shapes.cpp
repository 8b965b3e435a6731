// Operators about shapes: they give the same elements another shape, or make tensors from shapes.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

OpResult identity(const OpCall& call) {
  if (!call.has(0)) {
    return call.fail("input 0 is missing");
  }
  return std::vector<Value>{call.input(0)};
}

OpResult constant(const OpCall& call) {
  std::optional<Tensor> value = constantNodeValue(call.node());
  if (!value) {
    return call.fail("it has no value");
  }
  return std::vector<Value>{std::move(*value)};
}

/// One element in the input's place: an attribute `value` of any type, float32 zero without it.
OpResult constantOfShape(const OpCall& call) {
  HALFSTEP_TRY(const Shape shape, call.integers(0));
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  HALFSTEP_TRY(Tensor value, scalarTensor(0.0f));
  if (const auto found = call.node().attributes.find("value"); found != call.node().attributes.end()) {
    const auto* tensor = std::get_if<Tensor>(&found->second);
    if (tensor == nullptr || tensor->count() != 1) {
      return call.fail("its value is no tensor of one element");
    }
    value = *tensor;
  }
  if (count > (std::size_t{1} << 40)) {
    return call.fail("the shape " + shapeText(shape) + " is too large");
  }
  const std::vector<std::int64_t> strides(shape.size(), 0);
  HALFSTEP_TRY(value, reshaped(value, Shape{}));
  return oneOutput(densified(value, shape, strides));
}

/// 0 copies the input's dimension (unless allowzero), −1 is what is left.
OpResult reshape(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  std::vector<std::int64_t> wanted = call.integers("shape"); // before opset 5
  if (call.version() >= 5) {
    HALFSTEP_TRY(wanted, call.integers(1));
  }
  const bool allowZero = call.integer("allowzero", 0) != 0;
  std::int64_t known = 1;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == 0 && !allowZero) {
      if (i >= data.shape().size()) {
        return call.fail("dimension " + std::to_string(i) + " cannot be copied: the input has none");
      }
      wanted[i] = data.shape()[i];
    }
    if (wanted[i] == -1) {
      if (open) {
        return call.fail("two dimensions are -1");
      }
      open = i;
    } else if (wanted[i] < 0 || __builtin_mul_overflow(known, wanted[i], &known)) {
      return call.fail("the shape " + shapeText(wanted) + " makes no sense");
    }
  }
  if (open) {
    const auto count = static_cast<std::int64_t>(data.count());
    if (known == 0 ? count != 0 : count % known != 0) {
      return call.fail("the shape " + shapeText(wanted) + " does not divide " + std::to_string(count) +
                       " elements");
    }
    wanted[*open] = known == 0 ? 0 : count / known;
  }
  return oneOutput(reshaped(data, wanted));
}

OpResult flatten(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  const std::size_t rank = data.shape().size();
  std::int64_t axis = call.integer("axis", 1);
  axis = axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
  if (axis < 0 || axis > static_cast<std::int64_t>(rank)) {
    return call.fail("axis " + std::to_string(axis) + " of " + std::to_string(rank) + " dimensions");
  }
  Shape shape{1, 1};
  for (std::size_t i = 0; i < rank; ++i) {
    shape[i < static_cast<std::size_t>(axis) ? 0 : 1] *= data.shape()[i];
  }
  return oneOutput(reshaped(data, shape));
}

/// Axes as attribute before opset 13, as input from then on.
Result<std::vector<std::int64_t>> axesOf(const OpCall& call) {
  return call.version() >= 13 && call.has(1) ? call.integers(1)
                                             : Result<std::vector<std::int64_t>>(call.integers("axes"));
}

OpResult squeeze(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const std::vector<std::int64_t> axes, axesOf(call));
  std::vector<bool> dropped(data.shape().size(), false);
  for (const std::int64_t axis : axes) {
    HALFSTEP_TRY(const std::size_t at, normalizedAxis(axis, data.shape().size()));
    if (data.shape()[at] != 1) {
      return call.fail("axis " + std::to_string(axis) + " has length " + std::to_string(data.shape()[at]));
    }
    dropped[at] = true;
  }
  Shape shape;
  for (std::size_t i = 0; i < data.shape().size(); ++i) {
    if (!(axes.empty() ? data.shape()[i] == 1 : dropped[i])) {
      shape.push_back(data.shape()[i]);
    }
  }
  return oneOutput(reshaped(data, shape));
}

OpResult unsqueeze(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const std::vector<std::int64_t> axes, axesOf(call));
  const std::size_t rank = data.shape().size() + axes.size();
  std::vector<bool> added(rank, false);
  for (const std::int64_t axis : axes) {
    HALFSTEP_TRY(const std::size_t at, normalizedAxis(axis, rank));
    if (added[at]) {
      return call.fail("axis " + std::to_string(axis) + " is named twice");
    }
    added[at] = true;
  }
  Shape shape;
  auto next = data.shape().begin();
  for (std::size_t i = 0; i < rank; ++i) {
    shape.push_back(added[i] ? 1 : *next++);
  }
  return oneOutput(reshaped(data, shape));
}

/// `start` and `end` (opset 15) cut the list of dimensions as in Python.
OpResult shapeOf(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  const auto rank = static_cast<std::int64_t>(data.shape().size());
  const auto clamped = [&](std::int64_t at) {
    return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const std::int64_t start = clamped(call.integer("start", 0));
  const std::int64_t end = clamped(call.integer("end", rank));
  return std::vector<Value>{
      integersTensor({data.shape().begin() + start, data.shape().begin() + std::max(start, end)})};
}

OpResult size(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  return oneOutput(scalarTensor(static_cast<std::int64_t>(data.count())));
}

OpResult expand(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const Shape wanted, call.integers(1));
  HALFSTEP_CHECK(elementCount(wanted));
  HALFSTEP_TRY(const Shape shape, broadcastShape(data.shape(), wanted));
  return oneOutput(broadcasted(data, shape));
}

OpResult range(const OpCall& call) {
  HALFSTEP_TRY(const Tensor start, call.tensor(0));
  HALFSTEP_TRY(const Tensor limit, call.tensor(1));
  HALFSTEP_TRY(const Tensor delta, call.tensor(2));
  for (const Tensor* tensor : {&start, &limit, &delta}) {
    if (tensor->count() != 1 || tensor->type() != start.type()) {
      return call.fail("start, limit and delta are not three numbers of one type");
    }
  }
  const double steps = std::ceil((limit.valueAt(0) - start.valueAt(0)) / delta.valueAt(0));
  if (std::isnan(steps) || steps > 1e12) {
    return call.fail("the range has no end");
  }
  const auto count = static_cast<std::int64_t>(std::max(0.0, steps));
  return dispatchNumbers(start.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    const T first = Elements<T>(start)[0];
    const T step = Elements<T>(delta)[0];
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>({count}));
    for (std::size_t i = 0; i < made.values.size(); ++i) {
      if constexpr (std::is_integral_v<T>) {
        using U = std::uint64_t; // wraps instead of overflowing
        made.values[i] = static_cast<T>(static_cast<U>(first) + static_cast<U>(i) * static_cast<U>(step));
      } else {
        made.values[i] = first + static_cast<T>(i) * step;
      }
    }
    return std::vector<Value>{made.finish()};
  });
}

OpResult eyeLike(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  if (data.shape().size() != 2) {
    return call.fail("it takes two dimensions");
  }
  const std::optional<ElementType> type =
      elementTypeFromOnnx(call.integer("dtype", static_cast<std::int64_t>(data.type())));
  const std::int64_t k = call.integer("k", 0);
  return dispatchNumbers(type.value_or(ElementType::undefined), [&]<class T>(TypeTag<T>) -> OpResult {
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(data.shape(), *type));
    const std::int64_t columns = data.shape()[1];
    for (std::size_t i = 0; i < made.values.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const double offset = static_cast<double>(at % columns) - static_cast<double>(at / columns);
      made.values[i] = offset == static_cast<double>(k) ? T{1} : T{0};
    }
    return std::vector<Value>{made.finish()};
  });
}

constexpr OperatorEntry kEntries[] = {
    {"", "Constant", constant}, {"", "ConstantOfShape", constantOfShape},
    {"", "Expand", expand},     {"", "EyeLike", eyeLike},
    {"", "Flatten", flatten},   {"", "Identity", identity},
    {"", "Range", range},       {"", "Reshape", reshape},
    {"", "Shape", shapeOf},     {"", "Size", size},
    {"", "Squeeze", squeeze},   {"", "Unsqueeze", unsqueeze},
};

} // namespace

std::span<const OperatorEntry> shapeOperators() {
  return kEntries;
}

} // namespace halfstep
