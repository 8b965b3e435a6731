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

/// Layers up to here have every percent tried; larger ones search from coarse to fine.
inline constexpr std::size_t kExhaustiveValues = std::size_t{1} << 21;
enum class SearchDepth { exhaustive, coarseToFine };

/// Both ends of `full` times percent/100, in float32.
SegmentRange shrunkToPercent(const SegmentRange& full, int percent);

/// The best k of 20…100: the smallest Σ(x̂ − x)², of equals the largest k. Percents at which the segment's own
/// extreme value alone must err by more than all values together do at 100 are left out.
/// coarseToFine: segments of up to 1024 values try every fifth percent and then the 16 around the best of
/// them; longer ones every eighth (every fourth where few are left), then halve the step around the best;
/// segments that are cut into pieces let an evenly spaced sample of 2^18 values choose where to look, and
/// then all values decide, moving on while the best lies at the border of what was looked at. Every decision
/// but the sample's is by sums over the whole segment, whatever the number of threads. Errors: cancelled.
Result<int> bestShrinkPercent(std::span<const float> values, const Scheme& scheme, const ScaleRule& rule,
                              const SegmentRange& full, SearchDepth depth, Threads threads,
                              const JobContext& context);

/// Segments up to here have their candidates tried in the lanes of a vector, many segments after each other.
inline constexpr std::size_t kShortSegment = 1024;

/// bestShrinkPercent with coarseToFine for consecutive segments of `length` (≤ kShortSegment) values, the
/// last one possibly shorter, of an integer format. Stage by stage for many segments: one after the other
/// each would wait for its own results. `full` and `percents` have one entry per segment.
void bestShrinkPercents(std::span<const float> values, std::size_t length, const Scheme& scheme,
                        const ScaleRule& rule, std::span<const SegmentRange> full, std::span<int> percents);

} // namespace halfstep
