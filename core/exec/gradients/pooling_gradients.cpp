// Gradients of pooling and resizing.
#include "core/exec/gradients/gradient_steps.h"
#include "core/exec/operators/windows.h"

namespace halfstep {

namespace {

using Gradient = Result<InputGradients>;

/// The place that each maximum came from is what MaxPool's second output tells.
Gradient maxPool(const GradientCall& call) {
  HALFSTEP_TRY(const Tensor given, call.op.tensor(0));
  HALFSTEP_TRY(const Tensor arriving, call.first());
  Node node = call.op.node();
  node.outputs = {"y", "places"};
  node.attributes.erase("storage_order");
  HALFSTEP_TRY(const std::vector<Value> made, runOperator(call, node, call.op.inputs()));
  const Elements<std::int64_t> places(made.at(1).tensor());
  const Elements<float> dy(arriving);
  std::vector<float> sums(given.count(), 0.0f);
  for (std::size_t i = 0; i < dy.size(); ++i) {
    if (places[i] >= 0) {
      sums[static_cast<std::size_t>(places[i])] += dy[i];
    }
  }
  HALFSTEP_TRY(Tensor result, filled(given.shape(), [&](std::size_t i) { return sums[i]; }));
  return onlyFor(0, std::move(result));
}

/// Averages over windows are averages along one axis after the other: also their counts are products.
Gradient averagePool(const GradientCall& call) {
  HALFSTEP_TRY(const Tensor given, call.op.tensor(0));
  HALFSTEP_TRY(Tensor gradient, call.first());
  const Shape& shape = given.shape();
  const std::vector<std::int64_t> spatial(shape.begin() + 2, shape.end());
  HALFSTEP_TRY(const Windows windows, windowsOf(call.op, call.op.integers("kernel_shape"), spatial));
  const bool countsPadding = call.op.integer("count_include_pad", 0) != 0;
  for (std::size_t axis = 0; axis < spatial.size(); ++axis) {
    AxisMap map;
    for (std::int64_t o = 0; o < gradient.shape()[axis + 2]; ++o) {
      std::vector<AxisMap::Term> terms;
      std::int64_t count = 0;
      for (std::int64_t k = 0; k < windows.kernel[axis]; ++k) {
        const std::int64_t at =
            o * windows.strides[axis] - windows.before[axis] + k * windows.dilations[axis];
        const bool inside = at >= 0 && at < spatial[axis];
        if (inside) {
          terms.push_back({at, 0.0});
        }
        count += inside || (countsPadding && at < spatial[axis] + windows.after[axis]) ? 1 : 0;
      }
      for (AxisMap::Term& term : terms) {
        term.weight = 1.0 / static_cast<double>(count);
      }
      map.outputs.push_back(std::move(terms));
    }
    HALFSTEP_TRY(gradient, pulledBack(gradient, axis + 2, spatial[axis], map));
  }
  return onlyFor(0, std::move(gradient));
}

/// What Resize does along one axis, asked of Resize itself: unit vectors resized are its columns.
Result<AxisMap> resizingMap(const GradientCall& call, std::int64_t length, std::int64_t outputs,
                            double scale) {
  HALFSTEP_TRY(const NewTensor<float> identity, newTensor<float>({length, length}));
  for (std::size_t i = 0; i < identity.values.size(); ++i) {
    identity.values[i] = i % static_cast<std::size_t>(length + 1) == 0 ? 1.0f : 0.0f;
  }
  Node node = call.op.node();
  node.attributes.erase("axes");
  std::vector<Value> inputs = {identity.finish()};
  if (scale > 0.0) {
    HALFSTEP_TRY(const NewTensor<float> scales, newTensor<float>({2}));
    scales.values[0] = 1.0f;
    scales.values[1] = static_cast<float>(scale);
    if (call.op.version() >= 11) {
      inputs.emplace_back(); // no region
    }
    inputs.emplace_back(scales.finish());
  } else {
    inputs.insert(inputs.end(), {Value(), Value(), integersTensor({length, outputs})});
  }
  HALFSTEP_TRY(const std::vector<Value> made, runOperator(call, node, inputs));
  const Tensor& rows = made.front().tensor(); // [length, outputs]
  if (rows.shape() != Shape{length, outputs}) {
    return call.op.unsupported("its gradient is not known for these sizes");
  }
  const Elements<float> weights(rows);
  AxisMap map;
  map.outputs.resize(static_cast<std::size_t>(outputs));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] != 0.0f) {
      map.outputs[i % map.outputs.size()].push_back(
          {static_cast<std::int64_t>(i / map.outputs.size()), static_cast<double>(weights[i])});
    }
  }
  return map;
}

Gradient resize(const GradientCall& call) {
  HALFSTEP_TRY(const Tensor given, call.op.tensor(0));
  HALFSTEP_TRY(Tensor gradient, call.first());
  const bool isOld = call.op.version() < 11;
  if (call.op.text("coordinate_transformation_mode", "") == "tf_crop_and_resize" ||
      call.op.text("keep_aspect_ratio_policy", "stretch") != "stretch" || call.op.node().opType != "Resize") {
    return call.op.unsupported("its gradient is not known in this mode");
  }
  std::vector<float> scales;
  if (call.op.has(isOld ? 1 : 2)) {
    HALFSTEP_TRY(const Tensor factors, call.op.tensor(isOld ? 1 : 2));
    HALFSTEP_TRY(scales, toFloats(factors, call.op.job()));
  }
  const std::size_t rank = given.shape().size();
  std::vector<double> scaleOf(rank, scales.empty() ? 0.0 : 1.0);
  const std::vector<std::int64_t> named = call.op.integers("axes");
  for (std::size_t i = 0; i < scales.size(); ++i) {
    HALFSTEP_TRY(const std::size_t axis,
                 normalizedAxis(i < named.size() ? named[i] : static_cast<std::int64_t>(i), rank));
    scaleOf[axis] = static_cast<double>(scales[i]);
  }
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::int64_t length = given.shape()[axis];
    const std::int64_t outputs = gradient.shape()[axis];
    if (length == outputs && (scales.empty() || scaleOf[axis] == 1.0)) {
      continue;
    }
    HALFSTEP_TRY(const AxisMap map, resizingMap(call, length, outputs, scaleOf[axis]));
    HALFSTEP_TRY(gradient, pulledBack(gradient, axis, length, map));
  }
  return onlyFor(0, std::move(gradient));
}

constexpr GradientEntry kPoolingGradients[] = {
    {"", "AveragePool", averagePool},
    {"", "MaxPool", maxPool},
    {"", "Resize", resize},
};

} // namespace

std::span<const GradientEntry> poolingGradients() {
  return kPoolingGradients;
}

} // namespace halfstep
