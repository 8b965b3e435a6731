#include "core/quant/range_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace halfstep {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double timesLog(double x) {
  return x > 0.0 ? x * std::log(x) : 0.0;
}

/// Sums over the first k bins, so that a group of bins costs two subtractions.
struct Prefix {
  std::vector<std::int64_t> mass;
  std::vector<std::int64_t> filled; ///< how many bins are not empty
  std::vector<double> massLogMass;

  explicit Prefix(std::span<const std::int64_t> h)
      : mass(h.size() + 1)
      , filled(h.size() + 1)
      , massLogMass(h.size() + 1) {
    for (std::size_t k = 0; k < h.size(); ++k) {
      const std::int64_t m = k == 0 && h.size() > 1 ? h[1] : h[k];
      mass[k + 1] = mass[k] + m;
      filled[k + 1] = filled[k] + (m > 0 ? 1 : 0);
      massLogMass[k + 1] = massLogMass[k] + timesLog(static_cast<double>(m));
    }
  }
};

/// Σ P ln(P/Q) with P = p/total and Q = q/kept: (Σ p ln p − Σ p ln q)/total + ln(kept/total).
double divergence(const Prefix& prefix, std::size_t bins, std::size_t levels) {
  const std::int64_t total = prefix.mass.back();
  const std::int64_t kept = prefix.mass[bins];
  const auto tail = static_cast<double>(total - kept);
  const auto last = static_cast<double>(kept - prefix.mass[bins - 1]);
  if (kept == 0 || (last == 0.0 && tail > 0.0)) {
    return kInfinity;
  }
  levels = std::min(levels, bins); // with a level for every bin, more change nothing
  double sum = prefix.massLogMass[bins] - timesLog(last) + timesLog(last + tail);
  for (std::size_t group = 0; group < levels; ++group) {
    // Bin k belongs to group ⌊k·levels/bins⌋, so a group starts at ⌈group·bins/levels⌉.
    const std::size_t from = (group * bins + levels - 1) / levels;
    const std::size_t to = ((group + 1) * bins + levels - 1) / levels;
    const std::int64_t mass = prefix.mass[to] - prefix.mass[from];
    if (mass > 0) {
      const auto average =
          static_cast<double>(mass) / static_cast<double>(prefix.filled[to] - prefix.filled[from]);
      sum -= (static_cast<double>(mass) + (to == bins && from < bins ? tail : 0.0)) * std::log(average);
    }
  }
  return sum / static_cast<double>(total) + std::log(static_cast<double>(kept) / static_cast<double>(total));
}

/// The root of a function that falls from positive to negative between `low` and `high`.
template <class Function>
double root(Function function, double low, double high) {
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = 0.5 * (low + high);
    (function(middle) > 0.0 ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

} // namespace

std::size_t percentileRank(double p, std::size_t count) {
  const double exact = p / 100.0 * static_cast<double>(count);
  const double rank = std::ceil(exact * (1.0 - 1e-12));
  return static_cast<std::size_t>(
      std::clamp(rank, 1.0, static_cast<double>(std::max<std::size_t>(count, 1))));
}

std::vector<double> klDivergences(std::span<const std::int64_t> histogram, std::size_t levels,
                                  std::size_t start) {
  const Prefix prefix(histogram);
  std::vector<double> divergences;
  for (std::size_t bins = std::max<std::size_t>(start, 1); bins <= histogram.size(); ++bins) {
    divergences.push_back(divergence(prefix, bins, levels));
  }
  return divergences;
}

std::size_t klBins(std::span<const std::int64_t> histogram, std::size_t levels, std::size_t start) {
  const std::vector<double> divergences = klDivergences(histogram, levels, start);
  std::size_t best = histogram.size();
  double least = kInfinity;
  for (std::size_t i = 0; i < divergences.size(); ++i) {
    if (divergences[i] <= least && divergences[i] < kInfinity) {
      least = divergences[i];
      best = std::max<std::size_t>(start, 1) + i;
    }
  }
  return best;
}

float klRatio(std::span<const std::int64_t> histogram, int levelBits) {
  constexpr std::size_t kStart = 128;
  const std::size_t kept = klBins(histogram, std::size_t{1} << levelBits, kStart);
  return static_cast<float>(static_cast<double>(kept) / static_cast<double>(histogram.size()));
}

double aciqLaplaceRatio(int bits) {
  // d/dα = 0: e^(−t) = t / (3·4^bits), t = α/b.
  const double steps = 3.0 * std::exp2(2.0 * bits);
  return root([&](double t) { return std::exp(-t) - t / steps; }, 0.0, 64.0);
}

double aciqGaussRatio(int bits) {
  // d/dα of (α²+σ²)·erfc(α/(√2σ)) − √(2/π)·ασ·e^(−α²/2σ²) + α²/(3·4^bits), negated, for σ = 1.
  const double steps = 3.0 * std::exp2(2.0 * bits);
  return root(
      [&](double t) {
        return 2.0 * std::sqrt(2.0 / std::numbers::pi) * std::exp(-t * t / 2.0) -
               2.0 * t * std::erfc(t / std::numbers::sqrt2) - 2.0 * t / steps;
      },
      0.0, 32.0);
}

} // namespace halfstep
