// Operators that ONNX had as experimental up to opset 9 and that exported models of that time still hold.
// Source: onnx/docs/Operators.md of release 1.4.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/blocked_operators.h"
#include "core/exec/operators/blocked_tensor.h"
#include "core/exec/rearrange.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

/// out = f(x, channel) over [N, C, …].
template <class F>
OpResult perChannel(const OpCall& call, F f) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  if (data.type() != ElementType::float32 || data.shape().size() < 2) {
    return call.fail("it takes float32 with channels");
  }
  const auto channels = static_cast<std::size_t>(data.shape()[1]);
  const std::size_t planes = static_cast<std::size_t>(data.shape()[0]) * channels;
  const std::size_t size = planes == 0 ? 0 : data.count() / planes;
  const Elements<float> x(data);
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(data.shape()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    made.values[i] = f(x[i], i / size % channels);
  }
  return std::vector<Value>{made.finish()};
}

/// scale·x + bias[channel].
OpResult imageScaler(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  const std::vector<float> bias = call.reals("bias");
  if (data.shape().size() != 4 || bias.size() != static_cast<std::size_t>(data.shape()[1])) {
    return call.fail("its bias is not one number per channel");
  }
  const float scale = call.real("scale", 1.0f);
  return perChannel(call, [&](float x, std::size_t channel) { return scale * x + bias[channel]; });
}

OpResult affine(const OpCall& call) {
  const float alpha = call.real("alpha", 1.0f);
  const float beta = call.real("beta", 0.0f);
  return perChannel(call, [=](float x, std::size_t) { return alpha * x + beta; });
}

OpResult scaledTanh(const OpCall& call) {
  const float alpha = call.real("alpha", 1.0f);
  const float beta = call.real("beta", 1.0f);
  return perChannel(call, [=](float x, std::size_t) { return alpha * std::tanh(beta * x); });
}

OpResult parametricSoftplus(const OpCall& call) {
  const float alpha = call.real("alpha", 1.0f);
  const float beta = call.real("beta", 1.0f);
  return perChannel(call, [=](float x, std::size_t) { return alpha * std::log1p(std::exp(beta * x)); });
}

/// Cuts the border (left, top, right, bottom) off, or with `scale` keeps that height and width from there on.
OpResult crop(const OpCall& call) {
  HALFSTEP_TRY(const Shape whole, shapeOfInput(call, 0));
  const std::vector<std::int64_t> border = call.integers("border");
  const std::vector<std::int64_t> scale = call.integers("scale");
  if (whole.size() != 4 || border.size() != 4 || (!scale.empty() && scale.size() != 2)) {
    return call.fail("it takes four dimensions, a border of four numbers and a scale of two");
  }
  const auto inside = [](std::int64_t value) { return value >= 0 && value <= std::int64_t{1} << 31; };
  for (const auto& numbers : {border, scale}) {
    if (!std::all_of(numbers.begin(), numbers.end(), inside)) {
      return call.fail("its border or scale makes no sense");
    }
  }
  const std::int64_t height = scale.empty() ? whole[2] - border[1] - border[3] : scale[0];
  const std::int64_t width = scale.empty() ? whole[3] - border[0] - border[2] : scale[1];
  if (height >= 0 && width >= 0 && border[1] + height <= whole[2] && border[0] + width <= whole[3]) {
    if (auto blocked = blockedPart(call, {0, 0, border[1], border[0]}, {whole[0], whole[1], height, width})) {
      return std::move(*blocked);
    }
  }
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const Tensor rows, sliced(data, 2, border[1], height));
  HALFSTEP_TRY(Tensor result, sliced(rows, 3, border[0], width));
  return std::vector<Value>{std::move(result)};
}

constexpr OperatorEntry kEntries[] = {
    {"", "Affine", affine, Widening::floats},
    {"", "Crop", crop},
    {"", "ImageScaler", imageScaler, Widening::floats},
    {"", "ParametricSoftplus", parametricSoftplus, Widening::floats},
    {"", "ScaledTanh", scaledTanh, Widening::floats},
};

} // namespace

std::span<const OperatorEntry> experimentalOperators() {
  return kEntries;
}

} // namespace halfstep
