#include "core/kernels/mapping_rule.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace halfstep::kernels {

namespace {

bool usable(float scale) {
  return std::isfinite(scale) && scale >= std::numeric_limits<float>::min();
}

/// The smallest power of two that is not below `scale` (normal), exactly.
float powerOfTwoAbove(float scale) {
  int exponent = 0;
  const float fraction = std::frexp(scale, &exponent); // scale = fraction·2^exponent, fraction in [0.5, 1)
  return std::ldexp(1.0f, fraction == 0.5f ? exponent - 1 : exponent);
}

Grid asymmetricGrid(const MappingRule& rule, const GridRange& range) {
  const float lo = std::min(range.lo, 0.0f);
  const float hi = std::max(range.hi, 0.0f);
  const auto steps = static_cast<float>(rule.highestCode - rule.lowestCode);
  float scale = (hi - lo) / steps;
  if (std::isinf(scale)) {
    scale = hi / steps - lo / steps;
  }
  if (!usable(scale)) {
    return {1.0f, rule.middleCode};
  }
  const auto lowest = static_cast<float>(rule.lowestCode);
  const auto highest = static_cast<float>(rule.highestCode);
  const float exact = lowest - lo / scale;
  const float nearest = rule.zeroPointAway ? std::round(exact) : std::nearbyint(exact);
  return {scale, static_cast<std::int32_t>(std::clamp(nearest, lowest, highest))};
}

} // namespace

Grid gridFor(const MappingRule& rule, const GridRange& range) {
  if (rule.asymmetric) {
    return asymmetricGrid(rule, range);
  }
  const float magnitude = std::max(std::abs(range.lo), std::abs(range.hi));
  float scale = magnitude / rule.divisor;
  if (!usable(scale)) {
    return {1.0f, rule.middleCode};
  }
  if (rule.powerOfTwo) {
    scale = powerOfTwoAbove(scale);
    if (!usable(scale)) {
      return {1.0f, rule.middleCode};
    }
  }
  return {range.negativeScale ? -scale : scale, rule.middleCode};
}

} // namespace halfstep::kernels
