#include "core/kernels/value_range.h"

#include <algorithm>
#include <cmath>

namespace halfstep::kernels {

void RangePartials::merge(const RangePartials& other) {
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  nonFinite += other.nonFinite;
}

namespace scalar {

RangePartials valueRange(std::span<const float> values) {
  RangePartials range;
  for (const float value : values) {
    if (std::isfinite(value)) {
      range.min = std::min(range.min, value);
      range.max = std::max(range.max, value);
    } else {
      ++range.nonFinite;
    }
  }
  return range;
}

} // namespace scalar

} // namespace halfstep::kernels
