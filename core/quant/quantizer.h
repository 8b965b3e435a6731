// Quantizes a layer's weights by a scheme: ranges → scales and zero points → error figures (fused, nothing
// written) → codes and dequantized values where they are wanted. Codes follow ONNX's QuantizeLinear: the
// float32 quotient x / scale, rounded (half to even unless the scheme says otherwise), plus the zero point,
// saturated. All functions are pure and may run on any thread.
#pragma once

#include "core/quant/error_metrics.h"
#include "core/quant/scheme.h"
#include "core/quant/weight_matrix.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace halfstep {

/// The clipping range of one segment, in real values.
struct ValueRange {
  float lo = 0.0f;
  float hi = 0.0f;
  bool operator==(const ValueRange&) const = default;
};

/// How a matrix falls into segments that share a scale: one for the tensor, one per channel, or groups within
/// a channel (a group never crosses a channel; the last one of a channel may be short).
struct Segmentation {
  std::size_t channels = 0;
  std::size_t valuesPerChannel = 0;
  Granularity::Kind kind = Granularity::Kind::tensor;
  std::size_t segmentLength = 0;      ///< values per segment: all, valuesPerChannel, or the group size
  std::size_t segmentsPerChannel = 0; ///< 1 unless groups; for `tensor` also 1

  static Segmentation of(const WeightMatrix& matrix, const Granularity& granularity);
  /// The same from the weight's shape alone. `channelAxes`: as Layer::channelAxes, within the shape's rank.
  static Segmentation of(const Shape& shape, std::span<const int> channelAxes,
                         const Granularity& granularity);
  /// How many scales there are.
  std::size_t count() const { return kind == Granularity::Kind::tensor ? 1 : channels * segmentsPerChannel; }
  bool operator==(const Segmentation&) const = default;
};

/// What decodes the codes: real = scale·(code − zero point).
struct QuantizationParameters {
  Scheme scheme;
  Segmentation segmentation;
  std::vector<float> scales; ///< one per segment, channel-major; all 1 for fp16/bf16; empty for fp32
  std::vector<std::int32_t>
      zeroPoints;                 ///< the same length; all equal to the middle code for symmetric mappings
  std::vector<ValueRange> ranges; ///< what the range rule chose, before it became a scale
};

/// Bytes of the quantized weights: packed codes + scales (float32 each) + zero points (code width, packed;
/// asymmetric only). fp16/bf16: 2 bytes a value. fp32: the original bytes.
std::int64_t quantizedBytes(const Scheme& scheme, const Segmentation& segmentation, int originalBits);

/// One layer under one scheme: parameters and errors. Shared as std::shared_ptr<const …>.
struct LayerQuantization {
  QuantizationParameters parameters;
  std::vector<ErrorSums> channels; ///< one per channel
  ErrorSums total;
  std::int64_t bytes = 0;
  double bitsPerWeight = 0.0;
};

/// Finds range, scale and zero point of every segment. A segment whose values are all zero (or whose scale
/// would be below the smallest normal float32) gets scale 1 and the zero point of a symmetric mapping. NaN
/// and ±∞ take no part. `channelRanges`: the smallest and largest value of every channel where they are known
/// already and all values are finite; saves one reading of the values. Errors: what checkSupported says;
/// cancelled.
Result<QuantizationParameters> chooseParameters(const WeightMatrix& matrix, const Scheme& scheme,
                                                const JobContext& context,
                                                std::span<const ValueRange> channelRanges = {});

/// The error figures of given parameters: one pass over the values, nothing written.
Result<LayerQuantization> evaluateParameters(const WeightMatrix& matrix, QuantizationParameters parameters,
                                             const JobContext& context);

/// The same for `result.parameters`, in the memory that `result` has already: for callers that evaluate again
/// and again. After an error `result` holds nothing of use.
Result<void> evaluateInto(const WeightMatrix& matrix, LayerQuantization& result, const JobContext& context);

/// chooseParameters, then evaluateParameters.
Result<LayerQuantization> quantizeLayer(const WeightMatrix& matrix, const Scheme& scheme,
                                        const JobContext& context,
                                        std::span<const ValueRange> channelRanges = {});

/// Codes and decoded values, for export.
struct QuantizedValues {
  /// One code per value, in the order of WeightMatrix::values(). Integers as they are; for fp16/bf16/fp8 the
  /// bit patterns; empty for fp32.
  std::vector<std::int32_t> codes;
  std::vector<float> dequantized;
};
/// NaN gives the zero point's code, ±∞ saturate (integer formats; ONNX leaves NaN open). Peak memory 8 bytes
/// a value.
Result<QuantizedValues> quantizeValues(const WeightMatrix& matrix, const QuantizationParameters& parameters,
                                       const JobContext& context);

/// The codes alone, in the weight's own order: the low `width` bytes of each, little-endian. Empty for fp32.
/// For layers whose codes and values together would take too much memory. Peak memory `width` bytes a value.
Result<std::vector<std::byte>> codesInWeightOrder(const WeightMatrix& matrix,
                                                  const QuantizationParameters& parameters, std::size_t width,
                                                  const JobContext& context);
/// The decoded values alone, in the weight's own order. Peak memory 4 bytes a value.
Result<std::vector<float>> dequantizedInWeightOrder(const WeightMatrix& matrix,
                                                    const QuantizationParameters& parameters,
                                                    const JobContext& context);

} // namespace halfstep
