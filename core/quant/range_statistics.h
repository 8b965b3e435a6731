// Statistics over a span of any length that range estimators and profiles share: each cuts the span into
// pieces of a fixed size and folds them in order, so that threads do not matter. Internal to core/quant.
#pragma once

#include "core/kernels/moments.h"
#include "core/kernels/select.h"
#include "core/kernels/value_range.h"
#include "core/quant/pieces.h"

#include <span>

namespace halfstep {

Result<kernels::RangePartials> rangeOf(std::span<const float> values, Threads threads,
                                       const JobContext& context);
Result<kernels::MomentPartials> momentPartialsOf(std::span<const float> values, Threads threads,
                                                 const JobContext& context);
/// Σ|x − center| over finite values.
Result<double> absoluteDeviations(std::span<const float> values, double center, Threads threads,
                                  const JobContext& context);

/// The smallest v that at least `percent` % of the keys (|x|, x or −x of the finite values) do not exceed;
/// exact. `range`: smallest and largest |x| or x (of x for −x). 0 where there are no finite values. Errors:
/// cancelled.
Result<float> orderStatistic(std::span<const float> values, double percent, kernels::RankedBy key,
                             ValueRange range, std::int64_t nonFinite, Threads threads,
                             const JobContext& context);

/// All segments' values in units of their own segment's magnitude, together.
struct PooledMagnitudes {
  std::vector<std::int64_t> counts;           ///< 2048 bins over 0…1
  std::vector<kernels::RangePartials> ranges; ///< of every segment
};
/// `known`: the ranges of all segments, or empty. One reading of the values (two for one segment that is
/// larger than the caches and whose range is not known). Errors: cancelled.
Result<PooledMagnitudes> poolMagnitudes(const WeightMatrix& matrix, const Segmentation& segmentation,
                                        std::vector<kernels::RangePartials> known, const JobContext& context);

/// The values of segment `index`.
std::span<const float> segmentValues(const WeightMatrix& matrix, const Segmentation& segmentation,
                                     std::size_t index);

} // namespace halfstep
