// Gradients of normalizations, with respect to their data, scale and bias.
#include "core/exec/gradients/gradient_steps.h"
#include "core/exec/operators/axis_rows.h"

#include <cmath>
#include <functional>

namespace halfstep {

namespace {

using Gradient = Result<InputGradients>;

/// Contiguous rows that are normalized, with a scale for every element of a row.
struct Rows {
  Tensor data;
  Tensor scale;
  std::size_t length = 0;
  bool centred = true;
  double epsilon = 0.0;
  std::size_t biasInput = 2;
  /// Which number of the scale and the bias belongs to element i of row r.
  std::function<std::size_t(std::size_t row, std::size_t i)> parameter;
};

/// dx = (g − mean(g) − n·mean(g·n)) / s for the normalized values n and g = dy·scale; without the mean where
/// rows are not centred.
Gradient throughRows(const GradientCall& call, const Rows& rows) {
  HALFSTEP_TRY(const Tensor arriving, call.first());
  const Elements<float> x(rows.data);
  const Elements<float> dy(arriving);
  const Elements<float> scale(rows.scale);
  HALFSTEP_TRY(const NewTensor<float> dx, newTensor<float>(rows.data.shape()));
  const std::size_t length = rows.length;
  const std::size_t count = length == 0 ? 0 : x.size() / length;
  std::vector<float> normalized(x.size());
  forRows(count, length, [&](std::size_t row) {
    const std::size_t start = row * length;
    const double n = static_cast<double>(length);
    double mean = 0.0;
    for (std::size_t i = 0; i < length && rows.centred; ++i) {
      mean += static_cast<double>(x[start + i]);
    }
    mean /= n;
    double squares = 0.0;
    for (std::size_t i = 0; i < length; ++i) {
      const double off = static_cast<double>(x[start + i]) - mean;
      squares += off * off;
    }
    const double inverse = 1.0 / std::sqrt(squares / n + rows.epsilon);
    double gradients = 0.0;
    double products = 0.0;
    for (std::size_t i = 0; i < length; ++i) {
      const double value = (static_cast<double>(x[start + i]) - mean) * inverse;
      const double g =
          static_cast<double>(dy[start + i]) * static_cast<double>(scale[rows.parameter(row, i)]);
      normalized[start + i] = static_cast<float>(value);
      gradients += g;
      products += g * value;
    }
    gradients = rows.centred ? gradients / n : 0.0;
    products /= n;
    for (std::size_t i = 0; i < length; ++i) {
      const double value = (static_cast<double>(x[start + i]) - mean) * inverse;
      const double g =
          static_cast<double>(dy[start + i]) * static_cast<double>(scale[rows.parameter(row, i)]);
      dx.values[start + i] = static_cast<float>((g - gradients - value * products) * inverse);
    }
  });
  InputGradients made(rows.biasInput + 1);
  made[0] = dx.finish();
  const auto summed = [&](std::size_t input, const auto& part) -> Result<void> {
    if (!call.wants(input)) {
      return {};
    }
    HALFSTEP_TRY(const Tensor parameters, call.op.tensor(input));
    std::vector<double> sums(scale.size(), 0.0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      sums[rows.parameter(i / length, i % length)] += part(i);
    }
    if (parameters.count() != sums.size()) {
      return call.op.unsupported("its gradient is not known for a repeated scale or bias");
    }
    HALFSTEP_TRY(made[input], filled(parameters.shape(), [&](std::size_t i) { return sums[i]; }));
    return {};
  };
  HALFSTEP_CHECK(summed(
      1, [&](std::size_t i) { return static_cast<double>(dy[i]) * static_cast<double>(normalized[i]); }));
  HALFSTEP_CHECK(summed(rows.biasInput, [&](std::size_t i) { return static_cast<double>(dy[i]); }));
  return made;
}

double epsilonOf(const GradientCall& call) {
  return static_cast<double>(call.op.real("epsilon", 1e-5f));
}

Gradient layers(const GradientCall& call, bool centred) {
  Rows rows;
  HALFSTEP_TRY(rows.data, call.op.tensor(0));
  HALFSTEP_TRY(rows.scale, call.op.tensor(1));
  const Shape& shape = rows.data.shape();
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.op.integer("axis", -1), shape.size()));
  HALFSTEP_TRY(rows.length,
               elementCount(Shape(shape.begin() + static_cast<std::ptrdiff_t>(axis), shape.end())));
  const std::size_t scales = rows.scale.count();
  if (scales != rows.length && scales != 1) {
    return call.op.unsupported("its gradient is known for one scale for each element of a row only");
  }
  rows.centred = centred;
  rows.epsilon = epsilonOf(call);
  rows.parameter = [scales](std::size_t, std::size_t i) { return scales == 1 ? 0 : i; };
  return throughRows(call, rows);
}

Gradient layerNormalization(const GradientCall& call) {
  return layers(call, true);
}

Gradient rmsNormalization(const GradientCall& call) {
  return layers(call, false);
}

Gradient channelGroups(const GradientCall& call, std::int64_t groups) {
  Rows rows;
  HALFSTEP_TRY(rows.data, call.op.tensor(0));
  HALFSTEP_TRY(rows.scale, call.op.tensor(1));
  const Shape& shape = rows.data.shape();
  if (shape.size() < 2 || groups < 1 || shape[1] % groups != 0) {
    return call.op.fail("its data is " + shapeText(shape));
  }
  HALFSTEP_TRY(const std::size_t inner, elementCount(Shape(shape.begin() + 2, shape.end())));
  const auto ofGroups = static_cast<std::size_t>(groups);
  const std::size_t perGroup = static_cast<std::size_t>(shape[1]) / ofGroups;
  const bool perChannel = rows.scale.count() == static_cast<std::size_t>(shape[1]);
  if (!perChannel && rows.scale.count() != ofGroups) {
    return call.op.fail("its scale is " + shapeText(rows.scale.shape()));
  }
  rows.length = perGroup * inner;
  rows.epsilon = epsilonOf(call);
  rows.parameter = [=](std::size_t row, std::size_t i) {
    const std::size_t group = row % ofGroups;
    return perChannel ? group * perGroup + i / inner : group;
  };
  return throughRows(call, rows);
}

Gradient instanceNormalization(const GradientCall& call) {
  HALFSTEP_TRY(const Tensor data, call.op.tensor(0));
  return channelGroups(call, data.shape().size() < 2 ? 0 : data.shape()[1]);
}

Gradient groupNormalization(const GradientCall& call) {
  return channelGroups(call, call.op.integer("num_groups", 0));
}

/// As inference has it: y = (x − mean)·scale/√(variance + ε) + bias with constant mean and variance.
Gradient batchNormalization(const GradientCall& call) {
  if (call.wants(3) || call.wants(4) || call.op.integer("training_mode", 0) != 0) {
    return call.op.unsupported("its gradient is known for constant means and variances only");
  }
  HALFSTEP_TRY(const Tensor data, call.op.tensor(0));
  HALFSTEP_TRY(const Tensor arriving, call.first());
  std::vector<std::vector<float>> parameters; // scale, bias, mean, variance
  for (std::size_t input = 1; input <= 4; ++input) {
    HALFSTEP_TRY(const Tensor given, call.op.tensor(input));
    HALFSTEP_TRY(std::vector<float> values, toFloats(given, call.op.job()));
    parameters.push_back(std::move(values));
  }
  const std::size_t channels = data.shape().size() < 2 ? 1 : static_cast<std::size_t>(data.shape()[1]);
  if (parameters[0].size() != channels) {
    return call.op.unsupported("its gradient is known for one scale per channel only");
  }
  const std::size_t samples = data.shape().empty() ? 1 : static_cast<std::size_t>(data.shape()[0]);
  const std::size_t inner = data.count() / std::max<std::size_t>(channels * samples, 1);
  std::vector<double> inverse(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    inverse[c] = 1.0 / std::sqrt(static_cast<double>(parameters[3][c]) + epsilonOf(call));
  }
  const auto channelOf = [=](std::size_t i) { return inner == 0 ? 0 : i / inner % channels; };
  const Elements<float> x(data);
  const Elements<float> dy(arriving);
  InputGradients made(3);
  if (call.wants(0)) {
    HALFSTEP_TRY(made[0], filled(data.shape(), [&](std::size_t i) {
                   const std::size_t c = channelOf(i);
                   return static_cast<double>(dy[i]) * static_cast<double>(parameters[0][c]) * inverse[c];
                 }));
  }
  std::vector<double> scale(channels, 0.0);
  std::vector<double> bias(channels, 0.0);
  for (std::size_t i = 0; i < x.size() && (call.wants(1) || call.wants(2)); ++i) {
    const std::size_t c = channelOf(i);
    const double off = static_cast<double>(x[i]) - static_cast<double>(parameters[2][c]);
    scale[c] += static_cast<double>(dy[i]) * off * inverse[c];
    bias[c] += static_cast<double>(dy[i]);
  }
  const Shape shape{static_cast<std::int64_t>(channels)};
  if (call.wants(1)) {
    HALFSTEP_TRY(made[1], filled(shape, [&](std::size_t c) { return scale[c]; }));
  }
  if (call.wants(2)) {
    HALFSTEP_TRY(made[2], filled(shape, [&](std::size_t c) { return bias[c]; }));
  }
  return made;
}

constexpr GradientEntry kNormalizationGradients[] = {
    {"", "BatchNormalization", batchNormalization},
    {"", "GroupNormalization", groupNormalization},
    {"", "InstanceNormalization", instanceNormalization},
    {"", "LayerNormalization", layerNormalization},
    {"", "RMSNormalization", rmsNormalization},
    {"", "SimplifiedLayerNormalization", rmsNormalization},
    {"com.microsoft", "SimplifiedLayerNormalization", rmsNormalization},
};

} // namespace

std::span<const GradientEntry> normalizationGradients() {
  return kNormalizationGradients;
}

} // namespace halfstep
