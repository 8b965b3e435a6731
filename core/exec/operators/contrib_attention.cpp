// The attentions of the domain com.microsoft. Semantics: ONNX Runtime's docs/ContribOperators.md.
#include "core/exec/operators/attention.h"
#include "core/exec/operators/onednn.h"
#include "core/exec/operators/quantizing.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"

#include <array>

namespace halfstep {

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

/// What is added to the scores: undefined, or a tensor that broadcasts to [batch, heads, queries, keys].
struct AddedBias {
  Tensor tensor;
  std::vector<std::int64_t> strides;

  void addTo(std::size_t batch, std::size_t head, std::size_t query, std::span<double> bias) const {
    if (tensor.type() == ElementType::undefined) {
      return;
    }
    const auto stride = [&](std::size_t axis) { return static_cast<std::size_t>(strides[axis]); };
    const std::size_t start = batch * stride(0) + head * stride(1) + query * stride(2);
    const std::size_t most =
        dimensionOf(tensor.shape(), 3) == 1 ? bias.size() : dimensionOf(tensor.shape(), 3);
    for (std::size_t k = 0; k < std::min(bias.size(), most); ++k) {
      bias[k] += tensor.valueAt(start + k * stride(3));
    }
  }
};

Result<AddedBias> addedBias(const OpCall& call, std::size_t index, const Places& at) {
  AddedBias made;
  if (call.has(index)) {
    HALFSTEP_TRY(made.tensor, call.tensor(index));
    const Shape scores{at.batch, at.heads, at.queries, at.keys};
    HALFSTEP_TRY(const Shape together, broadcastShape(made.tensor.shape(), scores));
    if (together != scores || made.tensor.shape().size() != 4) {
      return call.fail("a bias of " + shapeText(made.tensor.shape()) + " does not fit scores of " +
                       shapeText(scores));
    }
    made.strides = broadcastStrides(made.tensor.shape(), scores);
  }
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
  HALFSTEP_TRY(const AddedBias added, addedBias(call, masked.biasAt, at));
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

namespace {

/// The sequences of a GroupQueryAttention.
struct GroupQueries {
  Tensor query, key, value;         ///< [batch, heads, length, size]
  std::vector<std::int64_t> totals; ///< keys of each sequence, the new ones included
  std::vector<std::int64_t> pasts;  ///< keys before the new ones
  std::int64_t most = 0;            ///< of `totals`, as the model says
};

Result<GroupQueries> groupQueries(const OpCall& call) {
  const std::int64_t heads = call.integer("num_heads", 0);
  const std::int64_t keyHeads = call.integer("kv_num_heads", 0);
  GroupQueries made;
  HALFSTEP_TRY(const Tensor query, call.tensor(0));
  if (heads < 1 || keyHeads < 1 || query.shape().size() != 3) {
    return call.fail("it takes queries of three axes and numbers of heads");
  }
  if (call.has(1) && call.has(2)) {
    HALFSTEP_TRY(const Tensor key, call.tensor(1));
    HALFSTEP_TRY(const Tensor value, call.tensor(2));
    HALFSTEP_TRY(made.query, splitHeads(query, heads));
    HALFSTEP_TRY(made.key, splitHeads(key, keyHeads));
    HALFSTEP_TRY(made.value, splitHeads(value, keyHeads));
  } else {
    HALFSTEP_TRY(const Tensor together, splitHeads(query, heads + 2 * keyHeads));
    HALFSTEP_TRY(made.query, sliced(together, 1, 0, heads));
    HALFSTEP_TRY(made.key, sliced(together, 1, heads, keyHeads));
    HALFSTEP_TRY(made.value, sliced(together, 1, heads + keyHeads, keyHeads));
  }
  const Shape& shape = made.query.shape();
  HALFSTEP_TRY(made.totals, call.integers(5));
  HALFSTEP_TRY(const double most, call.scalar(6));
  made.most = static_cast<std::int64_t>(most);
  if (static_cast<std::int64_t>(made.totals.size()) != shape[0] || made.key.shape()[0] != shape[0] ||
      made.key.shape()[2] != shape[2] || made.value.shape() != made.key.shape()) {
    return call.fail("its keys or sequence lengths do not fit " + shapeText(query.shape()));
  }
  for (std::int64_t& total : made.totals) {
    if (total < 0 || total >= made.most) {
      return call.fail("a sequence of " + std::to_string(total) + " + 1 is longer than the longest");
    }
    ++total;
    made.pasts.push_back(shape[2] >= made.most ? 0 : total - shape[2]);
    if (made.pasts.back() < 0) {
      return call.fail("a sequence is shorter than its new part");
    }
  }
  return made;
}

/// Past keys (or values) of each sequence followed by its new ones; what lies behind is zero.
Result<Tensor> present(const OpCall& call, std::size_t pastAt, const Tensor& fresh,
                       const GroupQueries& queries) {
  const Shape& shape = fresh.shape();
  std::optional<Elements<float>> past;
  std::int64_t room = 0;
  if (call.has(pastAt)) {
    HALFSTEP_TRY(const Tensor given, call.tensor(pastAt));
    const Shape& own = given.shape();
    if (given.type() != ElementType::float32) {
      return call.unsupported("quantized keys and values are not supported");
    }
    if (own.size() != 4 || own[0] != shape[0] || own[1] != shape[1] || own[3] != shape[3]) {
      return call.fail("past keys or values of " + shapeText(own) + " do not fit " + shapeText(shape));
    }
    room = own[2];
    past.emplace(given);
  }
  const std::int64_t length = std::max(room, queries.most);
  HALFSTEP_TRY(const auto made, newTensor<float>({shape[0], shape[1], length, shape[3]}));
  std::fill(made.values.begin(), made.values.end(), 0.0f);
  const Elements<float> in(fresh);
  for (std::int64_t i = 0; i < shape[0] * shape[1]; ++i) {
    const std::int64_t before = queries.pasts[static_cast<std::size_t>(i / shape[1])];
    const std::int64_t count = std::min(shape[2], length - before);
    if (before > room) {
      return call.fail("there are fewer past keys than its sequence lengths say");
    }
    float* out = made.values.data() + i * length * shape[3];
    if (past) {
      const float* from = past->data() + i * room * shape[3];
      std::copy(from, from + before * shape[3], out);
    }
    const float* from = in.data() + i * shape[2] * shape[3];
    std::copy(from, from + count * shape[3], out + before * shape[3]);
  }
  return made.finish();
}

/// Rotates queries and keys by their positions: those given, or counted from the past ones.
Result<void> rotate(const OpCall& call, GroupQueries& queries) {
  if (call.integer("do_rotary", 0) == 0) {
    return {};
  }
  RotaryRows angles;
  HALFSTEP_TRY(angles.cosines, call.tensor(7));
  HALFSTEP_TRY(angles.sines, call.tensor(8));
  const std::int64_t length = queries.query.shape()[2];
  if (call.has(9)) {
    HALFSTEP_TRY(angles.rows, call.integers(9));
  } else {
    for (const std::int64_t past : queries.pasts) {
      for (std::int64_t i = 0; i < length; ++i) {
        angles.rows.push_back(past + i);
      }
    }
  }
  const bool interleaved = call.integer("rotary_interleaved", 0) != 0;
  HALFSTEP_TRY(queries.query, rotated(queries.query, angles, interleaved));
  HALFSTEP_TRY(queries.key, rotated(queries.key, angles, interleaved));
  return {};
}

/// One score per head that only thins out the others: given, or 0 with `smooth_softmax`.
Result<std::vector<float>> sinksOf(const OpCall& call, std::size_t heads) {
  if (call.has(11)) {
    return floatsAt(call, 11, heads);
  }
  return call.integer("smooth_softmax", 0) != 0 ? std::vector<float>(heads, 0.0f) : std::vector<float>();
}

} // namespace

/// Query, key, value, past key, past value, sequence lengths − 1, longest length, cosines, sines, positions,
/// added bias, head sinks.
OpResult groupQueryAttention(const OpCall& call) {
  if (call.has(12) || call.has(13) || call.has(14) || call.has(15) ||
      call.integer("sliding_window_cache", 0) != 0) {
    return call.unsupported("quantized or windowed caches and norms of queries are not supported");
  }
  HALFSTEP_TRY(GroupQueries queries, groupQueries(call));
  HALFSTEP_CHECK(rotate(call, queries));
  HALFSTEP_TRY(const Tensor keys, present(call, 3, queries.key, queries));
  HALFSTEP_TRY(const Tensor values, present(call, 4, queries.value, queries));
  AttentionProblem problem;
  const Shape shape = queries.query.shape();
  problem.query = queries.query;
  HALFSTEP_TRY(problem.key, sliced(keys, 2, 0, queries.most));
  HALFSTEP_TRY(problem.value, sliced(values, 2, 0, queries.most));
  problem.scale = attentionScale(call, shape[3]);
  problem.softcap = static_cast<double>(call.real("softcap", 0.0f));
  HALFSTEP_TRY(problem.sinks, sinksOf(call, dimensionOf(shape, 1)));
  const std::int64_t kept = call.integer("qk_output", 0);
  problem.kept = kept == 1 ? KeptScores::biased : (kept == 2 ? KeptScores::weights : KeptScores::none);
  HALFSTEP_TRY(const AddedBias added, addedBias(call, 10, {shape[0], shape[1], shape[2], 0, queries.most}));
  const bool causal = call.integer("causal", 1) != 0;
  const std::int64_t window = call.integer("local_window_size", -1);
  problem.bias = [&](std::size_t batch, std::size_t head, std::size_t query, std::span<double> bias) {
    added.addTo(batch, head, query, bias);
    const std::int64_t own = queries.pasts[batch] + static_cast<std::int64_t>(query);
    for (std::int64_t k = 0; k < queries.most; ++k) {
      const bool seen =
          k < queries.totals[batch] && (!causal || k <= own) && (window < 0 || k > own - window);
      bias[static_cast<std::size_t>(k)] = seen ? bias[static_cast<std::size_t>(k)] : kNever;
    }
  };
  HALFSTEP_TRY(AttentionResult result, attended(problem));
  HALFSTEP_TRY(Tensor output, joinedHeads(result.output));
  return std::vector<Value>{std::move(output), keys, values, std::move(result.scores)};
}

} // namespace halfstep
