#include "core/quant/mse_search.h"

#include "core/kernels/errors.h"
#include "core/kernels/shrink_errors.h"
#include "core/quant/format_grids.h"
#include "core/quant/sample_runs.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <limits>

namespace halfstep {

namespace {

constexpr std::size_t kPercents = kFullPercent + 1;
constexpr std::size_t kSearchSample = std::size_t{1} << 18;

float factorOf(int percent) {
  return static_cast<float>(percent) / 100.0f;
}

/// Squared errors of the percents tried so far.
class Trials {
public:
  Trials(const Scheme& scheme, const ScaleRule& rule, const SegmentRange& full)
      : m_scheme(scheme)
      , m_rule(rule)
      , m_full(full) {}

  /// The percents first…last (descending) by `step` that are in `least`…100 and were not wanted before.
  void want(int first, int last, int step, int least) {
    for (int percent = std::min(first, kFullPercent); percent >= std::max(last, least); percent -= step) {
      if (!m_known[static_cast<std::size_t>(percent)]) {
        m_known.set(static_cast<std::size_t>(percent));
        m_wanted[m_wantedCount++] = percent;
      }
    }
  }

  /// Tries what is wanted over `values`.
  Result<void> run(std::span<const float> values, Threads threads, const JobContext& context) {
    std::array<float, kPercents> factors;
    std::array<double, kPercents> sums{};
    for (std::size_t i = 0; i < m_wantedCount; ++i) {
      factors[i] = factorOf(m_wanted[i]);
    }
    const std::span<const float> wanted(factors.data(), m_wantedCount);
    if (values.size() <= kPieceValues) {
      addPiece(values, wanted, {sums.data(), m_wantedCount});
    } else {
      HALFSTEP_CHECK(addPieces(values, wanted, {sums.data(), m_wantedCount}, threads, context));
    }
    for (std::size_t i = 0; i < m_wantedCount; ++i) {
      if (sums[i] < m_least || (sums[i] == m_least && m_wanted[i] > m_best)) {
        m_least = sums[i];
        m_best = m_wanted[i];
      }
    }
    m_wantedCount = 0;
    return {};
  }

  /// The percent with the smallest error so far, of equals the largest; 100 before anything was tried.
  int best() const { return m_best; }

private:
  void addPiece(std::span<const float> values, std::span<const float> factors, std::span<double> sums) const {
    if (formatFacts(m_scheme.format).family == FormatFamily::integer) {
      kernels::shrinkErrors(values, m_rule.gridRange(m_full), m_rule.mapping(), factors, sums);
      return;
    }
    for (std::size_t i = 0; i < factors.size(); ++i) {
      const SegmentRange range{{m_full.range.lo * factors[i], m_full.range.hi * factors[i]},
                               m_full.negativeExtreme};
      const float scale = m_rule.gridFor(range).scale;
      sums[i] = kernels::floatErrors(values, {{&scale, 1}, values.size(), floatFormatOf(m_scheme.format)})
                    .squaredErrors;
    }
  }

  Result<void> addPieces(std::span<const float> values, std::span<const float> factors,
                         std::span<double> sums, Threads threads, const JobContext& context) const {
    std::vector<std::array<double, kPercents>> parts(pieceCount(values.size()));
    HALFSTEP_CHECK(forPieces(
        values, threads, context,
        [&](std::size_t i, std::span<const float> piece) {
          addPiece(piece, factors, {parts[i].data(), factors.size()});
        },
        Cost::heavy));
    for (const auto& part : parts) {
      for (std::size_t i = 0; i < sums.size(); ++i) {
        sums[i] += part[i];
      }
    }
    return {};
  }

  const Scheme& m_scheme;
  const ScaleRule& m_rule;
  const SegmentRange& m_full;
  std::bitset<kPercents> m_known;
  std::array<int, kPercents> m_wanted;
  std::size_t m_wantedCount = 0;
  int m_best = kFullPercent;
  double m_least = std::numeric_limits<double>::infinity();
};

/// Below this percent the extreme value's own squared error, ((1 − k/100)·A − 2 steps)² at least, exceeds
/// what all n values can have at 100: n·(half a step)² + a step². The two steps allow for code ranges that
/// end a step early and for the zero point's rounding.
int leastUsefulPercent(std::size_t count, const Scheme& scheme, const ScaleRule& rule,
                       const SegmentRange& full) {
  if (formatFacts(scheme.format).family != FormatFamily::integer || scheme.mapping == Mapping::powerOfTwo) {
    return kLeastPercent;
  }
  const double magnitude =
      std::max(std::abs(static_cast<double>(full.range.lo)), static_cast<double>(full.range.hi));
  const double step = std::abs(static_cast<double>(rule.gridFor(full).scale));
  const double reach = (std::sqrt(static_cast<double>(count) / 4.0 + 1.0) + 2.0) * step;
  const double least = magnitude > 0.0 ? 100.0 * (1.0 - reach / magnitude) : kLeastPercent;
  return static_cast<int>(std::clamp(std::floor(least), double{kLeastPercent}, double{kFullPercent}));
}

/// A sample of `values` in runs, one after the other.
std::vector<float> sampleOf(std::span<const float> values) {
  std::vector<float> sample;
  const Segmentation single{1, values.size(), Granularity::Kind::tensor, values.size(), 1};
  for (const RowPiece& run : sampleRuns(single, kSearchSample)) {
    const std::span<const float> some = values.subspan(run.first, run.count);
    sample.insert(sample.end(), some.begin(), some.end());
  }
  return sample;
}

constexpr std::size_t kLanes = 16; ///< candidates that the kernel takes at once on the widest target

/// percent/100 for 100, 99, …, 5: any 16 percents that follow each other from one up to 20 below.
constexpr auto kFactors = [] {
  std::array<float, kFullPercent - kLeastPercent + kLanes> factors{};
  for (std::size_t i = 0; i < factors.size(); ++i) {
    factors[i] = static_cast<float>(kFullPercent - static_cast<int>(i)) / 100.0f;
  }
  return factors;
}();
/// Every fifth of them: 100, 95, …, 25.
constexpr auto kCoarseFactors = [] {
  std::array<float, kLanes> factors{};
  for (std::size_t i = 0; i < kLanes; ++i) {
    factors[i] = static_cast<float>(kFullPercent - 5 * static_cast<int>(i)) / 100.0f;
  }
  return factors;
}();

/// The first of the smallest, without branches: which it is cannot be foretold.
int leastOf(std::span<const double> errors) {
  int best = 0;
  double least = errors[0];
  for (std::size_t i = 1; i < errors.size(); ++i) {
    const bool less = errors[i] < least;
    least = less ? errors[i] : least;
    best = less ? static_cast<int>(i) : best;
  }
  return best;
}

/// A segment of the batch below.
struct ShortSearch {
  kernels::GridRange range;
  std::span<const float> values;
  int least = kLeastPercent; ///< percents below cannot be best
  int first = kFullPercent;  ///< the finer stage looks at first, first − 1, …
  std::array<double, kLanes> errors;

  std::size_t count() const { return std::min(kLanes, static_cast<std::size_t>(first - least + 1)); }
};

} // namespace

SegmentRange shrunkToPercent(const SegmentRange& full, int percent) {
  return {{full.range.lo * factorOf(percent), full.range.hi * factorOf(percent)}, full.negativeExtreme};
}

void bestShrinkPercents(std::span<const float> values, std::size_t length, const Scheme& scheme,
                        const ScaleRule& rule, std::span<const SegmentRange> full, std::span<int> percents) {
  constexpr std::size_t kBatch = 32;
  std::array<ShortSearch, kBatch> batch;
  for (std::size_t first = 0; first < full.size(); first += kBatch) {
    const std::size_t count = std::min(kBatch, full.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = (first + i) * length;
      ShortSearch& search = batch[i];
      search.values = values.subspan(at, std::min(length, values.size() - at));
      search.range = rule.gridRange(full[first + i]);
      search.least = leastUsefulPercent(search.values.size(), scheme, rule, full[first + i]);
      search.first = kFullPercent;
      if (kFullPercent - search.least >= static_cast<int>(kLanes)) {
        kernels::shrinkErrors(search.values, search.range, rule.mapping(), kCoarseFactors, search.errors);
        search.first = -1;
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      ShortSearch& search = batch[i];
      if (search.first < 0) {
        search.first = std::min(kFullPercent, kFullPercent - 5 * leastOf(search.errors) + 7);
      }
      kernels::shrinkErrors(search.values, search.range, rule.mapping(),
                            {kFactors.data() + (kFullPercent - search.first), search.count()},
                            {search.errors.data(), search.count()});
    }
    for (std::size_t i = 0; i < count; ++i) {
      percents[first + i] = batch[i].first - leastOf({batch[i].errors.data(), batch[i].count()});
    }
  }
}

Result<int> bestShrinkPercent(std::span<const float> values, const Scheme& scheme, const ScaleRule& rule,
                              const SegmentRange& full, SearchDepth depth, Threads threads,
                              const JobContext& context) {
  const int least = leastUsefulPercent(values.size(), scheme, rule, full);
  const bool integers = formatFacts(scheme.format).family == FormatFamily::integer;
  if (depth == SearchDepth::coarseToFine && values.size() <= kShortSegment && integers) {
    int best = kFullPercent;
    bestShrinkPercents(values, values.size(), scheme, rule, {&full, 1}, {&best, 1});
    return best;
  }
  Trials trials(scheme, rule, full);
  if (depth == SearchDepth::exhaustive) {
    trials.want(kFullPercent, least, 1, least);
    HALFSTEP_CHECK(trials.run(values, threads, context));
    return trials.best();
  }
  if (values.size() < kLargeSegment) {
    int step = kFullPercent - least > 32 ? 8 : 4;
    trials.want(kFullPercent, least, step, least);
    HALFSTEP_CHECK(trials.run(values, threads, context));
    while (step > 1) {
      step /= 2;
      trials.want(trials.best() + step, trials.best() - step, step, least);
      HALFSTEP_CHECK(trials.run(values, threads, context));
    }
    return trials.best();
  }
  Trials sampled(scheme, rule, full);
  sampled.want(kFullPercent, kLeastPercent, 1, least);
  HALFSTEP_CHECK(sampled.run(sampleOf(values), threads, context));
  trials.want(kFullPercent, kFullPercent, 1, least);
  for (int center = sampled.best(), before = 0; center != before;) {
    trials.want(center + 2, center - 2, 1, least);
    HALFSTEP_CHECK(trials.run(values, threads, context));
    before = center;
    center = trials.best();
  }
  return trials.best();
}

} // namespace halfstep
