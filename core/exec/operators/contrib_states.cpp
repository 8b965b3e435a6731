// Operators of the domain com.microsoft that carry a state from token to token and from call to call: linear
// attention and causal convolution. Semantics: ONNX Runtime's docs/ContribOperators.md.
#include "core/exec/operators/contrib_float.h"
#include "core/exec/operators/results.h"
#include "core/support/parallel.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

/// The inputs of LinearAttention, checked; rows of tokens with the heads side by side.
struct LinearHeads {
  std::size_t batch = 0, length = 0;
  std::size_t queryHeads = 0, keyHeads = 0, heads = 0; ///< heads: of values and states
  std::size_t keySize = 0, valueSize = 0;
  std::size_t decays = 0; ///< of a head: none, one, or one for each element of a key
  std::size_t rates = 0;  ///< of a token: none, one, or one for each head
  bool isDelta = false;
  float scale = 1;
  std::vector<float> query, key, value, decay, rate;
};

/// Input `at`, [batch, length, any]; how long a token's row is.
Result<std::size_t> rowsAt(const OpCall& call, std::size_t at, const Shape& like,
                           std::vector<float>& values) {
  HALFSTEP_TRY(const Tensor x, call.tensor(at));
  if (x.shape().size() != 3 || like.size() != 3 || x.shape()[0] != like[0] || x.shape()[1] != like[1]) {
    return call.fail("input " + std::to_string(at) + " of " + shapeText(x.shape()) +
                     " does not fit queries of " + shapeText(like));
  }
  HALFSTEP_TRY(values, toFloats(x, call.job()));
  return dimensionOf(x.shape(), 2);
}

/// The gates that the rule asks for.
Result<void> readGates(const OpCall& call, const Shape& like, LinearHeads& heads) {
  const std::string rule = call.text("update_rule", "gated_delta");
  const bool isGated = rule == "gated" || rule == "gated_delta";
  heads.isDelta = rule == "delta" || rule == "gated_delta";
  if (!isGated && !heads.isDelta && rule != "linear") {
    return call.unsupported("the update rule " + rule + " is not known");
  }
  if (isGated) {
    HALFSTEP_TRY(const std::size_t row, rowsAt(call, 4, like, heads.decay));
    heads.decays = row / heads.heads;
    if (row % heads.heads != 0 || (heads.decays != 1 && heads.decays != heads.keySize)) {
      return call.fail("decays of " + std::to_string(row) + " a token do not fit its heads");
    }
  }
  if (heads.isDelta) {
    HALFSTEP_TRY(heads.rates, rowsAt(call, 5, like, heads.rate));
    if (heads.rates != 1 && heads.rates != heads.heads) {
      return call.fail("rates of " + std::to_string(heads.rates) + " a token do not fit its heads");
    }
  }
  return {};
}

Result<LinearHeads> linearHeads(const OpCall& call) {
  LinearHeads heads;
  HALFSTEP_TRY(const Tensor query, call.tensor(0));
  const std::int64_t queryHeads = call.integer("q_num_heads", 0);
  const std::int64_t valueHeads = call.integer("kv_num_heads", 0);
  HALFSTEP_TRY(const std::size_t queryRow, rowsAt(call, 0, query.shape(), heads.query));
  HALFSTEP_TRY(const std::size_t keyRow, rowsAt(call, 1, query.shape(), heads.key));
  HALFSTEP_TRY(const std::size_t valueRow, rowsAt(call, 2, query.shape(), heads.value));
  const Error unfit = call.fail("rows of " + std::to_string(queryRow) + ", " + std::to_string(keyRow) +
                                " and " + std::to_string(valueRow) + " are no " + std::to_string(queryHeads) +
                                " heads of queries and " + std::to_string(valueHeads) + " of values");
  if (queryHeads < 1 || valueHeads < 1 || queryRow % static_cast<std::size_t>(queryHeads) != 0 ||
      valueRow % static_cast<std::size_t>(valueHeads) != 0 || queryRow == 0 || valueRow == 0) {
    return unfit;
  }
  heads.batch = dimensionOf(query.shape(), 0);
  heads.length = dimensionOf(query.shape(), 1);
  heads.queryHeads = static_cast<std::size_t>(queryHeads);
  heads.heads = static_cast<std::size_t>(valueHeads);
  heads.keySize = queryRow / heads.queryHeads;
  heads.valueSize = valueRow / heads.heads;
  heads.keyHeads = keyRow / heads.keySize;
  const std::size_t most = std::max(heads.queryHeads, heads.heads);
  if (keyRow % heads.keySize != 0 || heads.keyHeads == 0 || heads.heads % heads.keyHeads != 0 ||
      most % heads.queryHeads != 0 || most % heads.heads != 0) {
    return unfit;
  }
  if (call.integer("state_window", 0) != 0) {
    return call.unsupported("a window of states is not supported");
  }
  const float scale = call.real("scale", 0.0f);
  heads.scale = scale != 0 ? scale : 1.0f / std::sqrt(static_cast<float>(heads.keySize));
  HALFSTEP_CHECK(readGates(call, query.shape(), heads));
  return heads;
}

/// All tokens of one head of one batch entry. `state`: [key, value], changed; `result`: where the first
/// token's outputs begin; each token has a row of `outputs` heads.
void runHead(const LinearHeads& in, std::size_t entry, std::size_t head, std::span<float> state,
             float* result, std::size_t outputs) {
  std::vector<float> change(in.valueSize);
  for (std::size_t t = 0; t < in.length; ++t) {
    const std::size_t token = entry * in.length + t;
    const float* key = in.key.data() + (token * in.keyHeads + head / (in.heads / in.keyHeads)) * in.keySize;
    const float* value = in.value.data() + (token * in.heads + head) * in.valueSize;
    for (std::size_t k = 0; k < in.keySize && in.decays > 0; ++k) {
      const std::size_t at = (token * in.heads + head) * in.decays + (in.decays == 1 ? 0 : k);
      const float kept = std::exp(in.decay[at]);
      for (std::size_t v = 0; v < in.valueSize; ++v) {
        state[k * in.valueSize + v] *= kept;
      }
    }
    std::copy(value, value + in.valueSize, change.begin());
    if (in.isDelta) {
      const float rate = in.rate[token * in.rates + (in.rates == 1 ? 0 : head)];
      for (std::size_t v = 0; v < in.valueSize; ++v) {
        float known = 0;
        for (std::size_t k = 0; k < in.keySize; ++k) {
          known += state[k * in.valueSize + v] * key[k];
        }
        change[v] = rate * (value[v] - known);
      }
    }
    for (std::size_t k = 0; k < in.keySize; ++k) {
      for (std::size_t v = 0; v < in.valueSize; ++v) {
        state[k * in.valueSize + v] += key[k] * change[v];
      }
    }
    const std::size_t reading = outputs / in.heads; // heads of queries that read this state
    for (std::size_t q = head * reading; q < (head + 1) * reading; ++q) {
      const std::size_t from = in.queryHeads == outputs ? q : q / (outputs / in.queryHeads);
      const float* query = in.query.data() + (token * in.queryHeads + from) * in.keySize;
      float* out = result + (t * outputs + q) * in.valueSize;
      for (std::size_t v = 0; v < in.valueSize; ++v) {
        float sum = 0;
        for (std::size_t k = 0; k < in.keySize; ++k) {
          sum += query[k] * state[k * in.valueSize + v];
        }
        out[v] = in.scale * sum;
      }
    }
  }
}

} // namespace

/// Queries, keys, values, state, decays, rates; results and the new state.
OpResult linearAttention(const OpCall& call) {
  HALFSTEP_TRY(const LinearHeads heads, linearHeads(call));
  const Shape shape{static_cast<std::int64_t>(heads.batch), static_cast<std::int64_t>(heads.heads),
                    static_cast<std::int64_t>(heads.keySize), static_cast<std::int64_t>(heads.valueSize)};
  HALFSTEP_TRY(const auto state, newTensor<float>(shape));
  std::fill(state.values.begin(), state.values.end(), 0.0f);
  if (call.has(3)) {
    HALFSTEP_TRY(const std::vector<float> past, floatsAt(call, 3, state.values.size()));
    std::copy(past.begin(), past.end(), state.values.begin());
  }
  const std::size_t outputs = std::max(heads.queryHeads, heads.heads);
  const auto row = static_cast<std::int64_t>(outputs * heads.valueSize);
  HALFSTEP_TRY(const auto made, newTensor<float>({shape[0], static_cast<std::int64_t>(heads.length), row}));
  const std::size_t size = heads.keySize * heads.valueSize;
  parallelFor(heads.batch * heads.heads, [&](std::size_t part) {
    const std::size_t entry = part / heads.heads;
    runHead(heads, entry, part % heads.heads, state.values.subspan(part * size, size),
            made.values.data() + entry * heads.length * outputs * heads.valueSize, outputs);
  });
  return std::vector<Value>{made.finish(), state.finish()};
}

/// Input [batch, channels, length], weights [channels, 1, taps], bias, and what came before the input.
OpResult causalConvolution(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const Tensor w, call.tensor(1));
  const std::int64_t dilation = call.integer("dilation", 1);
  const std::string activation = call.text("activation", "none");
  if (call.integer("ndim", 1) != 1 || call.integer("channels_last", 0) != 0 ||
      call.integer("state_window", 0) != 0 ||
      (activation != "none" && activation != "silu" && activation != "swish")) {
    return call.unsupported("it is supported along one axis, channels first, without a window of states");
  }
  const Shape& shape = x.shape();
  if (shape.size() != 3 || w.shape().size() != 3 || w.shape()[0] != shape[1] || w.shape()[1] != 1 ||
      w.shape()[2] < 1 || dilation < 1 || dilation > (std::int64_t{1} << 31) / w.shape()[2]) {
    return call.fail("weights of " + shapeText(w.shape()) + " do not fit " + shapeText(shape));
  }
  const std::size_t channels = dimensionOf(shape, 1);
  const std::size_t length = dimensionOf(shape, 2);
  const std::size_t taps = dimensionOf(w.shape(), 2);
  const std::size_t step = static_cast<std::size_t>(dilation);
  const std::size_t before = (taps - 1) * step;
  HALFSTEP_TRY(const auto state, newTensor<float>({shape[0], shape[1], static_cast<std::int64_t>(before)}));
  HALFSTEP_TRY(const auto made, newTensor<float>(shape));
  HALFSTEP_TRY(const std::vector<float> input, toFloats(x, call.job()));
  HALFSTEP_TRY(const std::vector<float> weights, toFloats(w, call.job()));
  std::vector<float> bias(channels, 0.0f);
  if (call.has(2)) {
    HALFSTEP_TRY(bias, floatsAt(call, 2, channels));
  }
  std::vector<float> past(state.values.size(), 0.0f);
  if (call.has(3) && before > 0) {
    HALFSTEP_TRY(past, floatsAt(call, 3, state.values.size()));
  }
  const std::size_t lines = dimensionsProduct(shape, 0, 2);
  parallelFor(lines, [&](std::size_t line) {
    std::vector<float> row(past.begin() + static_cast<std::ptrdiff_t>(line * before),
                           past.begin() + static_cast<std::ptrdiff_t>((line + 1) * before));
    row.insert(row.end(), input.begin() + static_cast<std::ptrdiff_t>(line * length),
               input.begin() + static_cast<std::ptrdiff_t>((line + 1) * length));
    const std::size_t channel = line % channels;
    for (std::size_t t = 0; t < length; ++t) {
      float sum = bias[channel];
      for (std::size_t tap = 0; tap < taps; ++tap) {
        sum += weights[channel * taps + tap] * row[t + tap * step];
      }
      made.values[line * length + t] = activation == "none" ? sum : sum / (1.0f + std::exp(-sum));
    }
    std::copy(row.end() - static_cast<std::ptrdiff_t>(before), row.end(),
              state.values.begin() + static_cast<std::ptrdiff_t>(line * before));
  });
  return std::vector<Value>{made.finish(), state.finish()};
}

} // namespace halfstep
