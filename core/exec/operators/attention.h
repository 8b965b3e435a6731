// Scaled dot-product attention, and rotary positions: what ONNX's own operators and those of com.microsoft
// share. Internal to the operators.
#pragma once

#include "core/exec/operator_call.h"

#include <functional>
#include <span>

namespace halfstep {

/// Which scores an attention is to return beside its result.
enum class KeptScores {
  none,
  products,   ///< q·k·scale
  softcapped, ///< the same after softcap
  biased,     ///< the same plus the bias
  weights,    ///< after the softmax
};

/// Fills `bias`, which is 0, with what is added to the scores of one query against every key; −∞ leaves a key
/// out. Called from several threads.
using AttentionBias =
    std::function<void(std::size_t batch, std::size_t head, std::size_t query, std::span<double> bias)>;

struct AttentionProblem {
  Tensor query; ///< [batch, heads, queries, size], float32 or float64
  Tensor key;   ///< [batch, key heads, keys, size]; each serves heads / key heads neighbouring query heads
  Tensor value; ///< [batch, key heads, keys, value size]
  double scale = 1;
  double softcap = 0; ///< scores become softcap · tanh(score / softcap); 0: they stay
  AttentionBias bias; ///< may be empty
  /// One number per head that takes part in the softmax and then is dropped; empty for none.
  std::vector<float> sinks;
  KeptScores kept = KeptScores::none;
};

struct AttentionResult {
  Tensor output; ///< [batch, heads, queries, value size]
  Tensor scores; ///< [batch, heads, queries, keys]; undefined unless asked for
};

/// softmax(softcap(q·kᵀ·scale) + bias)·v. A query that may look at no key gives zeros. Errors: shapes or
/// types that do not fit together.
Result<AttentionResult> attended(const AttentionProblem& problem);

/// 1/√size, or the attribute `scale` where it is given and not 0.
double attentionScale(const OpCall& call, std::int64_t size);

/// [batch, length, heads·size] as [batch, heads, length, size], and back.
Result<Tensor> splitHeads(const Tensor& tensor, std::int64_t heads);
Result<Tensor> joinedHeads(const Tensor& tensor);

/// What com.microsoft's attentions add to their scores: a tensor that broadcasts to them, undefined for none.
struct AddedBias {
  Tensor tensor;
  std::vector<std::int64_t> strides;

  void addTo(std::size_t batch, std::size_t head, std::size_t query, std::span<double> bias) const;
};

/// The bias in input `index` for scores of shape [batch, heads, queries, keys]. Error: it does not broadcast.
Result<AddedBias> addedBias(const OpCall& call, std::size_t index, const Shape& scores);

/// Cosines and sines of positions, and which row each element of a batch takes.
struct RotaryRows {
  Tensor cosines; ///< [rows, half], float32
  Tensor sines;
  std::vector<std::int64_t> rows; ///< [batch · length]
};

/// `x` ([batch, heads, length, size], float32) with its first 2·half numbers rotated: pairs (i, i + half), or
/// (2i, 2i + 1) where `interleaved`, by the angle of row `rows`. Errors: shapes that do not fit; a row that
/// is not there.
Result<Tensor> rotated(const Tensor& x, const RotaryRows& angles, bool interleaved);

OpResult contribAttention(const OpCall& call);
OpResult quantizedAttention(const OpCall& call);
OpResult multiHeadAttention(const OpCall& call);
OpResult groupQueryAttention(const OpCall& call);
OpResult contribRotaryEmbedding(const OpCall& call);

} // namespace halfstep
