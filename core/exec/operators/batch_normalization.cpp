// BatchNormalization in all its versions. Its statistics may be of another type than its data.
#include "core/exec/operators/batch_normalization.h"
#include "core/exec/operators/blocked_operators.h"

#include "core/exec/operators/axis_rows.h"
#include "core/exec/operators/float_widths.h"

namespace halfstep {

namespace {

struct Statistics {
  std::vector<double> mean;
  std::vector<double> variance;
};

/// The inputs beside the data, one value per channel.
struct ChannelParameters {
  std::vector<double> scale;
  std::vector<double> bias;
  Statistics given;
  Tensor meanInput; ///< whose type and shape the running statistics have
  Tensor varianceInput;
};

/// The data as outer × channels × inner. Without `spatial` (before opset 9) every position of a sample is a
/// channel by itself; a single dimension is one channel.
Result<AxisRows> channelRows(const OpCall& call, const Shape& shape) {
  if (shape.empty()) {
    return call.fail("its data is a scalar");
  }
  if (shape.size() == 1) {
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(shape[0], 0));
    return AxisRows{count, 1, 1, count};
  }
  const bool spatial = call.version() >= 9 || call.integer("spatial", 1) != 0;
  return axisRows(shape, 1, spatial ? 1 : shape.size() - 1);
}

Result<ChannelParameters> channelParameters(const OpCall& call, std::size_t channels) {
  ChannelParameters parameters;
  std::vector<double>* const targets[] = {&parameters.scale, &parameters.bias, &parameters.given.mean,
                                          &parameters.given.variance};
  for (std::size_t i = 0; i < 4; ++i) {
    HALFSTEP_TRY(const Tensor tensor, call.tensor(i + 1));
    if (tensor.count() != channels || !isFloatingPoint(tensor.type())) {
      return call.fail("input " + std::to_string(i + 1) + " is " + shapeText(tensor.shape()) + " for " +
                       std::to_string(channels) + " channels");
    }
    *targets[i] = doublesOf(tensor);
    if (i == 2) {
      parameters.meanInput = tensor;
    } else if (i == 3) {
      parameters.varianceInput = tensor;
    }
  }
  return parameters;
}

/// The mean and the (population) variance of each channel.
template <class T>
Statistics measured(const T* data, const AxisRows& around) {
  Statistics measured{std::vector<double>(around.length), std::vector<double>(around.length)};
  const auto count = static_cast<double>(around.rows);
  forRows(around.length, around.rows, [&](std::size_t channel) {
    const auto sum = [&](auto f) {
      double total = 0;
      for (std::size_t row = 0; row < around.rows; ++row) {
        total += f(static_cast<double>(data[around.start(row) + channel * around.inner]));
      }
      return total;
    };
    const double mean = sum([](double x) { return x; }) / count;
    measured.mean[channel] = mean;
    measured.variance[channel] = sum([mean](double x) { return (x - mean) * (x - mean); }) / count;
  });
  return measured;
}

/// y = scale · (x − mean) / √(variance + ε) + bias
template <class T>
Result<Tensor> applied(const Elements<T>& data, const Shape& shape, const AxisRows& around,
                       const ChannelParameters& parameters, const Statistics& by, double epsilon) {
  HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape));
  forRows(data.size() == 0 ? 0 : around.outer * around.length, around.inner, [&](std::size_t row) {
    const std::size_t channel = row % around.length;
    const double factor = parameters.scale[channel] / std::sqrt(by.variance[channel] + epsilon);
    for (std::size_t i = row * around.inner; i < (row + 1) * around.inner; ++i) {
      made.values[i] = static_cast<T>((static_cast<double>(data[i]) - by.mean[channel]) * factor +
                                      parameters.bias[channel]);
    }
  });
  return made.finish();
}

/// From opset 14 on an attribute says whether this is training; before, the outputs beside the first do.
bool isTraining(const OpCall& call) {
  if (call.version() >= 14) {
    return call.integer("training_mode", 0) != 0;
  }
  return call.wants(1) || call.wants(2) || call.wants(3) || call.wants(4);
}

/// The running statistics, and before opset 14 those of the batch.
Result<void> addStatistics(const OpCall& call, const ChannelParameters& parameters, const Statistics& batch,
                           std::vector<Value>& outputs) {
  const auto momentum = static_cast<double>(call.real("momentum", 0.9f));
  const auto running = [&](const std::vector<double>& before, const std::vector<double>& now) {
    std::vector<double> mixed(before.size());
    for (std::size_t i = 0; i < mixed.size(); ++i) {
      mixed[i] = before[i] * momentum + now[i] * (1.0 - momentum);
    }
    return mixed;
  };
  const auto add = [&](const std::vector<double>& values, const Tensor& like) -> Result<void> {
    HALFSTEP_TRY(Tensor made, floatTensor(values, like.shape(), like.type()));
    outputs.push_back(std::move(made));
    return {};
  };
  HALFSTEP_CHECK(add(running(parameters.given.mean, batch.mean), parameters.meanInput));
  HALFSTEP_CHECK(add(running(parameters.given.variance, batch.variance), parameters.varianceInput));
  if (call.version() < 14) {
    HALFSTEP_CHECK(add(batch.mean, parameters.meanInput));
    HALFSTEP_CHECK(add(batch.variance, parameters.varianceInput));
  }
  return {};
}

} // namespace

OpResult batchNormalization(const OpCall& call) {
  if (call.version() >= 9 && !isTraining(call)) { // before that `spatial` may be off
    if (auto blocked = blockedBatchNormalization(call)) {
      return std::move(*blocked);
    }
  }
  HALFSTEP_TRY(const Tensor original, call.tensor(0));
  HALFSTEP_TRY(const Tensor data, widened(original));
  HALFSTEP_TRY(const AxisRows around, channelRows(call, data.shape()));
  HALFSTEP_TRY(const ChannelParameters parameters, channelParameters(call, around.length));
  const auto epsilon = static_cast<double>(call.real("epsilon", 1e-5f));
  const bool training = isTraining(call);
  return dispatchNumbers(data.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    if constexpr (std::is_floating_point_v<T>) {
      const Elements<T> values(data);
      const Statistics by = training ? measured(values.data(), around) : parameters.given;
      HALFSTEP_TRY(Tensor result, applied(values, data.shape(), around, parameters, by, epsilon));
      HALFSTEP_TRY(result, narrowedBack(result, original.type()));
      std::vector<Value> outputs{std::move(result)};
      if (training) {
        HALFSTEP_CHECK(addStatistics(call, parameters, by, outputs));
      }
      return outputs;
    } else {
      return Error{ErrorKind::failed, "its data are no floating-point numbers"};
    }
  });
}

} // namespace halfstep
