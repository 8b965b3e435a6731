#include "core/analysis/activation_figures.h"

#include "core/quant/scale_rule.h"
#include "core/quant/scheme_grammar.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr std::size_t kMostLevels = 1024;
constexpr std::size_t kCurvePoints = 80;

/// The levels of one grid: real = step·k for whole k from `lowest` to `highest`.
struct Levels {
  double step = 1.0;
  double lowest = 0.0;
  double highest = 0.0;

  Levels(const ScaleRule& rule, const ValueRange& range) {
    const SegmentGrid grid = rule.gridFor({range, true});
    step = static_cast<double>(grid.scale);
    lowest = static_cast<double>(rule.limits().lowest) - static_cast<double>(grid.zeroPoint);
    highest = static_cast<double>(rule.limits().highest) - static_cast<double>(grid.zeroPoint);
  }
};

/// ∫ (u − round(u))² du from 0: each whole step adds 1/12.
double roundingIntegral(double u) {
  const double nearest = std::nearbyint(u);
  const double error = u - nearest;
  return nearest / 12.0 + error * error * error / 3.0;
}

/// ∫ (u − end)² du from `from` to `to`.
double clippingIntegral(double from, double to, double end) {
  const auto cube = [&](double u) { return (u - end) * (u - end) * (u - end) / 3.0; };
  return cube(to) - cube(from);
}

struct Sums {
  double rounding = 0.0; ///< in squared steps
  double clipping = 0.0;
  double clipped = 0.0;
};

/// Calls `visit(count, from, to)` for every bin that is not empty, its edges in steps.
template <class Visit>
void forEachBin(const BinaryHistogram& histogram, double step, Visit visit) {
  const auto counts = histogram.counts();
  const double width = histogram.width() / step;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    if (counts[k] > 0) {
      const double from = (static_cast<double>(k) - BinaryHistogram::kBinsPerSide) * width;
      visit(static_cast<double>(counts[k]), from, from + width);
    }
  }
}

Sums histogramSums(const BinaryHistogram& histogram, const Levels& levels) {
  Sums sums;
  // Codes saturate half a step beyond the last level.
  const double low = levels.lowest - 0.5;
  const double high = levels.highest + 0.5;
  forEachBin(histogram, levels.step, [&](double count, double from, double to) {
    const double density = count / (to - from);
    const double inner = std::clamp(from, low, high);
    const double outer = std::clamp(to, low, high);
    sums.rounding += density * (roundingIntegral(outer) - roundingIntegral(inner));
    if (from < low) {
      const double end = std::min(to, low);
      sums.clipping += density * clippingIntegral(from, end, levels.lowest);
      sums.clipped += density * (end - from);
    }
    if (to > high) {
      const double begin = std::max(from, high);
      sums.clipping += density * clippingIntegral(begin, to, levels.highest);
      sums.clipped += density * (to - begin);
    }
  });
  return sums;
}

/// How many values each level gets; zeros are exact.
void countLevels(const BinaryHistogram& histogram, const Levels& levels, std::int64_t zeros,
                 ActivationFigures& figures) {
  const auto count = static_cast<std::size_t>(levels.highest - levels.lowest) + 1;
  if (count > kMostLevels) {
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    figures.levels.push_back(levels.step * (levels.lowest + static_cast<double>(i)));
  }
  figures.levelCounts.assign(count, 0.0);
  const auto indexOf = [&](double u) {
    return static_cast<std::size_t>(std::clamp(std::nearbyint(u), levels.lowest, levels.highest) -
                                    levels.lowest);
  };
  figures.levelCounts[indexOf(0.0)] += static_cast<double>(zeros);
  forEachBin(histogram, levels.step, [&](double values, double from, double to) {
    const double density = values / (to - from);
    const std::size_t last = indexOf(to);
    double at = from;
    for (std::size_t i = indexOf(from); i <= last; ++i) {
      const double end = i == last ? to : std::min(to, levels.lowest + static_cast<double>(i) + 0.5);
      figures.levelCounts[i] += density * std::max(0.0, end - at);
      at = std::max(at, end);
    }
  });
}

} // namespace

bool hasActivationFigures(const Scheme& scheme) {
  return formatFacts(scheme.format).family == FormatFamily::integer;
}

ActivationFigures activationFigures(const ActivationStatistics& statistics, const Scheme& scheme,
                                    const ValueRange& range) {
  ActivationFigures figures;
  const auto finite = static_cast<double>(statistics.moments.finite);
  const Levels levels(ScaleRule(scheme), range);
  if (!(finite > 0.0) || !(levels.step > 0.0)) {
    return figures;
  }
  const Sums sums = histogramSums(statistics.histogram, levels);
  const double square = levels.step * levels.step / finite;
  figures.rounding = sums.rounding * square;
  figures.clipping = sums.clipping * square;
  figures.clippedShare = sums.clipped / finite;
  const double deviation = statistics.std();
  const double power = deviation * deviation + statistics.moments.mean * statistics.moments.mean;
  const double error = figures.rounding + figures.clipping;
  figures.sqnrDb = error > 0.0 ? 10.0 * std::log10(power / error) : INFINITY;
  countLevels(statistics.histogram, levels, statistics.zeros(), figures);
  return figures;
}

ClippingCurve activationCurve(const ActivationStatistics& statistics, const Scheme& scheme) {
  ClippingCurve curve;
  if (!hasActivationFigures(scheme) || statistics.histogram.empty() || statistics.samples.empty()) {
    return curve;
  }
  const ScaleRule rule(scheme);
  const auto finite = static_cast<double>(statistics.moments.finite);
  const auto errorsWith = [&](const ValueRange& range) {
    const Levels levels(rule, range);
    const Sums sums = histogramSums(statistics.histogram, levels);
    const double square = levels.step * levels.step / finite;
    return std::pair(sums.rounding * square, sums.clipping * square);
  };
  Scheme own = scheme;
  own.range = {};
  const ValueRange full = activationRange(statistics, own);
  for (std::size_t i = 0; i < kCurvePoints; ++i) {
    const double ratio = static_cast<double>(i + 1) / static_cast<double>(kCurvePoints);
    const auto [rounding, clipping] = errorsWith({static_cast<float>(static_cast<double>(full.lo) * ratio),
                                                  static_cast<float>(static_cast<double>(full.hi) * ratio)});
    curve.ratio.push_back(ratio);
    curve.rounding.push_back(rounding);
    curve.clipping.push_back(clipping);
    if (rounding + clipping <= curve.rounding[curve.best] + curve.clipping[curve.best]) {
      curve.best = i;
    }
  }
  const bool hasPercentile = scheme.range.kind == RangeRule::Kind::percentile;
  const RangeRule percentile =
      hasPercentile ? scheme.range : RangeRule{RangeRule::Kind::percentile, 99.9, 0.0, 0.0};
  for (const RangeRule& estimator :
       {RangeRule{}, RangeRule{RangeRule::Kind::movingAverage, 0.0, 0.0, 0.0}, percentile,
        RangeRule{RangeRule::Kind::mse, 0.0, 0.0, 0.0}, RangeRule{RangeRule::Kind::kl, 0.0, 0.0, 0.0},
        RangeRule{RangeRule::Kind::aciq, 0.0, 0.0, 0.0}}) {
    own.range = estimator;
    const ValueRange found = activationRange(statistics, own);
    const auto [rounding, clipping] = errorsWith(found);
    const double whole = static_cast<double>(full.hi) - static_cast<double>(full.lo);
    const double share = (static_cast<double>(found.hi) - static_cast<double>(found.lo)) / whole;
    curve.marks.push_back({rangeName(estimator), std::clamp(share, 0.0, 1.0), rounding + clipping});
  }
  return curve;
}

} // namespace halfstep
