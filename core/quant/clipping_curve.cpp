// Error against the clipping range: clippingCurve of distribution.h. Scheme and grids are the real ones,
// applied to an evenly spaced sample of runs; for one scale per tensor, whose rare extremes a sample would
// miss, the clipping part comes from the profile's histogram, whose bins carry their moments.
#include "core/kernels/value_range.h"
#include "core/quant/distribution.h"
#include "core/quant/format_grids.h"
#include "core/quant/mse_search.h"
#include "core/quant/pieces.h"
#include "core/quant/range_estimator.h"
#include "core/quant/range_rules.h"
#include "core/quant/sample_runs.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr std::size_t kCurvePoints = 80;
constexpr std::size_t kCurveSample = std::size_t{1} << 17;

SegmentRange shapedRange(float lo, float hi, Mapping mapping) {
  const float magnitude = std::max(std::abs(lo), std::abs(hi));
  const bool negative = -lo >= hi;
  if (mapping == Mapping::asymmetric) {
    return {{std::min(lo, 0.0f), std::max(hi, 0.0f)}, negative};
  }
  return {{-magnitude, magnitude}, negative};
}

SegmentRange shrunkTo(const SegmentRange& full, double ratio) {
  return {{static_cast<float>(full.range.lo * ratio), static_cast<float>(full.range.hi * ratio)},
          full.negativeExtreme};
}

/// One run with the full ranges of its segments.
struct Run {
  RowPiece piece;
  std::vector<SegmentRange> ranges;
};

std::vector<Run> runsWithRanges(const WeightMatrix& matrix, const WeightProfile& profile,
                                const Scheme& scheme, const Segmentation& segmentation) {
  std::vector<Run> runs;
  for (const RowPiece& piece : sampleRuns(segmentation, kCurveSample)) {
    Run run{piece, {}};
    if (segmentation.kind == Granularity::Kind::tensor) {
      run.ranges.push_back(shapedRange(static_cast<float>(profile.moments.min),
                                       static_cast<float>(profile.moments.max), scheme.mapping));
    } else if (segmentation.kind == Granularity::Kind::channel) {
      const ValueRange& range = profile.channelRanges[piece.channel];
      run.ranges.push_back(shapedRange(range.lo, range.hi, scheme.mapping));
    } else {
      const std::span<const float> values = matrix.row(piece.channel).subspan(piece.first, piece.count);
      for (std::size_t at = 0; at < values.size(); at += segmentation.segmentLength) {
        const kernels::RangePartials range =
            kernels::valueRange(values.subspan(at, std::min(segmentation.segmentLength, values.size() - at)));
        run.ranges.push_back(range.empty() ? SegmentRange{}
                                           : shapedRange(range.min, range.max, scheme.mapping));
      }
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

/// The errors of one run with every segment's range shrunk by `ratio`.
ErrorSums runErrors(const WeightMatrix& matrix, const Run& run, const Scheme& scheme, const ScaleRule& rule,
                    const Segmentation& segmentation, double ratio, std::uint64_t seed) {
  QuantizationParameters parameters;
  parameters.scheme = scheme;
  for (const SegmentRange& range : run.ranges) {
    const SegmentGrid grid = rule.gridFor(shrunkTo(range, ratio));
    parameters.scales.push_back(grid.scale);
    parameters.zeroPoints.push_back(grid.zeroPoint);
  }
  // The run by itself: a single row.
  parameters.segmentation = {1, run.piece.count, segmentation.kind,
                             segmentation.kind == Granularity::Kind::group ? segmentation.segmentLength
                                                                           : run.piece.count,
                             run.ranges.size()};
  return errorsOf(matrix.row(run.piece.channel).subspan(run.piece.first, run.piece.count), parameters, 0, 0,
                  seed);
}

/// Mean squared clipping error of one scale per tensor from the histogram: values beyond the last level lose
/// their distance to it. `lowest` and `highest` are the end levels.
double histogramClipping(const Histogram& histogram, std::int64_t count, double lowest, double highest) {
  double sum = 0.0;
  for (std::size_t bin = 0; bin < histogram.counts.size(); ++bin) {
    const auto n = static_cast<double>(histogram.counts[bin]);
    const double left = histogram.lo + histogram.binWidth() * static_cast<double>(bin);
    const double right = left + histogram.binWidth();
    const double end = left >= highest ? highest : lowest;
    if (n > 0.0 && (left >= highest || right <= lowest)) {
      sum += histogram.squares[bin] - 2.0 * end * histogram.sums[bin] + n * end * end;
    }
  }
  return count > 0 ? std::max(sum, 0.0) / static_cast<double>(count) : 0.0;
}

double interpolated(const ClippingCurve& curve, double ratio) {
  const auto total = [&](std::size_t i) { return curve.rounding[i] + curve.clipping[i]; };
  const double place = ratio * static_cast<double>(kCurvePoints) - 1.0;
  const double last = static_cast<double>(kCurvePoints - 1);
  const double low = std::floor(std::clamp(place, 0.0, last));
  const auto i = static_cast<std::size_t>(low);
  const std::size_t j = std::min(i + 1, kCurvePoints - 1);
  const double share = std::clamp(place - low, 0.0, 1.0);
  return total(i) * (1.0 - share) + total(j) * share;
}

/// |x| / its segment's magnitude of the sampled values, sorted.
std::vector<float> pooledMagnitudes(const WeightMatrix& matrix, const std::vector<Run>& runs,
                                    const Segmentation& segmentation) {
  std::vector<float> pooled;
  for (const Run& run : runs) {
    const std::span<const float> values =
        matrix.row(run.piece.channel).subspan(run.piece.first, run.piece.count);
    const std::size_t length =
        segmentation.kind == Granularity::Kind::group ? segmentation.segmentLength : values.size();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const ValueRange& range = run.ranges[i / length].range;
      const float magnitude = std::max(std::abs(range.lo), std::abs(range.hi));
      if (std::isfinite(values[i]) && magnitude > 0.0f) {
        pooled.push_back(std::abs(values[i]) / magnitude);
      }
    }
  }
  return pooled;
}

void addMark(ClippingCurve& curve, std::string estimator, double ratio) {
  const double kept = std::clamp(ratio, 0.0, 1.0);
  curve.marks.push_back({std::move(estimator), kept, interpolated(curve, kept)});
}

/// Where the other estimators stand, from the pooled sample.
void addMarks(ClippingCurve& curve, std::vector<float> pooled, int bits) {
  addMark(curve, "minmax", 1.0);
  addMark(curve, "mse", curve.ratio[curve.best]);
  if (pooled.empty()) {
    return;
  }
  constexpr std::size_t kBins = 2048;
  std::vector<std::int64_t> histogram(kBins);
  double sum = 0.0;
  double squares = 0.0;
  for (const float u : pooled) {
    ++histogram[std::min(kBins - 1, static_cast<std::size_t>(static_cast<double>(u) * kBins))];
    sum += static_cast<double>(u);
    squares += static_cast<double>(u) * static_cast<double>(u);
  }
  const auto count = static_cast<double>(pooled.size());
  const auto rank = static_cast<std::ptrdiff_t>(percentileRank(99.9, pooled.size()));
  std::nth_element(pooled.begin(), pooled.begin() + rank - 1, pooled.end());
  addMark(curve, "pct99.9", static_cast<double>(pooled[static_cast<std::size_t>(rank - 1)]));
  addMark(curve, "kl",
          static_cast<double>(klBins(histogram, std::size_t{1} << (bits - 1), 128)) /
              static_cast<double>(kBins));
  // Around 0, where weights are centred: b = mean |u|, σ² = mean u².
  const double b = sum / count;
  const double sigma = std::sqrt(squares / count);
  addMark(curve, "aciq",
          b <= 0.76017345053314 * sigma ? aciqLaplaceRatio(bits) * b : aciqGaussRatio(bits) * sigma);
}

} // namespace

Result<ClippingCurve> clippingCurve(const WeightMatrix& matrix, const WeightProfile& profile,
                                    const Scheme& scheme, const JobContext& context) {
  HALFSTEP_CHECK(checkSupported(scheme));
  if (formatFacts(scheme.format).family == FormatFamily::floating) {
    return ClippingCurve{}; // no scale, so no range to clip to
  }
  const Segmentation segmentation = Segmentation::of(matrix, scheme.granularity);
  const ScaleRule rule(scheme);
  const std::vector<Run> runs = runsWithRanges(matrix, profile, scheme, segmentation);
  std::vector<ErrorSums> sums(kCurvePoints * runs.size());
  HALFSTEP_CHECK(parallelTasks(runs.size(), kCurvePoints * kRunValues, context, [&](std::size_t r) {
    for (std::size_t i = 0; i < kCurvePoints; ++i) {
      const double ratio = static_cast<double>(i + 1) / static_cast<double>(kCurvePoints);
      sums[r * kCurvePoints + i] =
          runErrors(matrix, runs[r], scheme, rule, segmentation, ratio, context.seed());
    }
  }));
  ClippingCurve curve;
  const bool wholeTensor = segmentation.kind == Granularity::Kind::tensor && !runs.empty();
  for (std::size_t i = 0; i < kCurvePoints; ++i) {
    ErrorSums total;
    for (std::size_t r = 0; r < runs.size(); ++r) {
      total += sums[r * kCurvePoints + i];
    }
    curve.ratio.push_back(static_cast<double>(i + 1) / static_cast<double>(kCurvePoints));
    curve.rounding.push_back(total.mseRounding());
    curve.clipping.push_back(total.mseClipping());
    if (wholeTensor && matrix.count() > kCurveSample) {
      const ValueRange range = shrunkTo(runs.front().ranges.front(), curve.ratio.back()).range;
      curve.clipping.back() = histogramClipping(profile.histogram, profile.moments.count, range.lo, range.hi);
    }
    const auto totalAt = [&](std::size_t k) { return curve.rounding[k] + curve.clipping[k]; };
    if (totalAt(i) <= totalAt(curve.best)) {
      curve.best = i;
    }
  }
  addMarks(curve, pooledMagnitudes(matrix, runs, segmentation), formatFacts(scheme.format).bits);
  return curve;
}

} // namespace halfstep
