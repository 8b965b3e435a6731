#include "core/quant/range_statistics.h"

#include "core/kernels/deviations.h"
#include "core/kernels/histogram.h"
#include "core/quant/range_rules.h"

#include <limits>

namespace halfstep {

namespace {

constexpr std::size_t kBins = 2048;
/// A task counts into its own bins, which are merged once per so many values.
constexpr std::size_t kCountingValues = std::size_t{1} << 19;

kernels::HistogramGrid gridOver(float lo, float hi) {
  const double width = static_cast<double>(hi) - static_cast<double>(lo);
  const double perUnit = width > 0.0 ? static_cast<double>(kBins) / width : 1.0;
  return {lo, static_cast<float>(std::min(perUnit, static_cast<double>(std::numeric_limits<float>::max())))};
}

void addCounts(std::vector<std::int64_t>& total, const std::vector<std::int64_t>& part) {
  for (std::size_t bin = 0; bin < total.size(); ++bin) {
    total[bin] += part[bin];
  }
}

/// How |x| or x of `values` fall into the bins of `grid`.
Result<std::vector<std::int64_t>> pieceCounts(std::span<const float> values,
                                              const kernels::HistogramGrid& grid, kernels::RankedBy key,
                                              Threads threads, const JobContext& context) {
  const std::size_t tasks = (values.size() + kCountingValues - 1) / kCountingValues;
  std::vector<std::vector<std::int64_t>> parts(tasks);
  const auto count = [&](std::size_t task) {
    parts[task].resize(kBins);
    const std::size_t at = task * kCountingValues;
    const std::span<const float> some = values.subspan(at, std::min(kCountingValues, values.size() - at));
    key == kernels::RankedBy::magnitude ? kernels::addMagnitudesToHistogram(some, grid, {parts[task], {}})
                                        : kernels::addToHistogram(some, grid, {parts[task], {}});
  };
  if (threads == Threads::several) {
    HALFSTEP_CHECK(parallelTasks(tasks, kCountingValues, context, count));
  } else {
    for (std::size_t task = 0; task < tasks; ++task) {
      count(task);
    }
  }
  std::vector<std::int64_t> total(kBins);
  for (const std::vector<std::int64_t>& part : parts) {
    addCounts(total, part);
  }
  return total;
}

/// The keys of all values in one bin.
Result<std::vector<float>> keysInBin(std::span<const float> values, kernels::RankedBy key,
                                     const kernels::HistogramGrid& grid, std::size_t bin, Threads threads,
                                     const JobContext& context) {
  std::vector<std::vector<float>> parts(pieceCount(values.size()));
  HALFSTEP_CHECK(forPieces(values, threads, context, [&](std::size_t i, std::span<const float> piece) {
    kernels::collectBin(piece, key, grid, bin, kBins, parts[i]);
  }));
  std::vector<float> keys;
  for (const std::vector<float>& part : parts) {
    keys.insert(keys.end(), part.begin(), part.end());
  }
  return keys;
}

/// The rank-th smallest (from 1) of |x| or x: by counting into bins, then ranking the bin that holds the
/// rank.
Result<float> largeOrderStatistic(std::span<const float> values, std::size_t rank, kernels::RankedBy key,
                                  ValueRange keyRange, Threads threads, const JobContext& context) {
  const kernels::HistogramGrid grid = gridOver(keyRange.lo, keyRange.hi);
  HALFSTEP_TRY(const std::vector<std::int64_t> counts, pieceCounts(values, grid, key, threads, context));
  std::size_t before = 0;
  std::size_t bin = 0;
  while (bin + 1 < kBins && before + static_cast<std::size_t>(counts[bin]) < rank) {
    before += static_cast<std::size_t>(counts[bin++]);
  }
  HALFSTEP_TRY(std::vector<float> keys, keysInBin(values, key, grid, bin, threads, context));
  const auto nth = keys.begin() + static_cast<std::ptrdiff_t>(rank - before - 1);
  std::nth_element(keys.begin(), nth, keys.end());
  return *nth;
}

} // namespace

Result<kernels::RangePartials> rangeOf(std::span<const float> values, Threads threads,
                                       const JobContext& context) {
  if (values.size() <= kPieceValues) {
    return kernels::valueRange(values);
  }
  std::vector<kernels::RangePartials> parts(pieceCount(values.size()));
  HALFSTEP_CHECK(forPieces(values, threads, context, [&](std::size_t i, std::span<const float> piece) {
    parts[i] = kernels::valueRange(piece);
  }));
  kernels::RangePartials total;
  for (const kernels::RangePartials& part : parts) {
    total.merge(part);
  }
  return total;
}

Result<kernels::MomentPartials> momentPartialsOf(std::span<const float> values, Threads threads,
                                                 const JobContext& context) {
  if (values.size() <= kPieceValues) {
    return kernels::moments(values);
  }
  std::vector<kernels::MomentPartials> parts(pieceCount(values.size()));
  HALFSTEP_CHECK(forPieces(values, threads, context, [&](std::size_t i, std::span<const float> piece) {
    parts[i] = kernels::moments(piece);
  }));
  kernels::MomentPartials total;
  for (const kernels::MomentPartials& part : parts) {
    total.merge(part);
  }
  return total;
}

Result<double> absoluteDeviations(std::span<const float> values, double center, Threads threads,
                                  const JobContext& context) {
  if (values.size() <= kPieceValues) {
    return kernels::absoluteDeviations(values, static_cast<float>(center));
  }
  std::vector<double> parts(pieceCount(values.size()));
  HALFSTEP_CHECK(forPieces(values, threads, context, [&](std::size_t i, std::span<const float> piece) {
    parts[i] = kernels::absoluteDeviations(piece, static_cast<float>(center));
  }));
  double total = 0.0;
  for (const double part : parts) {
    total += part;
  }
  return total;
}

Result<float> orderStatistic(std::span<const float> values, double percent, kernels::RankedBy key,
                             ValueRange range, std::int64_t nonFinite, Threads threads,
                             const JobContext& context) {
  const std::size_t finite = values.size() - static_cast<std::size_t>(nonFinite);
  if (finite == 0) {
    return 0.0f;
  }
  const std::size_t rank = percentileRank(percent, finite);
  const bool negated = key == kernels::RankedBy::negated;
  if (rank == finite) {
    return negated ? -range.lo : range.hi;
  }
  if (values.size() < kLargeSegment) {
    return kernels::kthLargest(values, finite - rank + 1, key);
  }
  if (!negated) {
    return largeOrderStatistic(values, rank, key, range, threads, context);
  }
  // The rank-th smallest −x is minus the rank-th largest x.
  HALFSTEP_TRY(const float mirrored, largeOrderStatistic(values, finite - rank + 1, kernels::RankedBy::value,
                                                         range, threads, context));
  return -mirrored;
}

std::span<const float> segmentValues(const WeightMatrix& matrix, const Segmentation& segmentation,
                                     std::size_t index) {
  if (segmentation.kind == Granularity::Kind::tensor) {
    return matrix.values();
  }
  const std::span<const float> row = matrix.row(index / segmentation.segmentsPerChannel);
  const std::size_t at = index % segmentation.segmentsPerChannel * segmentation.segmentLength;
  return row.subspan(at, std::min(segmentation.segmentLength, row.size() - at));
}

Result<PooledMagnitudes> poolMagnitudes(const WeightMatrix& matrix, const Segmentation& segmentation,
                                        std::vector<kernels::RangePartials> known,
                                        const JobContext& context) {
  PooledMagnitudes pooled{std::vector<std::int64_t>(kBins), std::move(known)};
  const bool rangesKnown = !pooled.ranges.empty();
  const std::size_t count = matrix.count() == 0 ? 0 : segmentation.count();
  pooled.ranges.resize(count);
  if (count == 0) {
    return pooled;
  }
  if (segmentation.segmentLength >= kLargeSegment) {
    for (std::size_t index = 0; index < count; ++index) {
      const std::span<const float> values = segmentValues(matrix, segmentation, index);
      if (!rangesKnown) {
        HALFSTEP_TRY(pooled.ranges[index], rangeOf(values, Threads::several, context));
      }
      HALFSTEP_TRY(const std::vector<std::int64_t> counts,
                   pieceCounts(values, gridOver(0.0f, pooled.ranges[index].magnitude()),
                               kernels::RankedBy::magnitude, Threads::several, context));
      addCounts(pooled.counts, counts);
    }
    return pooled;
  }
  const std::size_t perTask = std::max<std::size_t>(1, kCountingValues / segmentation.segmentLength);
  std::vector<std::vector<std::int64_t>> parts((count + perTask - 1) / perTask);
  HALFSTEP_CHECK(
      parallelTasks(parts.size(), perTask * segmentation.segmentLength, context, [&](std::size_t task) {
        parts[task].resize(kBins);
        for (std::size_t index = task * perTask; index < std::min(count, (task + 1) * perTask); ++index) {
          const std::span<const float> values = segmentValues(matrix, segmentation, index);
          if (!rangesKnown) {
            pooled.ranges[index] = kernels::valueRange(values);
          }
          const kernels::RangePartials& range = pooled.ranges[index];
          if (range.magnitude() > 0.0f) {
            kernels::addMagnitudesToHistogram(values, gridOver(0.0f, range.magnitude()), {parts[task], {}});
          }
        }
      }));
  for (const std::vector<std::int64_t>& part : parts) {
    addCounts(pooled.counts, part);
  }
  return pooled;
}

} // namespace halfstep
