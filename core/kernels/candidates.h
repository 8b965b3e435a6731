// Many candidate grids over the same values: what a search for the best clipping range asks.
#pragma once

#include "core/kernels/grids.h"

#include <span>

namespace halfstep::kernels {

/// One candidate: lowest and highest are codes relative to the zero point.
struct Candidate {
  float scale = 1.0f; ///< not 0, normal, finite; may be negative
  float lowest = 0.0f;
  float highest = 0.0f;
  bool operator==(const Candidate&) const = default;
};

/// squaredErrors[c] = Σ (x̂ − x)² of candidate c over the finite values, rounding half to even. The quotient
/// may be taken by the reciprocal: where that changes a code the value lies halfway between two levels, and
/// its error is the same for both; hence within 1e-5 of the exact sum. Partial sums are float32 over small
/// blocks, then double; overflow, NaN and ±∞ as in errors.h.
void candidateErrors(std::span<const float> values, std::span<const Candidate> candidates,
                     std::span<double> squaredErrors);

namespace scalar {
void candidateErrors(std::span<const float> values, std::span<const Candidate> candidates,
                     std::span<double> squaredErrors);
} // namespace scalar

} // namespace halfstep::kernels
