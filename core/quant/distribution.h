// What the Distribution page draws, computed so that drawing costs nothing: a profile of a layer's values
// (independent of any scheme, computed once when a layer is selected) and the shapes that a scheme gives
// them.
#pragma once

#include "core/quant/quantizer.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace halfstep {

/// Count and moments of some values; merges.
struct Moments {
  std::int64_t count = 0; ///< finite values
  std::int64_t nan = 0;
  std::int64_t infinite = 0;
  std::int64_t zeros = 0;
  double min = 0.0; ///< of finite values; 0 where there are none
  double max = 0.0;
  double mean = 0.0;
  double std = 0.0;      ///< population standard deviation
  double kurtosis = 0.0; ///< fourth standardised moment (3 for a normal distribution); NaN where std is 0
};

/// Equal bins over lo…hi; the last bin includes hi. With per-bin moments, sums over part of the range are
/// exact up to the bins at its ends.
struct Histogram {
  double lo = 0.0;
  double hi = 0.0;
  std::vector<std::int64_t> counts;
  std::vector<double> sums;    ///< Σx per bin
  std::vector<double> squares; ///< Σx² per bin
  double binWidth() const { return counts.empty() ? 0.0 : (hi - lo) / static_cast<double>(counts.size()); }
};

/// A layer's values, whatever the scheme.
struct WeightProfile {
  Moments moments;
  std::vector<ValueRange> channelRanges; ///< smallest and largest finite value of each channel
  std::vector<float> channelStd;
  Histogram histogram; ///< of all values over min…max, 2048 bins
};
Result<WeightProfile> profileWeights(const WeightMatrix& matrix, const JobContext& context);

/// Moments alone (the layers table, `inspect`).
Result<Moments> momentsOf(const WeightMatrix& matrix, const JobContext& context);

/// The shapes a scheme gives to the values; the histograms have counts only. Above `sampleLimit` values the
/// two histograms come from an evenly spaced sample of whole segments; `sampled` says of how many values.
struct QuantizedShape {
  Histogram dequantized;     ///< of x̂ over the profile's min…max, `bins` bins
  Histogram roundingError;   ///< of (x̂ − x)/scale over −1…1 for values not clipped, 128 bins
  std::vector<float> levels; ///< the decoded values of all codes of the chosen segment (at most 256; for
                             ///< wider formats empty: they are denser than pixels)
  std::vector<std::int64_t> levelCounts; ///< how many values of that segment (or of the whole tensor where
                                         ///< there is one scale) got each level
  std::size_t sampled = 0;
};
/// `segment`: whose levels to give (0 for one scale per tensor). Errors: out of range; cancelled.
Result<QuantizedShape> shapeOf(const WeightMatrix& matrix, const WeightProfile& profile,
                               const QuantizationParameters& parameters, std::size_t segment, int bins,
                               const JobContext& context);

/// The error against the clipping range: for shrink factors r in 0…1 of the min–max range, mean squared
/// rounding, clipping and total error, and where each range estimator stands. Computed on the pooled
/// distribution of x / (the segment's own range), so that it is one curve for any granularity. Empty for
/// fp32, fp16 and bf16, which have no clipping range.
struct ClippingCurve {
  std::vector<double> ratio;    ///< ascending, in (0, 1]
  std::vector<double> rounding; ///< mean squared error from values inside
  std::vector<double> clipping; ///< from values outside
  struct Mark {
    std::string estimator; ///< "minmax", "pct99.9" (or the scheme's own percentile), "mse", "kl", "aciq"
    double ratio = 0.0;    ///< width of its ranges / those of `minmax`, the mean over the segments
    double mse = 0.0;      ///< of the layer with its ranges: not on the curve, which narrows all ranges alike
  };
  std::vector<Mark> marks;
  std::size_t best = 0; ///< index of the smallest total
};
Result<ClippingCurve> clippingCurve(const WeightMatrix& matrix, const WeightProfile& profile,
                                    const Scheme& scheme, const JobContext& context);

/// x → x̂ of one segment at `points` evenly spaced x between lo and hi.
std::vector<float> transferFunction(const QuantizationParameters& parameters, std::size_t segment, float lo,
                                    float hi, int points);

} // namespace halfstep
