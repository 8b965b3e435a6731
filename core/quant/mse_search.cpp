#include "core/quant/mse_search.h"

#include "core/kernels/candidates.h"
#include "core/kernels/errors.h"
#include "core/quant/format_grids.h"

namespace halfstep {

namespace {

/// Σ(x̂ − x)² of each percent in `percents` over one piece.
void pieceErrors(std::span<const float> values, const Scheme& scheme, const ScaleRule& rule,
                 const SegmentRange& full, std::span<const int> percents, std::span<double> errors) {
  std::vector<kernels::Candidate> candidates;
  for (std::size_t i = 0; i < percents.size(); ++i) {
    const SegmentGrid grid = rule.gridFor(shrunkToPercent(full, percents[i]));
    if (formatFacts(scheme.format).family == FormatFamily::integer) {
      candidates.push_back({grid.scale, static_cast<float>(rule.limits().lowest - grid.zeroPoint),
                            static_cast<float>(rule.limits().highest - grid.zeroPoint)});
    } else {
      const float scale = grid.scale;
      errors[i] = kernels::floatErrors(values, {{&scale, 1}, values.size(), floatFormatOf(scheme.format)})
                      .squaredErrors;
    }
  }
  if (!candidates.empty()) {
    kernels::candidateErrors(values, candidates, errors);
  }
}

} // namespace

SegmentRange shrunkToPercent(const SegmentRange& full, int percent) {
  const double factor = static_cast<double>(percent);
  return {{static_cast<float>(static_cast<double>(full.range.lo) * factor / 100.0),
           static_cast<float>(static_cast<double>(full.range.hi) * factor / 100.0)},
          full.negativeExtreme};
}

Result<int> bestShrinkPercent(std::span<const float> values, const Scheme& scheme, const ScaleRule& rule,
                              const SegmentRange& full, Threads threads, const JobContext& context) {
  std::vector<int> percents;
  for (int percent = kFullPercent; percent >= kLeastPercent; --percent) {
    percents.push_back(percent);
  }
  std::vector<std::vector<double>> parts(pieceCount(values.size()));
  HALFSTEP_CHECK(forPieces(values, threads, context, [&](std::size_t i, std::span<const float> piece) {
    parts[i].resize(percents.size());
    pieceErrors(piece, scheme, rule, full, percents, parts[i]);
  }));
  int best = kFullPercent;
  double least = 0.0;
  for (std::size_t c = 0; c < percents.size(); ++c) {
    double error = 0.0;
    for (const std::vector<double>& part : parts) {
      error += part[c];
    }
    if (c == 0 || error < least) {
      least = error;
      best = percents[c];
    }
  }
  return best;
}

} // namespace halfstep
