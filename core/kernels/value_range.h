// Smallest and largest finite value.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace halfstep::kernels {

struct RangePartials {
  float min = std::numeric_limits<float>::infinity();  ///< +∞ where there is no finite value
  float max = -std::numeric_limits<float>::infinity(); ///< −∞ where there is none
  std::int64_t nonFinite = 0;                          ///< NaN and ±∞: they take no part

  bool empty() const { return min > max; }
  float magnitude() const { return empty() ? 0.0f : (max > -min ? max : -min); }
  void merge(const RangePartials& other);
  bool operator==(const RangePartials&) const = default;
};

/// Exact on every target, but for the sign of a zero. Denormals count as they are.
RangePartials valueRange(std::span<const float> values);

namespace scalar {
RangePartials valueRange(std::span<const float> values);
} // namespace scalar

} // namespace halfstep::kernels
