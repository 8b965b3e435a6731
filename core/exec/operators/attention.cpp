// Attention (opsets 23 and 24) and what all attentions share. Source: ONNX's operator specification and the
// function body of Attention-24.
#include "core/exec/operators/attention.h"

#include "core/exec/operator_families.h"
#include "core/exec/operators/float_rows.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"
#include "core/support/parallel.h"

namespace halfstep {

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

struct AttentionSizes {
  std::size_t batch = 0, heads = 0, queries = 0, size = 0;
  std::size_t keyHeads = 0, keys = 0, valueSize = 0;
};

Result<AttentionSizes> sizesOf(const AttentionProblem& problem) {
  const Shape& q = problem.query.shape();
  const Shape& k = problem.key.shape();
  const Shape& v = problem.value.shape();
  const bool fits = q.size() == 4 && k.size() == 4 && v.size() == 4 && q[0] == k[0] && q[0] == v[0] &&
                    q[3] == k[3] && k[1] == v[1] && k[2] == v[2] && k[1] > 0 && q[1] % k[1] == 0 &&
                    (problem.sinks.empty() || static_cast<std::int64_t>(problem.sinks.size()) == q[1]);
  if (!fits) {
    return Error{ErrorKind::failed, "queries " + shapeText(q) + ", keys " + shapeText(k) + " and values " +
                                        shapeText(v) + " do not fit"};
  }
  if (problem.query.type() != problem.key.type() || problem.query.type() != problem.value.type()) {
    return Error{ErrorKind::failed, "queries, keys and values are of different types"};
  }
  return AttentionSizes{dimensionOf(q, 0), dimensionOf(q, 1), dimensionOf(q, 2), dimensionOf(q, 3),
                        dimensionOf(k, 1), dimensionOf(k, 2), dimensionOf(v, 3)};
}

void exponentialsOf(std::span<float> row, float most) {
  shiftedExponentials(row.data(), most, row.data(), row.size());
}
void exponentialsOf(std::span<double> row, double most) {
  for (double& value : row) {
    value = std::exp(value - most);
  }
}

/// In place. `sink`: one more score that takes part; −∞ for none.
template <class T>
void softmaxOf(std::span<T> row, T sink) {
  T most = sink;
  for (const T score : row) {
    most = std::max(most, score);
  }
  if (most == -std::numeric_limits<T>::infinity()) {
    std::fill(row.begin(), row.end(), T(0));
    return;
  }
  exponentialsOf(row, most);
  auto sum = static_cast<double>(std::exp(sink - most));
  for (const T weight : row) {
    sum += static_cast<double>(weight);
  }
  const auto by = static_cast<T>(1 / sum);
  for (T& weight : row) {
    weight *= by;
  }
}

/// The scores of one query against all keys, whose columns lie together.
template <class T>
void productsOf(const T* query, const std::vector<T>& columns, double scale, std::span<T> scores) {
  std::fill(scores.begin(), scores.end(), T(0));
  const std::size_t keys = scores.size();
  for (std::size_t d = 0; keys > 0 && d < columns.size() / keys; ++d) {
    const T factor = query[d] * static_cast<T>(scale);
    const T* column = columns.data() + d * keys;
    for (std::size_t k = 0; k < keys; ++k) {
      scores[k] += factor * column[k];
    }
  }
}

template <class T>
void cap(std::span<T> scores, double softcap) {
  for (T& score : scores) {
    score = static_cast<T>(softcap * std::tanh(static_cast<double>(score) / softcap));
  }
}

template <class T>
struct AttentionBuffers {
  NewTensor<T> output;
  NewTensor<T> scores;
};

/// One head of one batch entry.
template <class T>
void attendHead(const AttentionProblem& problem, const AttentionSizes& sizes, std::size_t batch,
                std::size_t head, const T* query, const T* key, const T* value, AttentionBuffers<T>& made) {
  std::vector<T> columns(sizes.size * sizes.keys);
  for (std::size_t k = 0; k < sizes.keys; ++k) {
    for (std::size_t d = 0; d < sizes.size; ++d) {
      columns[d * sizes.keys + k] = key[k * sizes.size + d];
    }
  }
  std::vector<T> scores(sizes.keys);
  std::vector<double> bias(sizes.keys);
  const T sink =
      problem.sinks.empty() ? -std::numeric_limits<T>::infinity() : static_cast<T>(problem.sinks[head]);
  for (std::size_t q = 0; q < sizes.queries; ++q) {
    const std::size_t row = (batch * sizes.heads + head) * sizes.queries + q;
    const auto keep = [&](KeptScores kind) {
      if (problem.kept == kind) {
        std::copy(scores.begin(), scores.end(), made.scores.values.data() + row * sizes.keys);
      }
    };
    productsOf<T>(query + q * sizes.size, columns, problem.scale, scores);
    keep(KeptScores::products);
    if (problem.softcap > 0) {
      cap<T>(scores, problem.softcap);
    }
    keep(KeptScores::softcapped);
    if (problem.bias) {
      std::fill(bias.begin(), bias.end(), 0.0);
      problem.bias(batch, head, q, bias);
      for (std::size_t k = 0; k < sizes.keys; ++k) {
        scores[k] += static_cast<T>(bias[k]);
      }
    }
    keep(KeptScores::biased);
    softmaxOf<T>(scores, sink);
    keep(KeptScores::weights);
    T* out = made.output.values.data() + row * sizes.valueSize;
    std::fill(out, out + sizes.valueSize, T(0));
    for (std::size_t k = 0; k < sizes.keys; ++k) {
      const T weight = scores[k];
      const T* from = value + k * sizes.valueSize;
      for (std::size_t d = 0; weight != T(0) && d < sizes.valueSize; ++d) {
        out[d] += weight * from[d];
      }
    }
  }
}

template <class T>
Result<AttentionResult> attendedAs(const AttentionProblem& problem, const AttentionSizes& sizes) {
  const bool keeps = problem.kept != KeptScores::none;
  const Shape& q = problem.query.shape();
  AttentionBuffers<T> made;
  HALFSTEP_TRY(made.output, newTensor<T>({q[0], q[1], q[2], problem.value.shape()[3]}));
  HALFSTEP_TRY(made.scores, newTensor<T>(keeps ? Shape{q[0], q[1], q[2], problem.key.shape()[2]} : Shape{0}));
  const Elements<T> query(problem.query);
  const Elements<T> key(problem.key);
  const Elements<T> value(problem.value);
  parallelFor(sizes.batch * sizes.heads, [&](std::size_t i) {
    const std::size_t shared =
        i / sizes.heads * sizes.keyHeads + i % sizes.heads / (sizes.heads / sizes.keyHeads);
    attendHead<T>(problem, sizes, i / sizes.heads, i % sizes.heads,
                  query.data() + i * sizes.queries * sizes.size,
                  key.data() + shared * sizes.keys * sizes.size,
                  value.data() + shared * sizes.keys * sizes.valueSize, made);
  });
  return AttentionResult{made.output.finish(), keeps ? made.scores.finish() : Tensor()};
}

} // namespace

Result<AttentionResult> attended(const AttentionProblem& problem) {
  HALFSTEP_TRY(const AttentionSizes sizes, sizesOf(problem));
  switch (problem.query.type()) {
  case ElementType::float32:
    return attendedAs<float>(problem, sizes);
  case ElementType::float64:
    return attendedAs<double>(problem, sizes);
  default:
    return Error{ErrorKind::failed, "attention takes floating-point numbers"};
  }
}

double attentionScale(const OpCall& call, std::int64_t size) {
  const float given = call.real("scale", 0.0f);
  return given != 0.0f ? static_cast<double>(given)
                       : 1 / std::sqrt(static_cast<double>(std::max<std::int64_t>(size, 1)));
}

Result<Tensor> splitHeads(const Tensor& tensor, std::int64_t heads) {
  constexpr std::size_t kOrder[] = {0, 2, 1, 3};
  const Shape& shape = tensor.shape();
  if (shape.size() != 3 || heads < 1 || shape[2] % heads != 0) {
    return Error{ErrorKind::failed,
                 shapeText(shape) + " does not divide into " + std::to_string(heads) + " heads"};
  }
  HALFSTEP_TRY(const Tensor apart, reshaped(tensor, {shape[0], shape[1], heads, shape[2] / heads}));
  return transposed(apart, kOrder);
}

Result<Tensor> joinedHeads(const Tensor& tensor) {
  constexpr std::size_t kOrder[] = {0, 2, 1, 3};
  const Shape& shape = tensor.shape();
  HALFSTEP_TRY(const Tensor turned, transposed(tensor, kOrder));
  return reshaped(turned, {shape[0], shape[2], shape[1] * shape[3]});
}

namespace {

/// The mask of an Attention: what it adds to each score, keys beyond it left out.
class AttentionMask {
public:
  /// `scores`: [batch, heads, queries, keys]. Error: the mask does not broadcast to it.
  static Result<AttentionMask> create(const Tensor& mask, const Shape& scores) {
    AttentionMask made;
    Shape target = scores;
    if (!mask.shape().empty()) { // fewer keys than there are: the others are masked
      target.back() = mask.shape().back() == 1 ? scores.back() : mask.shape().back();
    }
    HALFSTEP_TRY(const Shape together, broadcastShape(mask.shape(), target));
    if (together != target || target.back() > scores.back()) {
      return Error{ErrorKind::failed,
                   "the mask " + shapeText(mask.shape()) + " does not fit scores of " + shapeText(scores)};
    }
    made.m_mask = mask;
    made.m_strides = broadcastStrides(mask.shape(), target);
    made.m_keys = dimensionOf(target, 3);
    return made;
  }

  void addTo(std::size_t batch, std::size_t head, std::size_t query, std::span<double> bias) const {
    const auto stride = [&](std::size_t axis) { return static_cast<std::size_t>(m_strides[axis]); };
    const std::size_t start = batch * stride(0) + head * stride(1) + query * stride(2);
    const bool isBoolean = m_mask.type() == ElementType::boolean;
    for (std::size_t k = 0; k < m_keys; ++k) {
      const double value = m_mask.valueAt(start + k * stride(3));
      bias[k] += isBoolean ? (value != 0 ? 0.0 : kNever) : value;
    }
    std::fill(bias.begin() + static_cast<std::ptrdiff_t>(m_keys), bias.end(), kNever);
  }

private:
  Tensor m_mask;
  std::vector<std::int64_t> m_strides;
  std::size_t m_keys = 0;
};

/// Mask, causality and padding of one node together.
struct AttentionLimits {
  std::optional<AttentionMask> mask;
  bool causal = false;
  std::vector<std::int64_t> before; ///< per batch entry: keys before the first query's own
  std::vector<std::int64_t> valid;  ///< per batch entry: keys that are no padding; empty: all

  void operator()(std::size_t batch, std::size_t head, std::size_t query, std::span<double> bias) const {
    if (mask) {
      mask->addTo(batch, head, query, bias);
    }
    const auto leaveOut = [&](std::int64_t from) {
      const auto first = std::clamp<std::int64_t>(from, 0, static_cast<std::int64_t>(bias.size()));
      std::fill(bias.begin() + first, bias.end(), kNever);
    };
    if (causal) {
      leaveOut(static_cast<std::int64_t>(query) + before[batch] + 1);
    }
    if (!valid.empty()) {
      leaveOut(valid[batch]);
    }
  }
};

Result<AttentionLimits> limitsOf(const OpCall& call, const AttentionProblem& problem) {
  const Shape& q = problem.query.shape();
  const auto batches = static_cast<std::size_t>(q[0]);
  AttentionLimits limits;
  if (call.has(3)) {
    HALFSTEP_TRY(const Tensor mask, call.tensor(3));
    HALFSTEP_TRY(limits.mask, AttentionMask::create(mask, {q[0], q[1], q[2], problem.key.shape()[2]}));
  }
  limits.causal = call.integer("is_causal", 0) != 0;
  std::int64_t past = 0;
  if (call.has(4)) {
    HALFSTEP_TRY(const Tensor key, call.tensor(4));
    past = key.shape()[2]; // it was joined to the others
  }
  limits.before.assign(batches, past);
  if (call.has(6)) {
    HALFSTEP_TRY(limits.valid, call.integers(6));
    if (limits.valid.size() != batches) {
      return call.fail("nonpad_kv_seqlen is not one number per batch entry");
    }
    for (std::size_t i = 0; i < batches && !call.has(4); ++i) { // the queries are the last of the keys
      limits.before[i] = std::clamp<std::int64_t>(limits.valid[i], 0, problem.key.shape()[2]) - q[2];
    }
  }
  return limits;
}

/// Input `index` as [batch, heads, length, size], behind what input `pastAt` holds.
Result<Tensor> withPast(const OpCall& call, std::size_t index, std::size_t pastAt, std::string_view heads) {
  HALFSTEP_TRY(Tensor tensor, call.tensor(index));
  if (tensor.shape().size() == 3) {
    HALFSTEP_TRY(tensor, splitHeads(tensor, call.integer(heads, 0)));
  }
  if (pastAt == 0 || !call.has(pastAt)) {
    return tensor;
  }
  HALFSTEP_TRY(const Tensor past, call.tensor(pastAt));
  if (past.shape().size() != 4 || tensor.shape().size() != 4) {
    return call.fail("past keys or values of " + shapeText(past.shape()) + " do not fit");
  }
  return concatenated(std::vector<Tensor>{past, tensor}, 2);
}

OpResult attention(const OpCall& call) {
  constexpr KeptScores kKinds[] = {KeptScores::products, KeptScores::softcapped, KeptScores::biased,
                                   KeptScores::weights};
  HALFSTEP_TRY(const Tensor query, call.tensor(0));
  const bool flat = query.shape().size() == 3;
  AttentionProblem problem;
  HALFSTEP_TRY(problem.query, withPast(call, 0, 0, "q_num_heads"));
  HALFSTEP_TRY(problem.key, withPast(call, 1, 4, "kv_num_heads"));
  HALFSTEP_TRY(problem.value, withPast(call, 2, 5, "kv_num_heads"));
  HALFSTEP_CHECK(sizesOf(problem));
  HALFSTEP_TRY(const AttentionLimits limits, limitsOf(call, problem));
  problem.scale = attentionScale(call, problem.query.shape()[3]);
  problem.softcap = static_cast<double>(call.real("softcap", 0.0f));
  if (limits.mask || limits.causal || !limits.valid.empty()) {
    problem.bias = limits;
  }
  const std::int64_t mode = call.integer("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3) {
    return call.fail("qk_matmul_output_mode " + std::to_string(mode) + " is unknown");
  }
  problem.kept = call.wants(3) ? kKinds[mode] : KeptScores::none;
  HALFSTEP_TRY(AttentionResult result, attended(problem));
  if (flat) {
    HALFSTEP_TRY(result.output, joinedHeads(result.output));
  }
  std::vector<Value> outputs{std::move(result.output), problem.key, problem.value};
  if (call.wants(3)) {
    outputs.emplace_back(std::move(result.scores));
  }
  return outputs;
}

constexpr OperatorEntry kEntries[] = {
    {"", "Attention", attention, Widening::floats},
    {"com.microsoft", "Attention", contribAttention, Widening::floats},
    {"com.microsoft", "GroupQueryAttention", groupQueryAttention, Widening::floats},
    {"com.microsoft", "MultiHeadAttention", multiHeadAttention, Widening::floats},
    {"com.microsoft", "QAttention", quantizedAttention, Widening::floats},
};

} // namespace

std::span<const OperatorEntry> attentionOperators() {
  return kEntries;
}

} // namespace halfstep
