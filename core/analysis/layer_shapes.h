// What every layer of a network works on: shapes, multiplications and bytes, seen in one run of it. The
// material of measured and estimated latency.
#pragma once

#include "core/analysis/samples.h"
#include "core/exec/executor.h"

#include <string>
#include <vector>

namespace halfstep {

enum class LayerKind {
  convolution,
  transposedConvolution,
  product,    ///< a matrix of constants times rows of values: Gemm, MatMul
  recurrence, ///< one of the matrices of an RNN, GRU or LSTM
  other,      ///< its time is not measured: LayerShape::left says why
};

/// A convolution's geometry, one number per spatial axis; padding may be negative for transposed ones.
struct LayerWindows {
  std::int64_t groups = 1;
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations; ///< 1: none
  std::vector<std::int64_t> before;
  std::vector<std::int64_t> after;
  bool operator==(const LayerWindows&) const = default;
};

enum class RecurrentCell { rnn, gru, lstm };

/// What an RNN, GRU or LSTM works on. Its matrices are layers of their own, but the node is measured whole;
/// each of them has its share of the time by multiplications.
struct LayerRecurrence {
  std::string first; ///< the first of the node's layers: what tells its node from others
  RecurrentCell cell = RecurrentCell::lstm;
  bool linearBeforeReset = false; ///< GRU
  bool rectifies = false;         ///< RNN: Relu instead of Tanh
  std::int64_t steps = 0, batch = 0, features = 0, hidden = 0;
  std::int64_t directions = 1;

  std::int64_t gates() const;
  std::int64_t macs() const; ///< of the whole node
  bool operator==(const LayerRecurrence&) const = default;
};

/// One layer in one run. A value.
struct LayerShape {
  std::string name;
  std::string op;
  LayerKind kind = LayerKind::other;
  std::string left; ///< why it is not measured; empty unless `kind` is `other`
  Shape input;      ///< as the node is given it; empty where the run did not reach it
  Shape weight;     ///< likewise. Conv: [M, C/g, k…]; ConvTranspose: [C, M/g, k…]
  Shape output;
  LayerWindows windows; ///< of convolutions
  LayerRecurrence recurrence;
  /// Of products, batches flattened: [rows, depth]·[depth, columns], the weights on the right (a product with
  /// its weights on the left is the transposed one).
  std::int64_t rows = 0, depth = 0, columns = 0;
  std::int64_t macs = 0; ///< multiply-accumulates of one call; padding is counted as if it were values
  std::int64_t parameters = 0;
  std::int64_t calls = 0; ///< in one run, of all nodes that share the weight; a loop counts every time

  std::int64_t inputElements() const;
  std::int64_t outputElements() const;
  /// Whether the executor shares one call of it between threads; smaller ones it runs on one.
  bool isWorthSharing() const;
  /// Of a recurrence: the whole node as one layer; otherwise itself.
  LayerShape measuredAs() const;
  bool operator==(const LayerShape&) const = default;
};

/// Runs the network once on `inputs` and returns one entry for every layer, in the model's order; of a weight
/// that several nodes use, the first node that ran counts. Layers within subgraphs and functions are seen as
/// well. Errors: those of Executor::run; cancelled. Any thread.
Result<std::vector<LayerShape>>
findLayerShapes(const Executor& executor, const std::map<std::string, Value>& inputs, const JobContext& job);

/// The same on sample `index` of a data set.
Result<std::vector<LayerShape>> findLayerShapes(const Executor& executor, const SampleSource& samples,
                                                std::size_t index, const JobContext& job);

} // namespace halfstep
