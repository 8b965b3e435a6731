// Statistics over a span of any length that range estimators and profiles share: each cuts the span into
// pieces of a fixed size and folds them in order, so that threads do not matter. Internal to core/quant.
#pragma once

#include "core/kernels/moments.h"
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

/// Which values an order statistic is about: |x|, x, or −x.
enum class Side { magnitude, upper, lower };
/// The smallest v that at least `percent` % of the finite values do not exceed; 0 where there are none.
float orderStatistic(std::span<const float> values, double percent, Side side);

/// The share of every segment's own magnitude that the `kl` rule keeps: the rule of range_rules.h on the
/// histogram (2048 bins over 0…1) of |x| / the segment's magnitude, all segments together.
Result<double> klRatio(const WeightMatrix& matrix, const Scheme& scheme, const Segmentation& segmentation,
                       const JobContext& context);

} // namespace halfstep
