#include "core/kernels/select.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace halfstep::kernels::scalar {

namespace {

float keyOf(float value, RankedBy key) {
  return key == RankedBy::magnitude ? std::abs(value) : key == RankedBy::value ? value : -value;
}

} // namespace

float kthLargest(std::span<const float> values, std::size_t k, RankedBy key) {
  std::vector<float> keys;
  keys.reserve(values.size());
  for (const float value : values) {
    if (std::isfinite(value)) {
      keys.push_back(keyOf(value, key));
    }
  }
  const auto nth = keys.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(keys.begin(), nth, keys.end(), std::greater<>());
  return *nth;
}

void collectBin(std::span<const float> values, RankedBy key, const HistogramGrid& grid, std::size_t bin,
                std::size_t bins, std::vector<float>& keys) {
  const auto last = static_cast<float>(bins - 1);
  for (const float value : values) {
    if (std::isfinite(value)) {
      const float ranked = keyOf(value, key);
      if (static_cast<std::size_t>(std::clamp((ranked - grid.lo) * grid.binsPerUnit, 0.0f, last)) == bin) {
        keys.push_back(ranked);
      }
    }
  }
}

} // namespace halfstep::kernels::scalar
