// The squared error of a run of values for many clipping ranges at once: what the search for the best range
// asks.
#pragma once

#include "core/kernels/mapping_rule.h"

#include <span>

namespace halfstep::kernels {

/// squaredErrors[c] = Σ (x̂ − x)² over the finite values with the grid that `rule` gives to `range` with both
/// ends multiplied by factors[c] (float32), rounding half to even. The quotient may be taken by the
/// reciprocal and the decoded value left unrounded: where that changes a code the value lies halfway between
/// two levels, and its error is the same for both. So the sums are within 1e-6·(Σe² + √(Σx²·Σe²) + 1e-7·Σx²)
/// of the exact ones, squares below float32's smallest number left out. Partial sums are float32 over small
/// blocks, then double; overflow, NaN, ±∞ and tiny scales as in errors.h. The sizes of `factors` and
/// `squaredErrors` agree.
void shrinkErrors(std::span<const float> values, const GridRange& range, const MappingRule& rule,
                  std::span<const float> factors, std::span<double> squaredErrors);

namespace scalar {
void shrinkErrors(std::span<const float> values, const GridRange& range, const MappingRule& rule,
                  std::span<const float> factors, std::span<double> squaredErrors);
} // namespace scalar

} // namespace halfstep::kernels
