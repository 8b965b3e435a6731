#include "core/quant/scale_rule.h"

#include <algorithm>
#include <cmath>

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

} // namespace

ScaleRule::ScaleRule(const Scheme& scheme)
    : m_hasScale(formatFacts(scheme.format).family == FormatFamily::integer ||
                 formatFacts(scheme.format).family == FormatFamily::scaledFloating)
    , m_absmax(scheme.codeRange == CodeRange::absmax && scheme.mapping == Mapping::symmetric) {
  const FormatFacts& facts = formatFacts(scheme.format);
  if (facts.family == FormatFamily::integer) {
    m_limits = codeLimits(scheme.format, scheme.codeRange);
  }
  m_mapping.asymmetric = scheme.mapping == Mapping::asymmetric;
  m_mapping.powerOfTwo = scheme.mapping == Mapping::powerOfTwo;
  m_mapping.zeroPointAway = scheme.rounding == Rounding::away;
  m_mapping.divisor = m_hasScale ? divisorOf(scheme, facts) : 1.0f;
  m_mapping.lowestCode = m_limits.lowest;
  m_mapping.highestCode = m_limits.highest;
  m_mapping.middleCode = m_limits.middle;
}

kernels::GridRange ScaleRule::gridRange(const SegmentRange& segment) const {
  // Dividing the extreme value by −2^(b−1) gives a negative scale where that value is positive.
  return {segment.range.lo, segment.range.hi, m_absmax && !segment.negativeExtreme};
}

SegmentGrid ScaleRule::gridFor(const SegmentRange& segment) const {
  return m_hasScale ? kernels::gridFor(m_mapping, gridRange(segment)) : SegmentGrid{};
}

} // namespace halfstep
