#include "core/quant/range_statistics.h"

#include "core/kernels/histogram.h"
#include "core/quant/range_rules.h"

#include <array>
#include <cmath>

namespace halfstep {

Result<kernels::RangePartials> rangeOf(std::span<const float> values, Threads threads,
                                       const JobContext& context) {
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
  std::vector<double> parts(pieceCount(values.size()));
  HALFSTEP_CHECK(forPieces(values, threads, context, [&](std::size_t i, std::span<const float> piece) {
    double sum = 0.0;
    for (const float value : piece) {
      sum += std::isfinite(value) ? std::abs(static_cast<double>(value) - center) : 0.0;
    }
    parts[i] = sum;
  }));
  double total = 0.0;
  for (const double part : parts) {
    total += part;
  }
  return total;
}

float orderStatistic(std::span<const float> values, double percent, Side side) {
  std::vector<float> keys;
  keys.reserve(values.size());
  for (const float value : values) {
    if (std::isfinite(value)) {
      keys.push_back(side == Side::magnitude ? std::abs(value) : side == Side::upper ? value : -value);
    }
  }
  if (keys.empty()) {
    return 0.0f;
  }
  const std::size_t rank = percentileRank(percent, keys.size());
  const auto nth = keys.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::nth_element(keys.begin(), nth, keys.end());
  return *nth;
}

Result<double> klRatio(const WeightMatrix& matrix, const Scheme& scheme, const Segmentation& segmentation,
                       const JobContext& context) {
  constexpr std::size_t kBins = 2048;
  constexpr std::size_t kStart = 128;
  std::vector<std::int64_t> counts(kBins);
  bool anyNegative = false;
  bool anyPositive = false;
  const auto addSegment = [&](std::span<const float> values) {
    const kernels::RangePartials range = kernels::valueRange(values);
    anyNegative = anyNegative || range.min < 0.0f;
    anyPositive = anyPositive || range.max > 0.0f;
    if (range.magnitude() > 0.0f) {
      const float perUnit =
          std::min(static_cast<float>(kBins) / range.magnitude(), std::numeric_limits<float>::max());
      kernels::addMagnitudesToHistogram(values, {0.0f, perUnit}, {counts, {}, {}});
    }
  };
  if (segmentation.kind == Granularity::Kind::tensor) {
    addSegment(matrix.values());
  } else {
    for (std::size_t channel = 0; channel < matrix.channels(); ++channel) {
      HALFSTEP_CHECK(context.checkpoint());
      const std::span<const float> row = matrix.row(channel);
      for (std::size_t at = 0; at < row.size(); at += segmentation.segmentLength) {
        addSegment(row.subspan(at, std::min(segmentation.segmentLength, row.size() - at)));
      }
    }
  }
  const bool oneSided = scheme.mapping == Mapping::asymmetric && anyNegative != anyPositive;
  const int bits = formatFacts(scheme.format).bits - (oneSided ? 0 : 1);
  const std::size_t kept = klBins(counts, std::size_t{1} << bits, kStart);
  return static_cast<double>(kept) / static_cast<double>(kBins);
}

} // namespace halfstep
