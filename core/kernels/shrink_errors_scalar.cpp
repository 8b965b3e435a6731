#include "core/kernels/shrink_errors.h"

#include <algorithm>
#include <cmath>

namespace halfstep::kernels::scalar {

void shrinkErrors(std::span<const float> values, const GridRange& range, const MappingRule& rule,
                  std::span<const float> factors, std::span<double> squaredErrors) {
  for (std::size_t c = 0; c < factors.size(); ++c) {
    const Grid grid = gridFor(rule, {range.lo * factors[c], range.hi * factors[c], range.negativeScale});
    const auto lowest = static_cast<float>(rule.lowestCode - grid.zeroPoint);
    const auto highest = static_cast<float>(rule.highestCode - grid.zeroPoint);
    double sum = 0.0;
    for (const float value : values) {
      if (std::isfinite(value)) {
        const float code = std::clamp(std::nearbyint(value / grid.scale), lowest, highest);
        const auto error = static_cast<double>(grid.scale * code - value);
        sum += error * error;
      }
    }
    squaredErrors[c] = sum;
  }
}

} // namespace halfstep::kernels::scalar
