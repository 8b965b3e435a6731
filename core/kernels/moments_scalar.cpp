#include "core/kernels/moments.h"

#include <algorithm>
#include <cmath>

namespace halfstep::kernels {

void MomentPartials::merge(const MomentPartials& other) {
  nan += other.nan;
  infinite += other.infinite;
  zeros += other.zeros;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  if (other.finite == 0) {
    return;
  }
  const auto a = static_cast<double>(finite);
  const auto b = static_cast<double>(other.finite);
  const double n = a + b;
  const double delta = other.mean - mean;
  const double part = delta / n;
  m4 += other.m4 + delta * part * part * part * a * b * (a * a - a * b + b * b) +
        6.0 * part * part * (a * a * other.m2 + b * b * m2) + 4.0 * part * (a * other.m3 - b * m3);
  m3 += other.m3 + delta * part * part * a * b * (a - b) + 3.0 * part * (a * other.m2 - b * m2);
  m2 += other.m2 + delta * part * a * b;
  mean += part * b;
  finite += other.finite;
}

namespace scalar {

MomentPartials blockMoments(std::span<const float> block) {
  MomentPartials partials;
  double sum = 0.0;
  for (const float value : block) {
    if (std::isfinite(value)) {
      ++partials.finite;
      partials.zeros += value == 0.0f ? 1 : 0;
      partials.min = std::min(partials.min, value);
      partials.max = std::max(partials.max, value);
      sum += static_cast<double>(value);
    } else {
      (std::isnan(value) ? partials.nan : partials.infinite) += 1;
    }
  }
  if (partials.finite == 0) {
    return partials;
  }
  partials.mean = sum / static_cast<double>(partials.finite);
  for (const float value : block) {
    if (std::isfinite(value)) {
      const double d = static_cast<double>(value) - partials.mean;
      partials.m2 += d * d;
      partials.m3 += d * d * d;
      partials.m4 += (d * d) * (d * d);
    }
  }
  return partials;
}

MomentPartials moments(std::span<const float> values) {
  MomentPartials total;
  for (std::size_t at = 0; at < values.size(); at += kMomentBlock) {
    total.merge(blockMoments(values.subspan(at, std::min(kMomentBlock, values.size() - at))));
  }
  return total;
}

} // namespace scalar

} // namespace halfstep::kernels
