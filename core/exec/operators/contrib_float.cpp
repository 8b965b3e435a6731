// Fused activations, normalizations and embeddings of the domain com.microsoft. Semantics: ONNX Runtime's
// docs/ContribOperators.md.
#include "core/exec/operators/contrib_float.h"

#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

/// f(x + bias) for each element; the bias is optional and goes along the last axis.
template <class F>
OpResult biased(const OpCall& call, F f) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(std::vector<float> values, toFloats(x, call.job()));
  if (call.has(1)) {
    const std::size_t length = x.shape().empty() ? 1 : static_cast<std::size_t>(x.shape().back());
    HALFSTEP_TRY(const std::vector<float> bias, floatsAt(call, 1, length));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] += bias[i % length];
    }
  }
  for (float& value : values) {
    value = f(value);
  }
  return oneOutput(floatTensor(x.shape(), values));
}

} // namespace

OpResult biasGelu(const OpCall& call) {
  return biased(call, [](float x) { return 0.5f * x * (1.0f + std::erf(x * 0.70710678f)); });
}

OpResult fastGelu(const OpCall& call) {
  return biased(
      call, [](float x) { return 0.5f * x * (1.0f + std::tanh(0.79788456f * (x + 0.044715f * x * x * x))); });
}

OpResult quickGelu(const OpCall& call) {
  const float alpha = call.real("alpha", 1.702f);
  return biased(call, [=](float x) { return x / (1.0f + std::exp(-alpha * x)); });
}

namespace {

struct Normalized {
  std::vector<float> values, means, inverses;
};

/// Rows of `length` normalized to mean 0 (unless `simplified`) and variance 1, times gamma, plus beta.
Normalized normalizedRows(std::span<const float> x, std::size_t length, double epsilon,
                          std::span<const float> gamma, std::span<const float> beta, bool simplified) {
  Normalized result;
  result.values.resize(x.size());
  for (std::size_t from = 0; length > 0 && from < x.size(); from += length) {
    double sum = 0;
    double squares = 0;
    for (std::size_t i = 0; i < length; ++i) {
      sum += static_cast<double>(x[from + i]);
    }
    const double mean = simplified ? 0 : sum / static_cast<double>(length);
    for (std::size_t i = 0; i < length; ++i) {
      const double distance = static_cast<double>(x[from + i]) - mean;
      squares += distance * distance;
    }
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(length) + epsilon);
    for (std::size_t i = 0; i < length; ++i) {
      const double value = (static_cast<double>(x[from + i]) - mean) * inverse;
      const double scaled = value * (gamma.empty() ? 1.0 : static_cast<double>(gamma[i]));
      result.values[from + i] =
          static_cast<float>(scaled + (beta.empty() ? 0.0 : static_cast<double>(beta[i])));
    }
    result.means.push_back(static_cast<float>(mean));
    result.inverses.push_back(static_cast<float>(inverse));
  }
  return result;
}

/// Input, skip, gamma, then beta and bias, or for the simplified kind bias alone.
OpResult skipNormalization(const OpCall& call, bool simplified) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const Tensor skipped, call.tensor(1));
  if (x.shape().empty() || x.shape().back() < 1) {
    return call.fail("there is nothing to normalize in " + shapeText(x.shape()));
  }
  const std::size_t length = static_cast<std::size_t>(x.shape().back());
  HALFSTEP_TRY(const Tensor skip, broadcasted(skipped, x.shape()));
  HALFSTEP_TRY(std::vector<float> sum, toFloats(x, call.job()));
  HALFSTEP_TRY(const std::vector<float> second, toFloats(skip, call.job()));
  HALFSTEP_TRY(const std::vector<float> gamma, floatsAt(call, 2, length));
  std::vector<float> beta;
  std::vector<float> bias(length, 0.0f);
  if (!simplified && call.has(3)) {
    HALFSTEP_TRY(beta, floatsAt(call, 3, length));
  }
  if (const std::size_t at = simplified ? 3 : 4; call.has(at)) {
    HALFSTEP_TRY(bias, floatsAt(call, at, length));
  }
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i] += second[i] + bias[i % length];
  }
  const auto epsilon = static_cast<double>(call.real("epsilon", 1e-12f));
  const Normalized made = normalizedRows(sum, length, epsilon, gamma, beta, simplified);
  Shape rows = x.shape();
  rows.back() = 1;
  HALFSTEP_TRY(Tensor result, floatTensor(x.shape(), made.values));
  HALFSTEP_TRY(Tensor means, floatTensor(rows, made.means));
  HALFSTEP_TRY(Tensor inverses, floatTensor(rows, made.inverses));
  HALFSTEP_TRY(Tensor summed, floatTensor(x.shape(), sum));
  return std::vector<Value>{std::move(result), std::move(means), std::move(inverses), std::move(summed)};
}

/// Adds the rows of table `at` that `ids` names.
Result<void> addRows(const OpCall& call, std::size_t at, std::span<const std::int64_t> ids,
                     std::size_t length, std::vector<float>& sum) {
  HALFSTEP_TRY(const Tensor table, call.tensor(at));
  if (table.shape().size() != 2 || dimensionOf(table.shape(), 1) != length) {
    return call.fail("a table of " + shapeText(table.shape()) + " does not have rows of " +
                     std::to_string(length));
  }
  HALFSTEP_TRY(const std::vector<float> rows, toFloats(table, call.job()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= table.shape()[0]) {
      return call.fail("the index " + std::to_string(ids[i]) + " lies outside " + shapeText(table.shape()));
    }
    for (std::size_t k = 0; k < length; ++k) {
      sum[i * length + k] += rows[static_cast<std::size_t>(ids[i]) * length + k];
    }
  }
  return {};
}

/// The number of entries of each row of the mask (input 7) that are set; 0 without a mask.
Result<Tensor> maskLengths(const OpCall& call, const Shape& shape) {
  HALFSTEP_TRY(const auto made, newTensor<std::int32_t>({shape[0]}));
  std::fill(made.values.begin(), made.values.end(), 0);
  if (call.has(7)) {
    HALFSTEP_TRY(const Tensor mask, call.tensor(7));
    if (mask.shape() != shape) {
      return call.fail("its mask does not fit");
    }
    for (std::size_t i = 0; i < mask.count(); ++i) {
      made.values[i / dimensionOf(shape, 1)] += mask.valueAt(i) != 0 ? 1 : 0;
    }
  }
  return made.finish();
}

} // namespace

OpResult skipLayerNormalization(const OpCall& call) {
  return skipNormalization(call, false);
}

OpResult skipSimplifiedLayerNormalization(const OpCall& call) {
  return skipNormalization(call, true);
}

/// Ids of words and segments, tables of words, positions and segments, gamma, beta, mask, ids of positions.
OpResult embedLayerNormalization(const OpCall& call) {
  HALFSTEP_TRY(const Tensor ids, call.tensor(0));
  HALFSTEP_TRY(const Tensor words, call.tensor(2));
  if (ids.shape().size() != 2 || words.shape().size() != 2 || words.shape()[1] < 1) {
    return call.fail("it takes rows of words and a table");
  }
  const std::size_t length = dimensionOf(words.shape(), 1);
  Shape shape = ids.shape();
  shape.push_back(words.shape()[1]);
  HALFSTEP_TRY(const auto room, newTensor<float>(shape));
  std::vector<float> sum(room.values.size(), 0.0f);
  HALFSTEP_TRY(const std::vector<std::int64_t> wordIds, toIntegers(ids));
  HALFSTEP_CHECK(addRows(call, 2, wordIds, length, sum));
  std::vector<std::int64_t> positions(wordIds.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    positions[i] = static_cast<std::int64_t>(i) % ids.shape()[1];
  }
  if (call.has(8)) {
    HALFSTEP_TRY(const std::vector<std::int64_t> given, call.integers(8));
    if (given.empty() || positions.size() % given.size() != 0) {
      return call.fail("its positions do not fit");
    }
    for (std::size_t i = 0; i < positions.size(); ++i) {
      positions[i] = given[i % given.size()];
    }
  }
  HALFSTEP_CHECK(addRows(call, 3, positions, length, sum));
  if (call.has(1) && call.has(4)) {
    HALFSTEP_TRY(const std::vector<std::int64_t> segments, call.integers(1));
    if (segments.size() != wordIds.size()) {
      return call.fail("its segments do not fit");
    }
    HALFSTEP_CHECK(addRows(call, 4, segments, length, sum));
  }
  HALFSTEP_TRY(const std::vector<float> gamma, floatsAt(call, 5, length));
  HALFSTEP_TRY(const std::vector<float> beta, floatsAt(call, 6, length));
  const auto epsilon = static_cast<double>(call.real("epsilon", 1e-12f));
  HALFSTEP_TRY(Tensor result,
               floatTensor(shape, normalizedRows(sum, length, epsilon, gamma, beta, false).values));
  HALFSTEP_TRY(Tensor lengths, maskLengths(call, ids.shape()));
  HALFSTEP_TRY(Tensor summed, floatTensor(shape, sum));
  return std::vector<Value>{std::move(result), std::move(lengths), std::move(summed)};
}

} // namespace halfstep
