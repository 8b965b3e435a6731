// Gradients of operators that move elements, or do nothing to them. Which element of the result came from
// where is asked of the operator itself: it is run on tensors that hold positions instead of values.
#include "core/exec/gradients/gradient_steps.h"

#include "core/exec/rearrange.h"

#include <limits>
#include <numeric>

namespace halfstep {

namespace {

using Gradient = Result<InputGradients>;

/// The same elements in the same order.
Gradient unchanged(const GradientCall& call) {
  if (!call.wants(0)) {
    return InputGradients();
  }
  HALFSTEP_TRY(const Tensor arriving, call.first());
  HALFSTEP_TRY(const Tensor given, call.op.tensor(0));
  HALFSTEP_TRY(Tensor made, reshaped(arriving, given.shape()));
  return onlyFor(0, std::move(made));
}

Gradient cast(const GradientCall& call) {
  HALFSTEP_TRY(const Tensor result, call.result());
  if (result.type() != ElementType::float32) { // wider and narrower floats were made float32
    return call.op.unsupported("it makes " + std::string(elementTypeName(result.type())) +
                               ", which has no gradient");
  }
  return unchanged(call);
}

Gradient dropout(const GradientCall& call) {
  HALFSTEP_TRY(const Tensor given, call.op.tensor(0));
  HALFSTEP_TRY(const Tensor result, call.result());
  if (!std::equal(given.bytes().begin(), given.bytes().end(), result.bytes().begin(), result.bytes().end())) {
    return call.op.unsupported("it drops values, which has no gradient here");
  }
  return unchanged(call);
}

Gradient transpose(const GradientCall& call) {
  if (!call.wants(0)) {
    return InputGradients();
  }
  HALFSTEP_TRY(const Tensor arriving, call.first());
  const std::size_t rank = arriving.shape().size();
  const std::vector<std::int64_t> order = call.op.integers("perm");
  std::vector<std::size_t> back(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    HALFSTEP_TRY(const std::size_t axis,
                 normalizedAxis(order.empty() ? static_cast<std::int64_t>(rank - 1 - i) : order[i], rank));
    back[axis] = i;
  }
  HALFSTEP_TRY(Tensor made, transposed(arriving, back));
  return onlyFor(0, std::move(made));
}

/// The node's results with 1, 2, … in the place of input `input`'s elements and 0 in that of the other
/// inputs in `data`.
Result<std::vector<Value>> positions(const GradientCall& call, std::size_t input,
                                     const std::vector<std::size_t>& data) {
  std::vector<Value> inputs(call.op.inputs().begin(), call.op.inputs().end());
  for (const std::size_t other : data) {
    if (!call.op.has(other)) {
      continue;
    }
    HALFSTEP_TRY(const Tensor tensor, call.op.tensor(other));
    HALFSTEP_TRY(const NewTensor<std::int32_t> numbers, newTensor<std::int32_t>(tensor.shape()));
    if (numbers.values.size() >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
      return call.op.unsupported("it moves more elements than a gradient can");
    }
    if (other == input) {
      std::iota(numbers.values.begin(), numbers.values.end(), 1);
    } else {
      std::fill(numbers.values.begin(), numbers.values.end(), 0);
    }
    inputs[other] = Value(numbers.finish());
  }
  Node node = call.op.node();
  node.attributes.erase("value"); // that old forms of Pad fill with
  return runOperator(call, node, inputs);
}

/// `data`: the inputs whose elements are moved.
Gradient moved(const GradientCall& call, const std::vector<std::size_t>& data) {
  InputGradients made(call.op.inputCount());
  for (const std::size_t input : data) {
    if (!call.wants(input)) {
      continue;
    }
    HALFSTEP_TRY(const Tensor given, call.op.tensor(input));
    HALFSTEP_TRY(const std::vector<Value> origins, positions(call, input, data));
    std::vector<double> sums(given.count(), 0.0);
    for (std::size_t output = 0; output < origins.size() && output < call.arriving.size(); ++output) {
      if (!call.arrives(output)) {
        continue;
      }
      const Tensor& numbers = origins[output].tensor();
      const Elements<float> dy(*call.arriving[output]);
      if (numbers.type() != ElementType::int32 || numbers.count() != dy.size()) {
        return call.op.fail("it does not move positions as it moves values");
      }
      const Elements<std::int32_t> from(numbers);
      for (std::size_t i = 0; i < from.size(); ++i) {
        if (from[i] > 0) {
          sums[static_cast<std::size_t>(from[i]) - 1] += static_cast<double>(dy[i]);
        }
      }
    }
    HALFSTEP_TRY(made[input], filled(given.shape(), [&](std::size_t i) { return sums[i]; }));
  }
  return made;
}

Gradient first(const GradientCall& call) {
  return moved(call, {0});
}

Gradient all(const GradientCall& call) {
  std::vector<std::size_t> data(call.op.inputCount());
  std::iota(data.begin(), data.end(), std::size_t{0});
  return moved(call, data);
}

Gradient pad(const GradientCall& call) {
  return moved(call, {0, 2});
}

Gradient where(const GradientCall& call) {
  return moved(call, {1, 2});
}

Gradient scatter(const GradientCall& call) {
  if (call.op.text("reduction", "none") != "none") {
    return call.op.unsupported("its gradient is not known with a reduction");
  }
  return moved(call, {0, 2});
}

Gradient upsample(const GradientCall& call) {
  if (call.op.text("mode", "nearest") != "nearest") {
    return call.op.unsupported("its gradient is known for the mode nearest only");
  }
  return moved(call, {0});
}

/// Gathers along an axis, without numbering the whole table: most rows of an embedding are not looked at.
Gradient gather(const GradientCall& call) {
  if (!call.wants(0)) {
    return InputGradients();
  }
  HALFSTEP_TRY(const Tensor table, call.op.tensor(0));
  HALFSTEP_TRY(const Tensor arriving, call.first());
  HALFSTEP_TRY(const std::vector<std::int64_t> indices, call.op.integers(1));
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.op.integer("axis", 0), table.shape().size()));
  AxisMap map; // one index picks one slice
  const std::int64_t length = table.shape()[axis];
  for (const std::int64_t index : indices) {
    map.outputs.push_back({{index < 0 ? index + length : index, 1.0}});
  }
  Shape picked = table.shape();
  picked[axis] = static_cast<std::int64_t>(indices.size());
  HALFSTEP_TRY(const Tensor slices, reshaped(arriving, picked));
  HALFSTEP_TRY(Tensor made, pulledBack(slices, axis, length, map));
  return onlyFor(0, std::move(made));
}

/// Rounding to codes passes gradients on as if it were not there, but for values that saturated. Source: Y.
/// Bengio et al., "Estimating or propagating gradients through stochastic neurons", 2013 (straight-through).
Gradient quantize(const GradientCall& call) {
  if (!call.wants(0)) {
    return InputGradients();
  }
  HALFSTEP_TRY(const Tensor scale, call.op.tensor(1));
  HALFSTEP_TRY(const Tensor arriving, call.first());
  HALFSTEP_TRY(const Tensor codes, call.result());
  if (scale.count() != 1 || (codes.type() != ElementType::int8 && codes.type() != ElementType::uint8)) {
    return call.op.unsupported("its gradient is known for 8-bit codes with one scale only");
  }
  const bool isSigned = codes.type() == ElementType::int8;
  const Elements<std::uint8_t> stored(codes);
  const Elements<float> dy(arriving);
  const double step = scale.valueAt(0);
  HALFSTEP_TRY(Tensor made, filled(arriving.shape(), [&](std::size_t i) {
                 const std::uint8_t least = isSigned ? 0x80 : 0x00;
                 const std::uint8_t most = isSigned ? 0x7f : 0xff;
                 const bool saturated = stored[i] == least || stored[i] == most;
                 return saturated ? 0.0 : static_cast<double>(dy[i]) / step;
               }));
  return onlyFor(0, std::move(made));
}

Gradient dequantize(const GradientCall& call) {
  if (!call.wants(0)) {
    return InputGradients();
  }
  HALFSTEP_TRY(const Tensor scale, call.op.tensor(1));
  HALFSTEP_TRY(const Tensor arriving, call.first());
  if (scale.count() != 1) {
    return call.op.unsupported("its gradient is known for one scale only");
  }
  const Elements<float> dy(arriving);
  const double step = scale.valueAt(0);
  HALFSTEP_TRY(Tensor made,
               filled(arriving.shape(), [&](std::size_t i) { return static_cast<double>(dy[i]) * step; }));
  return onlyFor(0, std::move(made));
}

constexpr GradientEntry kMovementGradients[] = {
    {"", "Cast", cast},
    {"", "Concat", all},
    {"", "Crop", first},
    {"", "DepthToSpace", first},
    {"", "DequantizeLinear", dequantize},
    {"", "Dropout", dropout},
    {"", "Expand", first},
    {"", "Flatten", unchanged},
    {"", "Gather", gather},
    {"", "GatherElements", first},
    {"", "GatherND", first},
    {"", "Identity", unchanged},
    {"", "Pad", pad},
    {"", "QuantizeLinear", quantize},
    {"", "Reshape", unchanged},
    {"", "ScatterElements", scatter},
    {"", "ScatterND", scatter},
    {"", "Slice", first},
    {"", "SpaceToDepth", first},
    {"", "Split", first},
    {"", "Squeeze", unchanged},
    {"", "Tile", first},
    {"", "Transpose", transpose},
    {"", "Trilu", first},
    {"", "Unsqueeze", unchanged},
    {"", "Upsample", upsample},
    {"", "Where", where},
};

} // namespace

std::span<const GradientEntry> movementGradients() {
  return kMovementGradients;
}

} // namespace halfstep
