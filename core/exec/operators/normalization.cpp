// Normalizations. Those over rows that lie in one piece (layers, groups, instances) share rowNormalized().
#include "core/exec/operator_families.h"
#include "core/exec/operators/axis_rows.h"
#include "core/exec/operators/batch_normalization.h"
#include "core/exec/operators/blocked_operators.h"
#include "core/exec/operators/elementwise.h"
#include "core/exec/operators/float_rows.h"
#include "core/exec/operators/float_widths.h"
#include "core/exec/rearrange.h"

#include <numeric>

namespace halfstep {

namespace {

Error noFloats() {
  return {ErrorKind::failed, "it takes floating-point numbers"};
}

/// dispatchNumbers for float and double only.
template <class F>
OpResult dispatchFloats(const Tensor& tensor, F f) {
  switch (tensor.type()) {
  case ElementType::float32:
    return f(TypeTag<float>());
  case ElementType::float64:
    return f(TypeTag<double>());
  default:
    return noFloats();
  }
}

double epsilonOf(const OpCall& call) {
  return static_cast<double>(call.real("epsilon", 1e-5f));
}

/// What a row was normalized by.
struct RowStatistics {
  double mean = 0;
  double inverse = 0; ///< 1 / √(variance + ε)
};

/// out = (x − mean) / √(variance + ε) · scale(i) + bias(i) for one row. Without `centred` the mean counts as
/// 0, which makes the variance the mean square.
template <class T, class Scale, class Bias>
RowStatistics rowNormalized(std::span<const T> in, T* out, double epsilon, bool centred, Scale scale,
                            Bias bias) {
  RowStatistics by;
  const auto count = static_cast<double>(in.size());
  if (centred) {
    for (const T value : in) {
      by.mean += static_cast<double>(value);
    }
    by.mean /= count;
  }
  double squares = 0;
  for (const T value : in) {
    const double distance = static_cast<double>(value) - by.mean;
    squares += distance * distance;
  }
  by.inverse = 1.0 / std::sqrt(squares / count + epsilon);
  for (std::size_t i = 0; i < in.size(); ++i) {
    out[i] = static_cast<T>((static_cast<double>(in[i]) - by.mean) * by.inverse * scale(i) + bias(i));
  }
  return by;
}

/// The same for a row of float32 with a scale (and bias, unless it is null) for each of its elements.
RowStatistics rowNormalized(std::span<const float> in, float* out, double epsilon, bool centred,
                            const float* scale, const float* bias) {
  const auto count = static_cast<double>(in.size());
  RowStatistics by;
  by.mean = centred ? sumOf(in.data(), in.size()) / count : 0.0;
  by.inverse = 1.0 / std::sqrt(squaredDistances(in.data(), by.mean, in.size()) / count + epsilon);
  normalizedBy(in.data(), by.mean, by.inverse, scale, bias, out, in.size());
  return by;
}

/// The data of [N, C, …] as groups of channels that are normalized together.
struct ChannelGroups {
  std::size_t channels = 0;
  std::size_t groups = 0; ///< per sample
  std::size_t inner = 0;  ///< elements of a channel
  std::size_t length = 0; ///< elements of a group
  std::size_t rows = 0;   ///< groups of all samples
};

Result<ChannelGroups> channelGroups(const OpCall& call, const Shape& shape, std::int64_t groups) {
  if (shape.size() < 2) {
    return call.fail("its data is " + shapeText(shape) + ", expected [N, C, …]");
  }
  if (groups <= 0 || shape[1] % groups != 0) {
    return call.fail(std::to_string(shape[1]) + " channels in " + std::to_string(groups) + " groups");
  }
  HALFSTEP_TRY(const AxisRows around, axisRows(shape, 1));
  ChannelGroups made;
  made.channels = around.length;
  made.groups = static_cast<std::size_t>(groups);
  made.inner = around.inner;
  made.length = around.length / made.groups * around.inner;
  HALFSTEP_TRY(made.rows, elementCount(Shape{shape[0], groups}));
  return made;
}

/// InstanceNormalization and GroupNormalization: scale and bias are given for each channel or (in opset 18)
/// for each group.
OpResult groupsNormalized(const OpCall& call, const Tensor& data, const ChannelGroups& of) {
  HALFSTEP_TRY(const Tensor scaleInput, call.tensor(1));
  HALFSTEP_TRY(const Tensor biasInput, call.tensor(2));
  const std::size_t given = scaleInput.count();
  if (biasInput.count() != given || (given != of.channels && given != of.groups)) {
    return call.fail("its scale and bias are " + shapeText(scaleInput.shape()) + " and " +
                     shapeText(biasInput.shape()) + " for " + std::to_string(of.channels) + " channels");
  }
  const std::vector<double> scale = doublesOf(scaleInput);
  const std::vector<double> bias = doublesOf(biasInput);
  const double epsilon = epsilonOf(call);
  return dispatchFloats(data, [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> values(data);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(data.shape()));
    forRows(values.size() == 0 ? 0 : of.rows, of.length, [&](std::size_t row) {
      const std::size_t group = row % of.groups;
      const auto at = [&](std::size_t i) {
        return given == of.channels ? group * (of.channels / of.groups) + i / of.inner : group;
      };
      const std::size_t start = row * of.length;
      rowNormalized<T>(
          values.span().subspan(start, of.length), made.values.data() + start, epsilon, true,
          [&](std::size_t i) { return scale[at(i)]; }, [&](std::size_t i) { return bias[at(i)]; });
    });
    return std::vector<Value>{made.finish()};
  });
}

OpResult instanceNormalization(const OpCall& call) {
  if (auto blocked = blockedInstanceNormalization(call)) {
    return std::move(*blocked);
  }
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  const std::int64_t channels = data.shape().size() < 2 ? 1 : std::max<std::int64_t>(data.shape()[1], 1);
  HALFSTEP_TRY(const ChannelGroups groups, channelGroups(call, data.shape(), channels));
  HALFSTEP_TRY(std::vector<Value> outputs, groupsNormalized(call, data, groups));
  if (call.endsInRelu()) {
    HALFSTEP_TRY(outputs.front(), withoutNegatives(outputs.front().tensor()));
  }
  return outputs;
}

OpResult groupNormalization(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const ChannelGroups groups, channelGroups(call, data.shape(), call.integer("num_groups", 0)));
  return groupsNormalized(call, data, groups);
}

/// A factor or summand for the elements of `data` from `axis` on: its element for element i is i % count.
Result<Tensor> repeating(const Tensor& tensor, const Tensor& data, std::size_t axis) {
  if (tensor.type() != data.type()) {
    return Error{ErrorKind::failed, "its scale or bias is of another type than its data"};
  }
  const Shape suffix(data.shape().begin() + static_cast<std::ptrdiff_t>(axis), data.shape().end());
  if (tensor.shape() == suffix) {
    return tensor;
  }
  return broadcasted(tensor, data.shape());
}

/// LayerNormalization and RMSNormalization: rows from `axis` on. Fills the statistics of each row.
template <class T>
Result<Tensor> layerNormalized(const OpCall& call, const Tensor& data, std::size_t axis, bool centred,
                               std::vector<double>& means, std::vector<double>& inverses) {
  HALFSTEP_TRY(const AxisRows around, axisRows(data.shape(), axis, data.shape().size() - axis));
  HALFSTEP_TRY(Tensor scaleInput, call.tensor(1));
  HALFSTEP_TRY(scaleInput, widened(scaleInput));
  HALFSTEP_TRY(scaleInput, repeating(scaleInput, data, axis));
  Tensor biasInput;
  if (centred && call.has(2)) {
    HALFSTEP_TRY(biasInput, call.tensor(2));
    HALFSTEP_TRY(biasInput, widened(biasInput));
    HALFSTEP_TRY(biasInput, repeating(biasInput, data, axis));
  }
  const Elements<T> values(data);
  const Elements<T> scale(scaleInput);
  const Elements<T> bias(biasInput);
  means.resize(around.rows);
  inverses.resize(around.rows);
  HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(data.shape()));
  const double epsilon = epsilonOf(call);
  forRows(around.rows, around.length, [&](std::size_t row) {
    const std::size_t start = row * around.length;
    const std::span<const T> in = values.span().subspan(start, around.length);
    RowStatistics by;
    if constexpr (std::is_same_v<T, float>) { // the parameters are those of one row, or written out for all
      by =
          rowNormalized(in, made.values.data() + start, epsilon, centred, scale.data() + start % scale.size(),
                        bias.size() == 0 ? nullptr : bias.data() + start % bias.size());
    } else {
      by = rowNormalized<T>(
          in, made.values.data() + start, epsilon, centred,
          [&](std::size_t i) { return static_cast<double>(scale[(start + i) % scale.size()]); },
          [&](std::size_t i) {
            return bias.size() == 0 ? 0.0 : static_cast<double>(bias[(start + i) % bias.size()]);
          });
    }
    means[row] = by.mean;
    inverses[row] = by.inverse;
  });
  return made.finish();
}

template <bool kCentred>
OpResult layerNormalization(const OpCall& call) {
  HALFSTEP_TRY(const Tensor original, call.tensor(0));
  HALFSTEP_TRY(const Tensor data, widened(original));
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", -1), data.shape().size()));
  return dispatchFloats(data, [&]<class T>(TypeTag<T>) -> OpResult {
    std::vector<double> means;
    std::vector<double> inverses;
    HALFSTEP_TRY(Tensor result, layerNormalized<T>(call, data, axis, kCentred, means, inverses));
    HALFSTEP_TRY(result, narrowedBack(result, original.type()));
    std::vector<Value> outputs{std::move(result)};
    if (kCentred && (call.wants(1) || call.wants(2))) { // in the type that stash_type names
      const auto type = elementTypeFromOnnx(call.integer("stash_type", 1));
      Shape shape = data.shape();
      std::fill(shape.begin() + static_cast<std::ptrdiff_t>(axis), shape.end(), 1);
      HALFSTEP_TRY(Tensor mean, floatTensor(means, shape, type.value_or(ElementType::undefined)));
      HALFSTEP_TRY(Tensor inverse, floatTensor(inverses, shape, type.value_or(ElementType::undefined)));
      outputs.insert(outputs.end(), {std::move(mean), std::move(inverse)});
    }
    return outputs;
  });
}

/// y = x / (bias + alpha / size · Σ x² over the neighbouring channels) ^ beta
template <class T>
void localResponse(const T* in, T* out, const AxisRows& around, std::int64_t size, double alpha, double beta,
                   double bias) {
  const auto channels = static_cast<std::int64_t>(around.length);
  const std::int64_t before = std::min((size - 1) / 2, channels);
  const std::int64_t after = std::min(size / 2, channels);
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    double squares = 0;
    for (std::int64_t c = std::max<std::int64_t>(channel - before, 0);
         c <= std::min(channel + after, channels - 1); ++c) {
      const auto value = static_cast<double>(in[static_cast<std::size_t>(c) * around.inner]);
      squares += value * value;
    }
    const std::size_t at = static_cast<std::size_t>(channel) * around.inner;
    out[at] = static_cast<T>(static_cast<double>(in[at]) /
                             std::pow(bias + alpha / static_cast<double>(size) * squares, beta));
  }
}

OpResult localResponseNormalization(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  const std::int64_t size = call.integer("size", 0);
  if (data.shape().size() < 2 || size < 1) {
    return call.fail("its data is " + shapeText(data.shape()) + ", its size " + std::to_string(size));
  }
  const auto alpha = static_cast<double>(call.real("alpha", 1e-4f));
  const auto beta = static_cast<double>(call.real("beta", 0.75f));
  const auto bias = static_cast<double>(call.real("bias", 1.0f));
  HALFSTEP_TRY(const AxisRows around, axisRows(data.shape(), 1));
  return dispatchFloats(data, [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> values(data);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(data.shape()));
    forRows(around.rows, around.length, [&](std::size_t row) {
      const std::size_t start = around.start(row);
      localResponse(values.data() + start, made.values.data() + start, around, size, alpha, beta, bias);
    });
    return std::vector<Value>{made.finish()};
  });
}

/// Rows divided by their norm; zeros stay zeros.
OpResult lpNormalization(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  const std::int64_t p = call.integer("p", 2);
  if (p != 1 && p != 2) {
    return call.fail("its p is " + std::to_string(p));
  }
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", -1), data.shape().size()));
  HALFSTEP_TRY(const AxisRows around, axisRows(data.shape(), axis));
  return dispatchFloats(data, [&]<class T>(TypeTag<T>) -> OpResult {
    const Elements<T> values(data);
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(data.shape()));
    forRows(around.rows, around.length, [&](std::size_t row) {
      const std::size_t start = around.start(row);
      double norm = 0;
      for (std::size_t i = 0; i < around.length; ++i) {
        const auto value = static_cast<double>(values[start + i * around.inner]);
        norm += p == 1 ? std::abs(value) : value * value;
      }
      norm = p == 1 ? norm : std::sqrt(norm);
      for (std::size_t i = 0; i < around.length; ++i) {
        const std::size_t at = start + i * around.inner;
        made.values[at] = norm == 0 ? T(0) : static_cast<T>(static_cast<double>(values[at]) / norm);
      }
    });
    return std::vector<Value>{made.finish()};
  });
}

/// (x − mean) / (deviation + 1e-9), as in the operator's function body, for contiguous rows.
template <class T>
Result<Tensor> standardizedRows(const Tensor& rows, std::size_t length) {
  const Elements<T> values(rows);
  HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(rows.shape()));
  forRows(length == 0 ? 0 : values.size() / length, length, [&](std::size_t row) {
    const std::span<const T> in = values.span().subspan(row * length, length);
    double mean = 0;
    for (const T value : in) {
      mean += static_cast<double>(value);
    }
    mean /= static_cast<double>(length);
    double squares = 0;
    for (const T value : in) {
      squares += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
    }
    const double deviation = std::sqrt(squares / static_cast<double>(length)) + 1e-9;
    for (std::size_t i = 0; i < length; ++i) {
      made.values[row * length + i] = static_cast<T>((static_cast<double>(in[i]) - mean) / deviation);
    }
  });
  return made.finish();
}

OpResult meanVarianceNormalization(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  const std::vector<std::int64_t> given = call.integers("axes");
  const std::vector<std::int64_t> axes =
      call.hasAttribute("axes") ? given : std::vector<std::int64_t>{0, 2, 3};
  const std::size_t rank = data.shape().size();
  std::vector<bool> reduced(rank, false);
  for (const std::int64_t axis : axes) {
    HALFSTEP_TRY(const std::size_t index, normalizedAxis(axis, rank));
    reduced[index] = true;
  }
  std::vector<std::size_t> order(rank);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_partition(order.begin(), order.end(), [&](std::size_t axis) { return !reduced[axis]; });
  Shape together;
  std::vector<std::size_t> back(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    back[order[i]] = i;
    if (reduced[i]) {
      together.push_back(data.shape()[i]);
    }
  }
  HALFSTEP_TRY(const std::size_t length, elementCount(together));
  HALFSTEP_TRY(const Tensor rows, transposed(data, order));
  return dispatchFloats(data, [&]<class T>(TypeTag<T>) -> OpResult {
    HALFSTEP_TRY(const Tensor made, standardizedRows<T>(rows, length));
    HALFSTEP_TRY(Tensor result, transposed(made, back));
    return std::vector<Value>{std::move(result)};
  });
}

constexpr Widening kFloats = Widening::floats;

constexpr OperatorEntry kEntries[] = {
    {"", "BatchNormalization", batchNormalization}, // widens by itself
    {"", "GroupNormalization", groupNormalization, kFloats},
    {"", "InstanceNormalization", instanceNormalization, kFloats, 1, Activation::fusesRelu},
    {"", "LRN", localResponseNormalization, kFloats},
    {"", "LayerNormalization", layerNormalization<true>}, // widens by itself
    {"", "LpNormalization", lpNormalization, kFloats},
    {"", "MeanVarianceNormalization", meanVarianceNormalization, kFloats},
    {"", "RMSNormalization", layerNormalization<false>},
    {"", "SimplifiedLayerNormalization", layerNormalization<false>}, // ONNX Runtime's name for it
};

} // namespace

std::span<const OperatorEntry> normalizationOperators() {
  return kEntries;
}

} // namespace halfstep
