#include "core/quant/distribution.h"

#include "core/kernels/histogram.h"
#include "core/kernels/moments.h"
#include "core/quant/pieces.h"
#include "core/quant/range_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace halfstep {

namespace {

constexpr std::size_t kProfileBins = 2048;
/// A task's own histogram is merged once per so many values.
constexpr std::size_t kHistogramValues = std::size_t{1} << 20;

Moments fromKernel(const kernels::MomentPartials& partials) {
  Moments moments;
  moments.count = partials.finite;
  moments.nan = partials.nan;
  moments.infinite = partials.infinite;
  moments.zeros = partials.zeros;
  if (partials.finite == 0) {
    moments.kurtosis = std::numeric_limits<double>::quiet_NaN();
    return moments;
  }
  const auto count = static_cast<double>(partials.finite);
  moments.min = static_cast<double>(partials.min);
  moments.max = static_cast<double>(partials.max);
  moments.mean = partials.mean;
  const double variance = partials.m2 / count;
  moments.std = std::sqrt(variance);
  moments.kurtosis = variance > 0.0 && moments.min < moments.max ? partials.m4 / count / (variance * variance)
                                                                 : std::numeric_limits<double>::quiet_NaN();
  return moments;
}

/// The moments of every row.
Result<std::vector<kernels::MomentPartials>> rowMoments(const WeightMatrix& matrix,
                                                        const JobContext& context) {
  std::vector<kernels::MomentPartials> rows(matrix.channels());
  const RowTasks tasks(Segmentation::of(matrix, {}));
  const std::size_t perRow = tasks.piecesPerRow();
  std::vector<kernels::MomentPartials> parts(perRow == 1 ? 0 : tasks.tasks());
  HALFSTEP_CHECK(parallelTasks(tasks.tasks(), tasks.valuesPerTask(), context, [&](std::size_t task) {
    tasks.forEach(task, [&](const RowPiece& piece) {
      (perRow == 1 ? rows[piece.channel] : parts[task]) =
          kernels::moments(matrix.row(piece.channel).subspan(piece.first, piece.count));
    });
  }));
  for (std::size_t task = 0; task < parts.size(); ++task) {
    rows[task / perRow].merge(parts[task]);
  }
  return rows;
}

Histogram emptyHistogram(double lo, double hi, std::size_t bins) {
  Histogram histogram{lo, hi, {}, {}, {}};
  histogram.counts.resize(bins);
  histogram.sums.resize(bins);
  histogram.squares.resize(bins);
  return histogram;
}

Result<Histogram> histogramOf(std::span<const float> values, double lo, double hi,
                              const JobContext& context) {
  Histogram total = emptyHistogram(lo, hi, kProfileBins);
  const double width = hi - lo;
  const double perUnit = width > 0.0 ? static_cast<double>(kProfileBins) / width : 1.0;
  const kernels::HistogramGrid grid{
      static_cast<float>(lo),
      static_cast<float>(std::min(perUnit, static_cast<double>(std::numeric_limits<float>::max())))};
  const std::size_t tasks = (values.size() + kHistogramValues - 1) / kHistogramValues;
  struct Part {
    std::vector<std::int64_t> counts;
    std::vector<kernels::BinMoments> moments;
  };
  std::vector<Part> parts(tasks);
  HALFSTEP_CHECK(parallelTasks(tasks, kHistogramValues, context, [&](std::size_t task) {
    parts[task].counts.resize(kProfileBins);
    parts[task].moments.resize(kProfileBins);
    const std::size_t at = task * kHistogramValues;
    kernels::addToHistogram(values.subspan(at, std::min(kHistogramValues, values.size() - at)), grid,
                            {parts[task].counts, parts[task].moments});
  }));
  for (const Part& part : parts) {
    for (std::size_t bin = 0; bin < kProfileBins; ++bin) {
      total.counts[bin] += part.counts[bin];
      total.sums[bin] += part.moments[bin].sum;
      total.squares[bin] += part.moments[bin].squares;
    }
  }
  return total;
}

} // namespace

Result<WeightProfile> profileWeights(const WeightMatrix& matrix, const JobContext& context) {
  HALFSTEP_TRY(const std::vector<kernels::MomentPartials> rows, rowMoments(matrix, context));
  WeightProfile profile;
  kernels::MomentPartials total;
  for (const kernels::MomentPartials& row : rows) {
    total.merge(row);
    const bool empty = row.finite == 0;
    profile.channelRanges.push_back(empty ? ValueRange{} : ValueRange{row.min, row.max});
    profile.channelStd.push_back(
        empty ? 0.0f : static_cast<float>(std::sqrt(row.m2 / static_cast<double>(row.finite))));
  }
  profile.moments = fromKernel(total);
  HALFSTEP_TRY(profile.histogram,
               histogramOf(matrix.values(), profile.moments.min, profile.moments.max, context));
  return profile;
}

Result<Moments> momentsOf(const WeightMatrix& matrix, const JobContext& context) {
  HALFSTEP_TRY(const kernels::MomentPartials moments,
               momentPartialsOf(matrix.values(), Threads::several, context));
  return fromKernel(moments);
}

} // namespace halfstep
