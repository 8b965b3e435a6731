#include "core/quant/range_estimator.h"

#include "core/kernels/moments.h"
#include "core/kernels/value_range.h"
#include "core/quant/mse_search.h"
#include "core/quant/range_rules.h"
#include "core/quant/range_statistics.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

RangeEstimator::RangeEstimator(const WeightMatrix& matrix, const Scheme& scheme,
                               const Segmentation& segmentation)
    : m_matrix(matrix)
    , m_scheme(scheme)
    , m_segmentation(segmentation)
    , m_rule(scheme) {
  if (scheme.range.kind == RangeRule::Kind::aciq) {
    const int bits = formatFacts(scheme.format).bits;
    m_laplace = aciqLaplaceRatio(bits);
    m_gauss = aciqGaussRatio(bits);
  }
}

Result<RangeEstimator> RangeEstimator::forScheme(const WeightMatrix& matrix, const Scheme& scheme,
                                                 const Segmentation& segmentation,
                                                 std::span<const ValueRange> channelRanges,
                                                 const JobContext& context) {
  RangeEstimator estimator(matrix, scheme, segmentation);
  estimator.useChannelRanges(channelRanges);
  if (scheme.range.kind == RangeRule::Kind::kl) {
    HALFSTEP_TRY(PooledMagnitudes pooled,
                 poolMagnitudes(matrix, segmentation, std::move(estimator.m_ranges), context));
    bool negative = false;
    bool positive = false;
    for (const kernels::RangePartials& range : pooled.ranges) {
      negative = negative || range.min < 0.0f;
      positive = positive || range.max > 0.0f;
    }
    const bool oneSided = scheme.mapping == Mapping::asymmetric && negative != positive;
    estimator.m_ratio = klRatio(pooled.counts, formatFacts(scheme.format).bits - (oneSided ? 0 : 1));
    estimator.m_ranges = std::move(pooled.ranges);
  }
  return estimator;
}

void RangeEstimator::useChannelRanges(std::span<const ValueRange> channelRanges) {
  if (m_segmentation.kind == Granularity::Kind::group) {
    return;
  }
  for (const ValueRange& range : channelRanges) {
    const kernels::RangePartials known{range.lo, range.hi, 0};
    if (m_segmentation.kind == Granularity::Kind::tensor && !m_ranges.empty()) {
      m_ranges.front().merge(known);
    } else {
      m_ranges.push_back(known);
    }
  }
}

SegmentRange RangeEstimator::shaped(double lo, double hi, bool negativeExtreme) const {
  if (m_scheme.mapping == Mapping::asymmetric) {
    return {{static_cast<float>(std::min(lo, 0.0)), static_cast<float>(std::max(hi, 0.0))}, negativeExtreme};
  }
  const auto magnitude = static_cast<float>(std::max(std::abs(lo), std::abs(hi)));
  return {{-magnitude, magnitude}, negativeExtreme};
}

SegmentRange RangeEstimator::minMax(std::span<const float> values,
                                    const kernels::RangePartials& range) const {
  if (range.empty()) {
    return {};
  }
  bool negative = -range.min >= range.max;
  if (m_scheme.codeRange == CodeRange::absmax && -range.min == range.max) {
    // Both signs reach the magnitude: the first value decides, as in ggml's quantize_row_q4_0.
    const auto first =
        std::find_if(values.begin(), values.end(), [&](float x) { return x == range.min || x == range.max; });
    negative = first != values.end() && *first < 0.0f;
  }
  return shaped(static_cast<double>(range.min), static_cast<double>(range.max), negative);
}

Result<SegmentRange> RangeEstimator::percentile(std::span<const float> values,
                                                const kernels::RangePartials& range, bool negativeExtreme,
                                                Threads threads, const JobContext& context) const {
  const double p = m_scheme.range.percentile;
  if (range.empty()) {
    return SegmentRange{};
  }
  if (m_scheme.mapping != Mapping::asymmetric) {
    HALFSTEP_TRY(const float magnitude,
                 orderStatistic(values, p, kernels::RankedBy::magnitude, {0.0f, range.magnitude()},
                                range.nonFinite, threads, context));
    return shaped(-static_cast<double>(magnitude), static_cast<double>(magnitude), negativeExtreme);
  }
  const double tail = 50.0 + p / 2.0;
  const ValueRange ends{range.min, range.max};
  HALFSTEP_TRY(const float low, orderStatistic(values, tail, kernels::RankedBy::negated, ends,
                                               range.nonFinite, threads, context));
  HALFSTEP_TRY(const float high, orderStatistic(values, tail, kernels::RankedBy::value, ends, range.nonFinite,
                                                threads, context));
  return shaped(-static_cast<double>(low), static_cast<double>(high), negativeExtreme);
}

Result<SegmentRange> RangeEstimator::aciq(std::span<const float> values, const SegmentRange& full,
                                          Threads threads, const JobContext& context) const {
  HALFSTEP_TRY(const kernels::MomentPartials moments, momentPartialsOf(values, threads, context));
  HALFSTEP_TRY(const double deviations, absoluteDeviations(values, moments.mean, threads, context));
  if (moments.finite == 0) {
    return full;
  }
  const auto count = static_cast<double>(moments.finite);
  const double sigma = std::sqrt(moments.m2 / count);
  const double b = deviations / count;
  // The likelier of the two: log-likelihoods −n(ln 2b + 1) and −n(ln 2πσ² + 1)/2 cross at b/σ = √(2π/e)/2.
  constexpr double kCrossing = 0.76017345053314;
  const double alpha = b <= kCrossing * sigma ? m_laplace * b : m_gauss * sigma;
  const double lo = std::max(static_cast<double>(moments.min), moments.mean - alpha);
  const double hi = std::min(static_cast<double>(moments.max), moments.mean + alpha);
  return shaped(lo, hi, full.negativeExtreme);
}

Result<SegmentRange> RangeEstimator::estimate(std::size_t index, Threads threads,
                                              const JobContext& context) const {
  if (m_scheme.range.kind == RangeRule::Kind::fixed) {
    const RangeRule& rule = m_scheme.range;
    return shaped(rule.lo, rule.hi, std::abs(rule.lo) >= std::abs(rule.hi));
  }
  const std::span<const float> values = segmentValues(m_matrix, m_segmentation, index);
  kernels::RangePartials range;
  if (!m_ranges.empty()) {
    range = m_ranges[index];
  } else {
    HALFSTEP_TRY(range, rangeOf(values, threads, context));
  }
  const SegmentRange full = minMax(values, range);
  switch (m_scheme.range.kind) {
  case RangeRule::Kind::percentile:
    return percentile(values, range, full.negativeExtreme, threads, context);
  case RangeRule::Kind::mse: {
    const SearchDepth depth =
        m_matrix.count() <= kExhaustiveValues ? SearchDepth::exhaustive : SearchDepth::coarseToFine;
    HALFSTEP_TRY(const int percent,
                 bestShrinkPercent(values, m_scheme, m_rule, full, depth, threads, context));
    return shrunkToPercent(full, percent);
  }
  case RangeRule::Kind::kl:
    return SegmentRange{{full.range.lo * m_ratio, full.range.hi * m_ratio}, full.negativeExtreme};
  case RangeRule::Kind::aciq:
    return aciq(values, full, threads, context);
  case RangeRule::Kind::minmax:
  case RangeRule::Kind::movingAverage:
  case RangeRule::Kind::hqq:
  case RangeRule::Kind::fixed:
    return full;
  }
  return full;
}

bool RangeEstimator::searchesShortSegments() const {
  return m_scheme.range.kind == RangeRule::Kind::mse && m_matrix.count() > kExhaustiveValues &&
         m_segmentation.kind != Granularity::Kind::tensor && m_segmentation.segmentLength <= kShortSegment &&
         formatFacts(m_scheme.format).family == FormatFamily::integer;
}

void RangeEstimator::searchRow(std::size_t first, std::span<SegmentRange> ranges) const {
  std::vector<SegmentRange> full(ranges.size());
  std::vector<int> percents(ranges.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const std::span<const float> values = segmentValues(m_matrix, m_segmentation, first + i);
    full[i] = minMax(values, kernels::valueRange(values));
    count += values.size();
  }
  const std::span<const float> start = segmentValues(m_matrix, m_segmentation, first);
  bestShrinkPercents({start.data(), count}, m_segmentation.segmentLength, m_scheme, m_rule, full, percents);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    ranges[i] = shrunkToPercent(full[i], percents[i]);
  }
}

void RangeEstimator::estimateRun(std::size_t first, std::span<SegmentRange> ranges) const {
  if (searchesShortSegments()) {
    // Row by row, because a row's last group may be short.
    const std::size_t perRow = m_segmentation.segmentsPerChannel;
    for (std::size_t at = 0; at < ranges.size();) {
      const std::size_t rest = perRow - (first + at) % perRow;
      const std::size_t count = std::min(rest, ranges.size() - at);
      searchRow(first + at, ranges.subspan(at, count));
      at += count;
    }
    return;
  }
  const bool plain = m_scheme.range.kind == RangeRule::Kind::minmax; // without the detour over a Result
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (plain) {
      const std::span<const float> values = segmentValues(m_matrix, m_segmentation, first + i);
      ranges[i] = minMax(values, m_ranges.empty() ? kernels::valueRange(values) : m_ranges[first + i]);
    } else {
      ranges[i] = estimate(first + i, Threads::one, JobContext()).value();
    }
  }
}

} // namespace halfstep
