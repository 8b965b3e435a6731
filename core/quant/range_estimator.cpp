#include "core/quant/range_estimator.h"

#include "core/kernels/moments.h"
#include "core/kernels/value_range.h"
#include "core/quant/mse_search.h"
#include "core/quant/range_rules.h"
#include "core/quant/range_statistics.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

RangeEstimator::RangeEstimator(const Scheme& scheme)
    : m_scheme(scheme)
    , m_rule(scheme) {}

Result<RangeEstimator> RangeEstimator::forScheme(const WeightMatrix& matrix, const Scheme& scheme,
                                                 const Segmentation& segmentation,
                                                 const JobContext& context) {
  RangeEstimator estimator(scheme);
  if (scheme.range.kind == RangeRule::Kind::kl) {
    HALFSTEP_TRY(estimator.m_ratio, klRatio(matrix, scheme, segmentation, context));
  }
  return estimator;
}

SegmentRange RangeEstimator::shaped(double lo, double hi, bool negativeExtreme) const {
  if (m_scheme.mapping == Mapping::asymmetric) {
    return {{static_cast<float>(std::min(lo, 0.0)), static_cast<float>(std::max(hi, 0.0))}, negativeExtreme};
  }
  const auto magnitude = static_cast<float>(std::max(std::abs(lo), std::abs(hi)));
  return {{-magnitude, magnitude}, negativeExtreme};
}

SegmentRange RangeEstimator::shrunk(const SegmentRange& full, double ratio) const {
  return shaped(full.range.lo * ratio, full.range.hi * ratio, full.negativeExtreme);
}

Result<SegmentRange> RangeEstimator::minMax(std::span<const float> values, Threads threads,
                                            const JobContext& context) const {
  HALFSTEP_TRY(const kernels::RangePartials range, rangeOf(values, threads, context));
  if (range.empty()) {
    return SegmentRange{};
  }
  bool negative = -range.min >= range.max;
  if (m_scheme.codeRange == CodeRange::absmax && -range.min == range.max) {
    // Both signs reach the magnitude: the first value decides, as in ggml's quantize_row_q4_0.
    const auto first =
        std::find_if(values.begin(), values.end(), [&](float x) { return x == range.min || x == range.max; });
    negative = first != values.end() && *first < 0.0f;
  }
  return shaped(range.min, range.max, negative);
}

Result<SegmentRange> RangeEstimator::percentile(std::span<const float> values,
                                                const SegmentRange& full) const {
  const double p = m_scheme.range.percentile;
  if (m_scheme.mapping != Mapping::asymmetric) {
    const float magnitude = orderStatistic(values, p, Side::magnitude);
    return shaped(-magnitude, magnitude, full.negativeExtreme);
  }
  const double tail = 50.0 + p / 2.0;
  return shaped(-orderStatistic(values, tail, Side::lower), orderStatistic(values, tail, Side::upper),
                full.negativeExtreme);
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
  const int bits = formatFacts(m_scheme.format).bits;
  // The likelier of the two: log-likelihoods −n(ln 2b + 1) and −n(ln 2πσ² + 1)/2 cross at b/σ = √(2π/e)/2.
  constexpr double kCrossing = 0.76017345053314;
  const double alpha = b <= kCrossing * sigma ? aciqLaplaceRatio(bits) * b : aciqGaussRatio(bits) * sigma;
  const double lo = std::max(static_cast<double>(moments.min), moments.mean - alpha);
  const double hi = std::min(static_cast<double>(moments.max), moments.mean + alpha);
  return shaped(lo, hi, full.negativeExtreme);
}

Result<SegmentRange> RangeEstimator::leastSquares(std::span<const float> values, const SegmentRange& full,
                                                  Threads threads, const JobContext& context) const {
  HALFSTEP_TRY(const int percent, bestShrinkPercent(values, m_scheme, m_rule, full, threads, context));
  return shrunkToPercent(full, percent);
}

Result<SegmentRange> RangeEstimator::estimate(std::span<const float> values, Threads threads,
                                              const JobContext& context) const {
  if (m_scheme.range.kind == RangeRule::Kind::fixed) {
    const RangeRule& rule = m_scheme.range;
    return shaped(rule.lo, rule.hi, std::abs(rule.lo) >= std::abs(rule.hi));
  }
  HALFSTEP_TRY(const SegmentRange full, minMax(values, threads, context));
  switch (m_scheme.range.kind) {
  case RangeRule::Kind::percentile:
    return percentile(values, full);
  case RangeRule::Kind::mse:
    return leastSquares(values, full, threads, context);
  case RangeRule::Kind::kl:
    return shrunk(full, m_ratio);
  case RangeRule::Kind::aciq:
    return aciq(values, full, threads, context);
  case RangeRule::Kind::minmax:
  case RangeRule::Kind::hqq:
  case RangeRule::Kind::fixed:
    return full;
  }
  return full;
}

} // namespace halfstep
