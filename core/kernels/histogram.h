// Equal-width histograms with the moments of each bin.
#pragma once

#include <cstdint>
#include <span>

namespace halfstep::kernels {

/// Bin of x: trunc((x − lo)·binsPerUnit) in float32, clamped to 0…bins−1. Exact on every target.
struct HistogramGrid {
  float lo = 0.0f;
  float binsPerUnit = 1.0f; ///< finite, > 0
};

/// Σx and Σx² of the values in a bin.
struct BinMoments {
  double sum = 0.0;
  double squares = 0.0;
};

/// What falls into the bins, one entry per bin. `moments` may be empty: counts alone are faster.
struct HistogramBins {
  std::span<std::int64_t> counts;
  std::span<BinMoments> moments;
};

/// Adds `values` to `bins`. NaN and ±∞ are left out. Counts are exact; the sums, in double, differ between
/// targets by rounding only.
void addToHistogram(std::span<const float> values, const HistogramGrid& grid, const HistogramBins& bins);
/// The same for |x|.
void addMagnitudesToHistogram(std::span<const float> values, const HistogramGrid& grid,
                              const HistogramBins& bins);

namespace scalar {
void addToHistogram(std::span<const float> values, const HistogramGrid& grid, const HistogramBins& bins);
void addMagnitudesToHistogram(std::span<const float> values, const HistogramGrid& grid,
                              const HistogramBins& bins);
} // namespace scalar

} // namespace halfstep::kernels
