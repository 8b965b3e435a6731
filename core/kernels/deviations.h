// Mean absolute deviation, for the ACIQ range rule.
#pragma once

#include <span>

namespace halfstep::kernels {

/// Σ|x − center| over the finite values; differences in float32, sums as in errors.h: within 1e-6.
double absoluteDeviations(std::span<const float> values, float center);

namespace scalar {
double absoluteDeviations(std::span<const float> values, float center);
} // namespace scalar

} // namespace halfstep::kernels
