// What a static scheme does to a value between layers, from the histogram that calibration made of it: the
// figures and curves that the Distribution page has for weights. Each of the 8,192 bins is taken as evenly
// filled, which is exact for the rounding error in the mean and wrong by less than a bin's width for what is
// clipped. Pure functions for any thread.
#pragma once

#include "core/analysis/activation_statistics.h"
#include "core/quant/distribution.h"

#include <vector>

namespace halfstep {

/// Of a value under one integer scheme and one clipping range.
struct ActivationFigures {
  double rounding = 0.0;           ///< mean squared error from values inside the range
  double clipping = 0.0;           ///< from values outside, whose code is saturated
  double sqnrDb = 0.0;             ///< 10·log10(mean x² / mean squared error); +∞ without error
  double clippedShare = 0.0;       ///< 0…1
  std::vector<double> levels;      ///< what the codes stand for, ascending; empty where there are over 1,024
  std::vector<double> levelCounts; ///< how many values each gets
};

/// Whether figures can be told of a scheme: integers of one scale.
bool hasActivationFigures(const Scheme& scheme);

/// `range`: as activationRange() gives it. Precondition: hasActivationFigures().
ActivationFigures activationFigures(const ActivationStatistics& statistics, const Scheme& scheme,
                                    const ValueRange& range);

/// The error against the clipping range, both ends shrunk alike from min–max, with every estimator's own
/// range and error: minmax, ema, pct99.9 (or the scheme's own percentile), mse, kl, aciq. Empty where there
/// are no figures.
ClippingCurve activationCurve(const ActivationStatistics& statistics, const Scheme& scheme);

} // namespace halfstep
