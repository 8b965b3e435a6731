// The `mse` range rule: the clipping range, among shrunk copies of the segment's own, whose squared error is
// the smallest. Internal to core/quant.
#pragma once

#include "core/quant/pieces.h"
#include "core/quant/scale_rule.h"

#include <span>

namespace halfstep {

/// The grid of the search, in percent of the segment's own range.
inline constexpr int kLeastPercent = 20;
inline constexpr int kFullPercent = 100;

/// Both ends of `full` at `percent` of themselves: float32 of the double product.
SegmentRange shrunkToPercent(const SegmentRange& full, int percent);

/// The best k of the grid: the smallest Σ(x̂ − x)²; of equals the largest. Errors: cancelled.
Result<int> bestShrinkPercent(std::span<const float> values, const Scheme& scheme, const ScaleRule& rule,
                              const SegmentRange& full, Threads threads, const JobContext& context);

} // namespace halfstep
