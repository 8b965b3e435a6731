#include "core/kernels/candidates.h"

#include <algorithm>
#include <cmath>

namespace halfstep::kernels::scalar {

void candidateErrors(std::span<const float> values, std::span<const Candidate> candidates,
                     std::span<double> squaredErrors) {
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    const Candidate& grid = candidates[c];
    double sum = 0.0;
    for (const float value : values) {
      if (std::isfinite(value)) {
        const float code = std::clamp(std::nearbyint(value / grid.scale), grid.lowest, grid.highest);
        const auto error = static_cast<double>(grid.scale * code - value);
        sum += error * error;
      }
    }
    squaredErrors[c] = sum;
  }
}

} // namespace halfstep::kernels::scalar
