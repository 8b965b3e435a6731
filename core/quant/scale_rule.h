// From a scheme and a clipping range to scale and zero point: the arithmetic of docs/numbers.md. Internal to
// core/quant. A value; any thread.
#pragma once

#include "core/kernels/mapping_rule.h"
#include "core/quant/quantizer.h"

#include <cstdint>

namespace halfstep {

/// Scale and zero point of one segment: real = scale·(code − zero point).
using SegmentGrid = kernels::Grid;

/// A segment's clipping range and, for the `absmax` code range, the sign of its extreme value.
struct SegmentRange {
  ValueRange range;
  bool negativeExtreme = true;
};

/// Scale and zero point by the scheme's mapping and code range. A = max(|lo|, |hi|), b bits.
/// Symmetric: restricted A/(2^(b−1)−1), full A/2^(b−1), halfstep A/((2^b−1)/2), absmax ∓A/2^(b−1) (the
/// extreme value with its sign lands on −2^(b−1)); powerOfTwo: the same, rounded up to a power of two.
/// Asymmetric: as gridFor of mapping_rule.h, half away from zero where the scheme rounds so (TensorFlow
/// Lite). fp8: A/448, A/57344. fp16, bf16, fp32: 1. Sources: Jacob et al., arXiv 1712.05877; ONNX Runtime,
/// TensorRT, PyTorch, ggml as docs/numbers.md says.
class ScaleRule {
public:
  explicit ScaleRule(const Scheme& scheme);
  SegmentGrid gridFor(const SegmentRange& range) const;
  /// The codes that are used; all zero for formats that are not integers.
  const CodeLimits& limits() const { return m_limits; }
  /// The same for kernels that try many ranges.
  const kernels::MappingRule& mapping() const { return m_mapping; }
  kernels::GridRange gridRange(const SegmentRange& range) const;

private:
  bool m_hasScale;
  bool m_absmax;
  CodeLimits m_limits;
  kernels::MappingRule m_mapping;
};

} // namespace halfstep
