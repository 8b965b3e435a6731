// Order statistics near the top, for percentile ranges.
#pragma once

#include "core/kernels/histogram.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace halfstep::kernels {

/// What is ranked: |x|, x, or −x.
enum class RankedBy : std::uint8_t { magnitude, value, negated };

/// The k-th largest (k ≥ 1) of the finite values' keys; exact on every target, but for the sign of a zero.
/// Fast where k is small beside the number of values. Precondition: at least k values are finite.
float kthLargest(std::span<const float> values, std::size_t k, RankedBy key);

/// Appends the keys of the finite values that fall into `bin` of a histogram over keys with `bins` bins.
void collectBin(std::span<const float> values, RankedBy key, const HistogramGrid& grid, std::size_t bin,
                std::size_t bins, std::vector<float>& keys);

namespace scalar {
float kthLargest(std::span<const float> values, std::size_t k, RankedBy key);
void collectBin(std::span<const float> values, RankedBy key, const HistogramGrid& grid, std::size_t bin,
                std::size_t bins, std::vector<float>& keys);
} // namespace scalar

} // namespace halfstep::kernels
