#include "core/quant/scale_rule.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace halfstep {

namespace {

float divisorOf(const Scheme& scheme, const FormatFacts& facts) {
  if (scheme.format == NumberFormat::fp8e4m3) {
    return 448.0f;
  }
  if (scheme.format == NumberFormat::fp8e5m2) {
    return 57344.0f;
  }
  const auto half = static_cast<float>(1 << (facts.bits - 1));
  switch (scheme.codeRange) {
  case CodeRange::restricted:
    return half - 1.0f;
  case CodeRange::full:
  case CodeRange::absmax:
    return half;
  case CodeRange::halfstep:
    return half - 0.5f;
  }
  return half;
}

/// The smallest power of two that is not below `scale` (finite, positive), exactly.
float powerOfTwoAbove(float scale) {
  int exponent = 0;
  const float fraction = std::frexp(scale, &exponent); // scale = fraction·2^exponent, fraction in [0.5, 1)
  return std::ldexp(1.0f, fraction == 0.5f ? exponent - 1 : exponent);
}

bool usable(float scale) {
  return std::isfinite(scale) && std::abs(scale) >= std::numeric_limits<float>::min();
}

} // namespace

ScaleRule::ScaleRule(const Scheme& scheme)
    : m_mapping(scheme.mapping)
    , m_codeRange(scheme.codeRange)
    , m_rounding(scheme.rounding)
    , m_family(formatFacts(scheme.format).family) {
  const FormatFacts& facts = formatFacts(scheme.format);
  if (m_family == FormatFamily::integer) {
    m_limits = codeLimits(scheme.format, scheme.codeRange);
  }
  if (m_family == FormatFamily::integer || m_family == FormatFamily::scaledFloating) {
    m_divisor = divisorOf(scheme, facts);
  }
}

float ScaleRule::symmetricScale(float magnitude, bool negativeExtreme) const {
  const float scale = magnitude / m_divisor;
  if (!usable(scale)) {
    return scale;
  }
  if (m_mapping == Mapping::powerOfTwo) {
    return powerOfTwoAbove(scale);
  }
  return m_codeRange == CodeRange::absmax && !negativeExtreme ? -scale : scale;
}

SegmentGrid ScaleRule::asymmetricGrid(ValueRange range) const {
  const float lo = std::min(range.lo, 0.0f);
  const float hi = std::max(range.hi, 0.0f);
  const auto steps = static_cast<float>(m_limits.highest - m_limits.lowest);
  float scale = (hi - lo) / steps;
  if (std::isinf(scale)) {
    scale = hi / steps - lo / steps;
  }
  if (!usable(scale)) {
    return {1.0f, m_limits.middle};
  }
  const auto lowest = static_cast<float>(m_limits.lowest);
  const auto highest = static_cast<float>(m_limits.highest);
  const float exact = lowest - lo / scale;
  const float nearest = m_rounding == Rounding::away ? std::round(exact) : std::nearbyint(exact);
  return {scale, static_cast<std::int32_t>(std::clamp(nearest, lowest, highest))};
}

SegmentGrid ScaleRule::gridFor(const SegmentRange& segment) const {
  if (m_family == FormatFamily::floating) {
    return {};
  }
  if (m_mapping == Mapping::asymmetric) {
    return asymmetricGrid(segment.range);
  }
  const float magnitude = std::max(std::abs(segment.range.lo), std::abs(segment.range.hi));
  const float scale = symmetricScale(magnitude, segment.negativeExtreme);
  return {usable(scale) ? scale : 1.0f, m_limits.middle};
}

} // namespace halfstep
