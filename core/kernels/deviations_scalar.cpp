#include "core/kernels/deviations.h"

#include <cmath>

namespace halfstep::kernels::scalar {

double absoluteDeviations(std::span<const float> values, float center) {
  double sum = 0.0;
  for (const float value : values) {
    if (std::isfinite(value)) {
      sum += std::abs(static_cast<double>(value) - static_cast<double>(center));
    }
  }
  return sum;
}

} // namespace halfstep::kernels::scalar
