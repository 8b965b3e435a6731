// Attention, QAttention and MultiHeadAttention of the domain com.microsoft. Semantics: ONNX Runtime's
// docs/ContribOperators.md.
#include "core/exec/operators/attention.h"
#include "core/exec/operators/onednn.h"
#include "core/exec/operators/quantizing.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"

#include <array>

namespace halfstep {

void AddedBias::addTo(std::size_t batch, std::size_t head, std::size_t query, std::span<double> bias) const {
  if (tensor.type() == ElementType::undefined) {
    return;
  }
  const auto stride = [&](std::size_t axis) { return static_cast<std::size_t>(strides[axis]); };
  const std::size_t start = batch * stride(0) + head * stride(1) + query * stride(2);
  const std::size_t given = dimensionOf(tensor.shape(), 3);
  const std::size_t most = given == 1 ? bias.size() : std::min(bias.size(), given);
  for (std::size_t k = 0; k < most; ++k) {
    bias[k] += tensor.valueAt(start + k * stride(3));
  }
}

Result<AddedBias> addedBias(const OpCall& call, std::size_t index, const Shape& scores) {
  AddedBias made;
  if (call.has(index)) {
    HALFSTEP_TRY(made.tensor, call.tensor(index));
    HALFSTEP_TRY(const Shape together, broadcastShape(made.tensor.shape(), scores));
    if (together != scores || made.tensor.shape().size() != 4) {
      return call.fail("a bias of " + shapeText(made.tensor.shape()) + " does not fit scores of " +
                       shapeText(scores));
    }
    made.strides = broadcastStrides(made.tensor.shape(), scores);
  }
  return made;
}

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr std::size_t kNoInput = std::numeric_limits<std::size_t>::max();

/// Which keys of which query a mask leaves in. Its forms: [batch, keys], [batch, queries, keys],
/// [batch, 1, rows, keys] with a row for each position; or how many keys each sequence has ([batch]), or
/// where it ends and where it begins ([2·batch]).
struct ContribMask {
  Tensor mask; ///< undefined: none
  std::vector<std::int64_t> ends;
  std::vector<std::int64_t> starts; ///< empty: 0
  double filter = -10000;           ///< added for keys that are left out

  void addTo(std::size_t batch, std::size_t query, std::size_t past, std::span<double> bias) const {
    const auto keys = static_cast<std::int64_t>(bias.size());
    if (!ends.empty()) {
      const std::int64_t start = starts.empty() ? 0 : starts[batch];
      for (std::int64_t k = 0; k < keys; ++k) {
        bias[static_cast<std::size_t>(k)] += k >= ends[batch] || k < start ? filter : 0.0;
      }
    } else if (mask.type() != ElementType::undefined) {
      const Shape& shape = mask.shape();
      const std::size_t columns = dimensionOf(shape, shape.size() - 1);
      const std::size_t rows = shape.size() == 2 ? 1 : dimensionOf(shape, shape.size() - 2);
      const std::size_t row = shape.size() == 2 ? 0 : query + (shape.size() == 4 ? past : 0);
      for (std::size_t k = 0; k < bias.size(); ++k) {
        bias[k] += mask.valueAt((batch * rows + row) * columns + k) != 0 ? 0.0 : filter;
      }
    }
  }
};

/// Sizes of an attention: past counts as keys.
struct Places {
  std::int64_t batch = 0, heads = 0, queries = 0, past = 0, keys = 0;
};

Result<ContribMask> maskAt(const OpCall& call, std::size_t index, const Places& at) {
  ContribMask made;
  made.filter = static_cast<double>(call.real("mask_filter_value", -10000.0f));
  if (!call.has(index)) {
    return made;
  }
  HALFSTEP_TRY(const Tensor mask, call.tensor(index));
  const Shape& shape = mask.shape();
  if (shape == Shape{at.batch} || shape == Shape{2 * at.batch}) {
    HALFSTEP_TRY(made.ends, toIntegers(mask));
    made.starts.assign(made.ends.begin() + at.batch, made.ends.end());
    made.ends.resize(static_cast<std::size_t>(at.batch));
    return made;
  }
  const bool fits = shape == Shape{at.batch, at.keys} || shape == Shape{at.batch, at.queries, at.keys} ||
                    (shape.size() == 4 && shape[0] == at.batch && shape[1] == 1 &&
                     shape[2] >= at.past + at.queries && shape[3] >= at.keys);
  if (!fits) {
    return call.unsupported("a mask of " + shapeText(shape) + " is not supported");
  }
  made.mask = mask;
  return made;
}

/// [batch, heads, length, size] behind what was there before.
Result<Tensor> appended(const OpCall& call, const Tensor& past, const Tensor& tensor) {
  if (past.shape().size() != 4 || past.type() != tensor.type()) {
    return call.fail("past keys or values of " + shapeText(past.shape()) + " do not fit");
  }
  return concatenated(std::vector<Tensor>{past, tensor}, 2);
}

/// Queries, keys and values together with mask, bias and past: Attention, QAttention and MultiHeadAttention.
struct MaskedAttention {
  AttentionProblem problem; ///< all but the bias
  std::int64_t past = 0;
  std::size_t maskAt = 0;
  std::size_t biasAt = 0;
};

Result<AttentionResult> run(const OpCall& call, MaskedAttention masked) {
  const Shape& q = masked.problem.query.shape();
  const Places at{q[0], q[1], q[2], masked.past, masked.problem.key.shape()[2]};
  HALFSTEP_TRY(const ContribMask mask, maskAt(call, masked.maskAt, at));
  HALFSTEP_TRY(const AddedBias added,
               addedBias(call, masked.biasAt, {at.batch, at.heads, at.queries, at.keys}));
  const bool causal = call.integer("unidirectional", 0) != 0;
  const auto past = static_cast<std::size_t>(masked.past);
  masked.problem.bias = [=](std::size_t batch, std::size_t head, std::size_t query, std::span<double> bias) {
    mask.addTo(batch, query, past, bias);
    added.addTo(batch, head, query, bias);
    const std::size_t first = std::min(bias.size(), past + query + 1);
    if (causal) {
      std::fill(bias.begin() + static_cast<std::ptrdiff_t>(first), bias.end(), kNever);
    }
  };
  masked.problem.scale = attentionScale(call, q[3]);
  return attended(masked.problem);
}

/// The parts of [batch, length, Σ widths] along its last axis, as heads.
Result<std::array<Tensor, 3>> projectedHeads(const Tensor& projected, std::span<const std::int64_t> widths,
                                             std::int64_t heads) {
  std::array<Tensor, 3> parts;
  std::int64_t first = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    HALFSTEP_TRY(const Tensor part, sliced(projected, 2, first, widths[i]));
    HALFSTEP_TRY(parts[i], splitHeads(part, heads));
    first += widths[i];
  }
  return parts;
}

/// What follows the projection in Attention and QAttention. Past and present hold keys and values in one
/// tensor [2, batch, heads, length, size].
OpResult projectedAttention(const OpCall& call, const Tensor& projected, std::size_t maskAt,
                            std::size_t pastAt, std::size_t biasAt) {
  const std::int64_t total = projected.shape()[2];
  std::vector<std::int64_t> widths = call.integers("qkv_hidden_sizes");
  if (widths.empty()) {
    widths.assign(3, total / 3);
  }
  if (widths.size() != 3 || widths[0] < 1 || widths[0] != widths[1] || widths[2] < 1 || widths[0] > total ||
      widths[2] > total || 2 * widths[0] + widths[2] != total) {
    return call.fail("its weights have " + std::to_string(total) + " columns for queries, keys and values");
  }
  if (call.integer("do_rotary", 0) != 0 || call.integer("past_present_share_buffer", 0) != 0) {
    return call.unsupported("rotary positions and shared buffers are not supported in it");
  }
  HALFSTEP_TRY(auto parts, projectedHeads(projected, widths, call.integer("num_heads", 0)));
  MaskedAttention masked{{}, 0, maskAt, biasAt};
  if (call.has(pastAt)) {
    HALFSTEP_TRY(const Tensor past, call.tensor(pastAt));
    const Shape& shape = past.shape();
    if (shape.size() != 5 || shape[0] != 2) {
      return call.fail("past keys and values of " + shapeText(shape) + " do not fit");
    }
    for (std::size_t i = 0; i < 2; ++i) {
      HALFSTEP_TRY(Tensor half, sliced(past, 0, static_cast<std::int64_t>(i), 1));
      HALFSTEP_TRY(half, reshaped(half, {shape.begin() + 1, shape.end()}));
      HALFSTEP_TRY(parts[i + 1], appended(call, half, parts[i + 1]));
    }
    masked.past = shape[3];
  }
  masked.problem.query = parts[0];
  masked.problem.key = parts[1];
  masked.problem.value = parts[2];
  HALFSTEP_TRY(const AttentionResult result, run(call, masked));
  HALFSTEP_TRY(Tensor output, joinedHeads(result.output));
  std::vector<Value> outputs{std::move(output)};
  if (call.wants(1)) {
    for (std::size_t i = 1; i < parts.size(); ++i) {
      Shape shape = parts[i].shape();
      shape.insert(shape.begin(), 1);
      HALFSTEP_TRY(parts[i], reshaped(parts[i], shape));
    }
    HALFSTEP_TRY(Tensor present, concatenated(std::span(parts).subspan(1), 0));
    outputs.emplace_back(std::move(present));
  }
  return outputs;
}

} // namespace

/// Input, weights, bias, mask, past, added bias.
OpResult contribAttention(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const Tensor w, call.tensor(1));
  if (x.shape().size() != 3 || w.shape().size() != 2 || x.shape()[2] != w.shape()[0] ||
      x.type() != ElementType::float32 || w.type() != ElementType::float32) {
    return call.fail("weights " + shapeText(w.shape()) + " do not fit an input of " + shapeText(x.shape()));
  }
  const std::int64_t columns = w.shape()[1];
  std::vector<float> bias(static_cast<std::size_t>(columns), 0.0f);
  if (call.has(2)) {
    HALFSTEP_TRY(bias, floatsAt(call, 2, bias.size()));
  }
  HALFSTEP_TRY(const auto made, newTensor<float>({x.shape()[0], x.shape()[1], columns}));
  const Elements<float> in(x);
  const Elements<float> weights(w);
  HALFSTEP_CHECK(onednn::product(x.shape()[0] * x.shape()[1], columns, w.shape()[0], 1.0f, in.data(),
                                 weights.data(), false, made.values.data()));
  for (std::size_t i = 0; i < made.values.size(); ++i) {
    made.values[i] += bias[i % bias.size()];
  }
  return projectedAttention(call, made.finish(), 3, 4, 5);
}

/// Input, weights, bias, their scales, mask, their zero points, past.
OpResult quantizedAttention(const OpCall& call) {
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  HALFSTEP_TRY(const Tensor w, call.tensor(1));
  HALFSTEP_TRY(const std::vector<float> xScale, floatsAt(call, 3, 1));
  HALFSTEP_TRY(const std::vector<float> wScales, floatsAt(call, 4, 0));
  HALFSTEP_TRY(const Tensor xZero, optionalTensor(call, 6));
  HALFSTEP_TRY(const Tensor wZero, optionalTensor(call, 7));
  HALFSTEP_TRY(const IntegerProduct product, integerProduct(x, xZero, w, wZero));
  HALFSTEP_TRY(const std::vector<float> bias, floatsAt(call, 2, product.columns));
  if (product.shape.size() != 3 || (wScales.size() != 1 && wScales.size() != product.columns)) {
    return call.fail("its weights or scales do not fit the input");
  }
  HALFSTEP_TRY(const auto made, newTensor<float>(product.shape));
  for (std::size_t i = 0; i < made.values.size(); ++i) {
    const std::size_t column = i % product.columns;
    made.values[i] =
        static_cast<float>(product.values[i]) * (xScale[0] * wScales[column % wScales.size()]) + bias[column];
  }
  return projectedAttention(call, made.finish(), 5, 8, kNoInput);
}

namespace {

/// The query, key or value (`part`) of packed [batch, length, heads, parts, size] as [batch, heads, length,
/// size].
Result<Tensor> unpacked(const Tensor& packed, std::int64_t part) {
  constexpr std::size_t kOrder[] = {0, 2, 1, 3};
  const Shape& shape = packed.shape();
  HALFSTEP_TRY(Tensor one, sliced(packed, 3, part, 1));
  HALFSTEP_TRY(one, reshaped(one, {shape[0], shape[1], shape[2], shape[4]}));
  return transposed(one, kOrder);
}

/// Adds bias[from…] to [batch, heads, length, size], one number for each head's element.
Result<Tensor> withBias(const Tensor& tensor, std::span<const float> bias, std::size_t from) {
  const Shape& shape = tensor.shape();
  const std::size_t width = dimensionOf(shape, 1) * dimensionOf(shape, 3);
  if (from > bias.size() || width > bias.size() - from) {
    return Error{ErrorKind::failed, "the bias is too short"};
  }
  const Elements<float> in(tensor);
  HALFSTEP_TRY(const auto made, newTensor<float>(shape));
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::size_t head = i / (dimensionOf(shape, 2) * dimensionOf(shape, 3)) % dimensionOf(shape, 1);
    made.values[i] = in[i] + bias[from + head * dimensionOf(shape, 3) + i % dimensionOf(shape, 3)];
  }
  return made.finish();
}

/// Query, key and value of MultiHeadAttention in any of their forms, as heads and with their bias.
Result<std::array<Tensor, 3>> multiHeads(const OpCall& call) {
  const std::int64_t heads = call.integer("num_heads", 0);
  HALFSTEP_TRY(const Tensor query, call.tensor(0));
  std::array<Tensor, 3> parts;
  std::array<bool, 3> takesBias = {true, true, true};
  if (query.shape().size() == 5 && query.shape()[3] == 3) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      HALFSTEP_TRY(parts[i], unpacked(query, static_cast<std::int64_t>(i)));
    }
  } else {
    HALFSTEP_TRY(parts[0], splitHeads(query, heads));
    HALFSTEP_TRY(const Tensor key, call.tensor(1));
    if (key.shape().size() == 5 && key.shape()[3] == 2) {
      HALFSTEP_TRY(parts[1], unpacked(key, 0));
      HALFSTEP_TRY(parts[2], unpacked(key, 1));
    } else {
      for (std::size_t i = 1; i < parts.size(); ++i) {
        HALFSTEP_TRY(parts[i], call.tensor(i));
        takesBias[i] = parts[i].shape().size() != 4; // keys and values of a cross attention have theirs
        if (takesBias[i]) {
          HALFSTEP_TRY(parts[i], splitHeads(parts[i], heads));
        }
      }
    }
  }
  if (!call.has(3)) {
    return parts;
  }
  HALFSTEP_TRY(const std::vector<float> bias, floatsAt(call, 3, 0));
  const std::size_t width = dimensionOf(parts[0].shape(), 1) * dimensionOf(parts[0].shape(), 3);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (takesBias[i]) {
      HALFSTEP_TRY(parts[i], withBias(parts[i], bias, i * width));
    }
  }
  return parts;
}

} // namespace

/// Query, key, value, bias, key padding mask, added bias, past key, past value.
OpResult multiHeadAttention(const OpCall& call) {
  if (call.has(8) || call.has(9)) {
    return call.unsupported("shared buffers of past keys and values are not supported in it");
  }
  HALFSTEP_TRY(auto parts, multiHeads(call));
  MaskedAttention masked{{}, 0, 4, 5};
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (call.has(5 + i)) {
      HALFSTEP_TRY(const Tensor past, call.tensor(5 + i));
      HALFSTEP_TRY(parts[i], appended(call, past, parts[i]));
      masked.past = past.shape()[2];
    }
  }
  masked.problem.query = parts[0];
  masked.problem.key = parts[1];
  masked.problem.value = parts[2];
  masked.problem.kept = call.wants(3) ? KeptScores::products : KeptScores::none;
  HALFSTEP_TRY(const AttentionResult result, run(call, masked));
  HALFSTEP_TRY(Tensor output, joinedHeads(result.output));
  return std::vector<Value>{std::move(output), parts[1], parts[2], result.scores};
}

} // namespace halfstep
