#include "core/kernels/histogram.h"

#include <algorithm>
#include <cmath>

namespace halfstep::kernels::scalar {

namespace {

void add(float value, const HistogramGrid& grid, const HistogramBins& bins) {
  if (!std::isfinite(value)) {
    return;
  }
  const auto last = static_cast<float>(bins.counts.size() - 1);
  const float place = std::clamp((value - grid.lo) * grid.binsPerUnit, 0.0f, last);
  const auto bin = static_cast<std::size_t>(place);
  ++bins.counts[bin];
  if (!bins.moments.empty()) {
    const auto x = static_cast<double>(value);
    bins.moments[bin].sum += x;
    bins.moments[bin].squares += x * x;
  }
}

} // namespace

void addToHistogram(std::span<const float> values, const HistogramGrid& grid, const HistogramBins& bins) {
  for (const float value : values) {
    add(value, grid, bins);
  }
}

void addMagnitudesToHistogram(std::span<const float> values, const HistogramGrid& grid,
                              const HistogramBins& bins) {
  for (const float value : values) {
    add(std::abs(value), grid, bins);
  }
}

} // namespace halfstep::kernels::scalar
