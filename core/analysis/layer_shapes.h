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
  product, ///< a matrix of constants times rows of values: Gemm, MatMul
  other,   ///< its time is not measured: LayerShape::left says why
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
  /// Of products, batches flattened: [rows, depth]·[depth, columns], the weights on the right (a product with
  /// its weights on the left is the transposed one).
  std::int64_t rows = 0, depth = 0, columns = 0;
  std::int64_t macs = 0; ///< multiply-accumulates of one call; padding is counted as if it were values
  std::int64_t parameters = 0;
  std::int64_t calls = 0; ///< in one run, of all nodes that share the weight; a loop counts every time

  std::int64_t inputElements() const;
  std::int64_t outputElements() const;
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
