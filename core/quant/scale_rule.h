// From a clipping range to scale and zero point: the arithmetic of docs/numbers.md, in float32, one rounding
// per operation. A value; any thread.
#pragma once

#include "core/quant/quantizer.h"

#include <cstdint>

namespace halfstep {

/// Scale and zero point of one segment: real = scale·(code − zero point).
struct SegmentGrid {
  float scale = 1.0f;
  std::int32_t zeroPoint = 0;
  bool operator==(const SegmentGrid&) const = default;
};

/// A segment's clipping range and, for the `absmax` code range, the sign of its extreme value.
struct SegmentRange {
  ValueRange range;
  bool negativeExtreme = true;
};

/// Scale and zero point by the scheme's mapping and code range. A = max(|lo|, |hi|), b bits.
/// Symmetric: restricted A/(2^(b−1)−1), full A/2^(b−1), halfstep A/((2^b−1)/2), absmax ∓A/2^(b−1) (the
/// extreme value with its sign lands on −2^(b−1)); powerOfTwo: the same, rounded up to a power of two.
/// Asymmetric: lo and hi widened to contain 0, scale = (hi − lo)/(highest − lowest code), zero point =
/// saturate(round(lowest − lo/scale)), half to even (half away from zero where the scheme rounds so, as
/// TensorFlow Lite does). fp8: A/448, A/57344. fp16, bf16, fp32: 1.
/// A scale below the smallest normal float32, or one that is not finite, becomes 1 with the middle code.
/// Sources: Jacob et al., arXiv 1712.05877; ONNX Runtime, TensorRT, PyTorch, ggml as docs/numbers.md says.
class ScaleRule {
public:
  explicit ScaleRule(const Scheme& scheme);
  SegmentGrid gridFor(const SegmentRange& range) const;
  /// The codes that are used; all zero for formats that are not integers.
  const CodeLimits& limits() const { return m_limits; }

private:
  float symmetricScale(float magnitude, bool negativeExtreme) const;
  SegmentGrid asymmetricGrid(ValueRange range) const;

  Mapping m_mapping;
  CodeRange m_codeRange;
  Rounding m_rounding;
  FormatFamily m_family;
  CodeLimits m_limits;
  float m_divisor = 1.0f; ///< of the magnitude, for symmetric mappings
};

} // namespace halfstep
