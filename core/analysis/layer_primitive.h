// One layer made ready to be run alone in one type: its kernel built, its weights in the order that the
// kernel wants. What measureLatency times.
#pragma once

#include "core/analysis/roofline.h"

#include <functional>
#include <string>
#include <vector>

namespace halfstep {

/// Made-up values for a layer, drawn from a seed: time does not depend on them.
struct LayerValues {
  std::vector<float>
      input; ///< ≥ 0, as after a Relu; in the order of LayerShape::input, products [rows, depth]
  /// The output channels slowest: [M, C/g, k…], transposed convolutions [g, M/g, C/g, k…], products
  /// [columns, depth]. Of a recurrence the whole node's: [directions, features, gates, hidden], then
  /// [directions, hidden, gates, hidden].
  std::vector<float> weights;
};
/// Errors: not enough memory; a layer of kind `other`.
Result<LayerValues> drawLayerValues(const LayerShape& shape, std::uint64_t seed);

/// Owns everything it needs. One thread at a time; the kernels within use all threads, or one where the
/// executor would not share the layer (LayerShape::isWorthSharing()).
struct PreparedLayer {
  std::string implementation;          ///< as oneDNN calls it ("jit_int8:avx512_core_vnni"), or our kernel
  std::function<void()> run;           ///< the layer alone; may throw dnnl::error
  std::function<void()> convertInput;  ///< row-major float32 to what `run` reads; empty: nothing to do
  std::function<void()> convertOutput; ///< and what it wrote to row-major float32
  std::function<std::vector<float>()> output; ///< what the last `run` wrote, as row-major float32
};

/// The input is converted already. int8: values u8 with one scale (the largest value at 255), weights s8 with
/// a scale per output channel (±127), sums s32, output s8 with one scale that `outputMagnitude`, the largest
/// magnitude of the float output, has at 127. bf16: all in bfloat16. int4: products only, by
/// kernels::int4Matvec on up to kMostMatvecRows rows; groups of kInt4Group, asymmetric. A
/// recurrence: its whole node, states from zero; int8: values u8, −1…1 at 1…255, weights s8 with a scale per
/// gate and channel, output u8. Errors of kind
/// `unsupported` say why there is no kernel for it on this CPU; `failed`: oneDNN refuses it, not enough
/// memory.
Result<PreparedLayer> prepareLayer(const LayerShape& shape, LatencyType type, const LayerValues& values,
                                   float outputMagnitude);

/// Runs one of the functions above, its exceptions as errors.
Result<void> callPrepared(const std::function<void()>& work);

/// Whether oneDNN runs int8 with VNNI instructions here.
bool hasVnni();

} // namespace halfstep
