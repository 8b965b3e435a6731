// Error against the clipping range: clippingCurve of distribution.h. Scheme and grids are the real ones,
// applied to an evenly spaced sample of runs; for one scale per tensor, whose rare extremes a sample would
// miss, the clipping part comes from the profile's histogram, whose bins carry their moments.
#include "core/kernels/value_range.h"
#include "core/quant/distribution.h"
#include "core/quant/estimate.h"
#include "core/quant/format_grids.h"
#include "core/quant/mse_search.h"
#include "core/quant/pieces.h"
#include "core/quant/range_estimator.h"
#include "core/quant/sample_runs.h"
#include "core/quant/scheme_grammar.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr std::size_t kCurvePoints = 80;
constexpr std::size_t kCurveSample = std::size_t{1} << 17;
constexpr std::size_t kExactMarks = std::size_t{1} << 18; ///< values up to which the marks are exact

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

std::vector<RangeRule> estimators(const Scheme& scheme) {
  RangeRule percentile{RangeRule::Kind::percentile, 99.9, 0.0, 0.0};
  if (scheme.range.kind == RangeRule::Kind::percentile) {
    percentile = scheme.range;
  }
  return {RangeRule{},
          {RangeRule::Kind::mse, 0.0, 0.0, 0.0},
          percentile,
          {RangeRule::Kind::kl, 0.0, 0.0, 0.0},
          {RangeRule::Kind::aciq, 0.0, 0.0, 0.0}};
}

/// How wide `ranges` are, as a mean share of `full`; 1 where all are empty.
double meanShare(const std::vector<ValueRange>& ranges, const std::vector<ValueRange>& full) {
  double sum = 0.0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < std::min(ranges.size(), full.size()); ++i) {
    const double whole = static_cast<double>(full[i].hi) - static_cast<double>(full[i].lo);
    if (whole > 0.0) {
      sum += (static_cast<double>(ranges[i].hi) - static_cast<double>(ranges[i].lo)) / whole;
      ++count;
    }
  }
  return count > 0 ? std::clamp(sum / static_cast<double>(count), 0.0, 1.0) : 1.0;
}

/// Where each estimator stands: the ranges that it finds and the error of the layer with them. Of large
/// matrices both are those of a sample.
Result<void> addMarks(ClippingCurve& curve, const WeightMatrix& matrix, const WeightProfile& profile,
                      const Scheme& scheme, const JobContext& context) {
  const bool isSampled = matrix.count() > kExactMarks;
  std::shared_ptr<const WeightMatrix> sample;
  if (isSampled) {
    HALFSTEP_TRY(sample, thinned(matrix, scheme.granularity, context));
  }
  std::span<const ValueRange> channelRanges;
  if (profile.moments.nan == 0 && profile.moments.infinite == 0 && profile.moments.count > 0) {
    channelRanges = profile.channelRanges;
  }
  std::vector<ValueRange> full;
  for (const RangeRule& rule : estimators(scheme)) {
    Scheme own = scheme;
    own.range = rule;
    HALFSTEP_TRY(const LayerQuantization found,
                 isSampled ? estimateLayer(matrix, *sample, own, context, channelRanges)
                           : quantizeLayer(matrix, own, context, channelRanges));
    const std::vector<ValueRange>& ranges = found.parameters.ranges;
    if (rule.kind == RangeRule::Kind::minmax) {
      full = ranges;
    }
    double mse = found.total.mse();
    if (isSampled && scheme.granularity.kind == Granularity::Kind::tensor && !ranges.empty()) {
      mse = found.total.mseRounding() + histogramClipping(profile.histogram, profile.moments.count,
                                                          static_cast<double>(ranges.front().lo),
                                                          static_cast<double>(ranges.front().hi));
    }
    curve.marks.push_back({rangeName(rule), meanShare(ranges, full), mse});
  }
  return {};
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
  HALFSTEP_CHECK(addMarks(curve, matrix, profile, scheme, context));
  return curve;
}

} // namespace halfstep
