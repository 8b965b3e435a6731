// A layer's figures within a frame, from an evenly spaced sample of its values: shown while the exact ones
// are computed. Pure functions for any thread.
#pragma once

#include "core/quant/quantizer.h"

namespace halfstep {

/// Whether quantizeLayer takes so long that an estimate is worth showing first: rules that search, and
/// groups, on millions of values. `rangesKnown`: channelRanges are given.
bool isWorthEstimating(const WeightMatrix& matrix, const Scheme& scheme, bool rangesKnown);

/// Runs of consecutive values, evenly spaced within every row, about 2^20 values in all: the same channels,
/// shorter rows. Groups stay whole. Peak memory: 4 bytes a value kept. Errors: cancelled.
Result<std::shared_ptr<const WeightMatrix>>
thinned(const WeightMatrix& matrix, const Granularity& granularity, const JobContext& context);

/// quantizeLayer of the sample. Sums are scaled to all values of `matrix`, bytes are those of all its
/// segments; the largest error is that of the sample, and so are the channels' sums. The parameters are for
/// `matrix`, but with groups for `sample`. `channelRanges`: of `matrix`, as for quantizeLayer.
Result<LayerQuantization> estimateLayer(const WeightMatrix& matrix, const WeightMatrix& sample,
                                        const Scheme& scheme, const JobContext& context,
                                        std::span<const ValueRange> channelRanges);

} // namespace halfstep
