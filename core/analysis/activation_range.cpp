// The range rules of activationRange(): on statistics that calibration streamed, where the weights' rules
// look at the values themselves.
#include "core/analysis/activation_statistics.h"
#include "core/quant/mse_search.h"
#include "core/quant/range_rules.h"
#include "core/quant/scale_rule.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

bool isInteger(const Scheme& scheme) {
  return formatFacts(scheme.format).family == FormatFamily::integer;
}

/// Counts of |x| over the bins [0, w), [w, 2w) …, zeros in the first one.
std::vector<std::int64_t> magnitudeCounts(const ActivationStatistics& statistics) {
  constexpr std::size_t kSide = BinaryHistogram::kBinsPerSide;
  std::vector<std::int64_t> folded(kSide, 0);
  const auto counts = statistics.histogram.counts();
  for (std::size_t k = 0; k < counts.size(); ++k) {
    folded[k >= kSide ? k - kSide : kSide - 1 - k] += counts[k];
  }
  folded[0] += statistics.zeros();
  return folded;
}

/// The upper edge of the bin in which the cumulative count reaches `share` of all.
double quantileEdge(std::span<const std::int64_t> counts, double share, double width) {
  std::int64_t all = 0;
  for (const std::int64_t count : counts) {
    all += count;
  }
  const double needed = share * static_cast<double>(all) * (1.0 - 1e-12);
  std::int64_t seen = 0;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    seen += counts[k];
    if (static_cast<double>(seen) >= needed) {
      return width * static_cast<double>(k + 1);
    }
  }
  return width * static_cast<double>(counts.size());
}

ValueRange percentileRange(const ActivationStatistics& statistics, const ValueRange& full, double percent,
                           bool symmetric) {
  constexpr std::size_t kSide = BinaryHistogram::kBinsPerSide;
  const double width = statistics.histogram.width();
  const std::vector<std::int64_t> magnitudes = magnitudeCounts(statistics);
  if (symmetric) {
    const auto bound = static_cast<float>(quantileEdge(magnitudes, percent / 100.0, width));
    const float limit = std::min(bound, std::max(-full.lo, full.hi));
    return {-limit, limit};
  }
  // Half of what is left out on either side. Source: ONNX Runtime's percentile calibrator.
  const double share = 1.0 - (1.0 - percent / 100.0) / 2.0;
  std::vector<std::int64_t> upwards(statistics.histogram.counts().begin(),
                                    statistics.histogram.counts().end());
  upwards[kSide] += statistics.zeros();
  std::vector<std::int64_t> downwards(upwards.rbegin(), upwards.rend());
  const double reach = width * static_cast<double>(kSide);
  const auto hi = static_cast<float>(quantileEdge(upwards, share, width) - reach);
  const auto lo = static_cast<float>(reach - quantileEdge(downwards, share, width));
  return {std::clamp(lo, full.lo, 0.0f), std::clamp(hi, 0.0f, full.hi)};
}

/// Σ count·(c − Q(c))² over the bins' centres c.
double histogramError(const ActivationStatistics& statistics, const ScaleRule& rule,
                      const ValueRange& range) {
  const SegmentGrid grid = rule.gridFor({range, true});
  const auto counts = statistics.histogram.counts();
  const double width = statistics.histogram.width();
  const CodeLimits limits = rule.limits();
  double sum = 0.0;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    if (counts[k] == 0) {
      continue;
    }
    const double center = (static_cast<double>(k) - BinaryHistogram::kBinsPerSide + 0.5) * width;
    const double code = std::clamp(std::nearbyint(center / grid.scale) + grid.zeroPoint,
                                   static_cast<double>(limits.lowest), static_cast<double>(limits.highest));
    const double error = center - (code - grid.zeroPoint) * grid.scale;
    sum += static_cast<double>(counts[k]) * error * error;
  }
  return sum;
}

ValueRange mseRange(const ActivationStatistics& statistics, const ValueRange& full, const Scheme& scheme) {
  if (!isInteger(scheme)) {
    return full;
  }
  const ScaleRule rule(scheme);
  ValueRange best = full;
  double least = INFINITY;
  for (int percent = kFullPercent; percent >= kLeastPercent; --percent) {
    const ValueRange candidate = shrunkToPercent({full, true}, percent).range;
    const double error = histogramError(statistics, rule, candidate);
    if (error < least) {
      least = error;
      best = candidate;
    }
  }
  return best;
}

ValueRange klRange(const ActivationStatistics& statistics, const ValueRange& full, const Scheme& scheme) {
  constexpr std::size_t kFirstCandidate = 128;
  std::vector<std::int64_t> magnitudes = magnitudeCounts(statistics);
  while (magnitudes.size() > 1 && magnitudes.back() == 0) {
    magnitudes.pop_back();
  }
  if (!isInteger(scheme) || magnitudes.size() <= kFirstCandidate) {
    return full;
  }
  const int bits = formatFacts(scheme.format).bits;
  // One-sided values use all codes, the others half of them for either sign.
  const bool oneSided = scheme.mapping == Mapping::asymmetric && (full.lo >= 0.0f || full.hi <= 0.0f);
  const std::size_t levels = std::size_t{1} << (oneSided ? bits : bits - 1);
  const std::size_t bins = klBins(magnitudes, levels, std::max(kFirstCandidate, levels));
  const auto bound = static_cast<float>(statistics.histogram.width() * static_cast<double>(bins));
  return {std::max(full.lo, -bound), std::min(full.hi, bound)};
}

ValueRange aciqRange(const ActivationStatistics& statistics, const ValueRange& full, const Scheme& scheme) {
  if (!isInteger(scheme)) {
    return full;
  }
  const double mean = statistics.moments.mean;
  const double width = statistics.histogram.width();
  const auto counts = statistics.histogram.counts();
  double deviations = std::abs(mean) * static_cast<double>(statistics.zeros());
  for (std::size_t k = 0; k < counts.size(); ++k) {
    const double center = (static_cast<double>(k) - BinaryHistogram::kBinsPerSide + 0.5) * width;
    deviations += static_cast<double>(counts[k]) * std::abs(center - mean);
  }
  const double laplace =
      deviations / static_cast<double>(std::max<std::int64_t>(statistics.moments.finite, 1));
  const int bits = std::min(formatFacts(scheme.format).bits, 8);
  if (full.lo >= 0.0f) { // behind a Relu: one bit more for the same α
    const double bound = std::max(mean, 0.0) + aciqLaplaceRatio(bits + 1) * laplace;
    return {0.0f, std::min(full.hi, static_cast<float>(bound))};
  }
  const double reach = aciqLaplaceRatio(bits) * laplace;
  return {std::max(full.lo, static_cast<float>(mean - reach)),
          std::min(full.hi, static_cast<float>(mean + reach))};
}

} // namespace

ValueRange activationRange(const ActivationStatistics& statistics, const Scheme& scheme) {
  if (statistics.samples.empty()) {
    return {};
  }
  const bool symmetric = scheme.mapping != Mapping::asymmetric;
  const auto shaped = [&](const ValueRange& range) {
    const ValueRange withZero{std::min(range.lo, 0.0f), std::max(range.hi, 0.0f)};
    const float magnitude = std::max(-withZero.lo, withZero.hi);
    return symmetric ? ValueRange{-magnitude, magnitude} : withZero;
  };
  const ValueRange full = shaped({statistics.moments.min, statistics.moments.max});
  if (statistics.histogram.empty()) { // nothing but zeros
    return scheme.range.kind == RangeRule::Kind::fixed
               ? ValueRange{static_cast<float>(scheme.range.lo), static_cast<float>(scheme.range.hi)}
               : full;
  }
  switch (scheme.range.kind) {
  case RangeRule::Kind::minmax:
  case RangeRule::Kind::hqq:
    return full;
  case RangeRule::Kind::movingAverage:
    return shaped(statistics.movingAverage);
  case RangeRule::Kind::percentile:
    return percentileRange(statistics, full, scheme.range.percentile, symmetric);
  case RangeRule::Kind::mse:
    return mseRange(statistics, full, scheme);
  case RangeRule::Kind::kl:
    return shaped(klRange(statistics, full, scheme));
  case RangeRule::Kind::aciq:
    return shaped(aciqRange(statistics, full, scheme));
  case RangeRule::Kind::fixed:
    return {static_cast<float>(scheme.range.lo), static_cast<float>(scheme.range.hi)};
  }
  return full;
}

} // namespace halfstep
