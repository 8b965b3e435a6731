// GroupQueryAttention of the domain com.microsoft. Semantics: ONNX Runtime's docs/ContribOperators.md.
#include "core/exec/operators/attention.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"

#include <optional>

namespace halfstep {

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
  HALFSTEP_TRY(const AddedBias added, addedBias(call, 10, {shape[0], shape[1], shape[2], queries.most}));
  const bool causal = call.integer("causal", 1) != 0;
  const std::int64_t window = call.integer("local_window_size", -1);
  problem.bias = [&](std::size_t batch, std::size_t head, std::size_t query, std::span<double> bias) {
    added.addTo(batch, head, query, bias);
    const std::int64_t own = queries.pasts[batch] + static_cast<std::int64_t>(query);
    for (std::int64_t k = 0; k < queries.most; ++k) {
      const bool seen =
          k < queries.totals[batch] && (!causal || k <= own) && (window < 0 || k > own - window);
      bias[static_cast<std::size_t>(k)] =
          seen ? bias[static_cast<std::size_t>(k)] : -std::numeric_limits<double>::infinity();
    }
  };
  HALFSTEP_TRY(AttentionResult result, attended(problem));
  HALFSTEP_TRY(Tensor output, joinedHeads(result.output));
  return std::vector<Value>{std::move(output), keys, values, std::move(result.scores)};
}

} // namespace halfstep
