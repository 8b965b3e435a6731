#include "core/quant/estimate.h"

#include "core/quant/pieces.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr std::size_t kSampleValues = std::size_t{1} << 20;
constexpr std::size_t kRun = 256;
/// Values times passes over them that fit into a frame beside drawing.
constexpr double kFrameWork = 24e6;

/// About how long quantizeLayer takes, in fused passes over the values.
double passesOf(const Scheme& scheme, bool rangesKnown) {
  const bool groups = scheme.granularity.kind == Granularity::Kind::group;
  double passes = rangesKnown && !groups ? 1.0 : 2.0;
  switch (scheme.range.kind) {
  case RangeRule::Kind::mse:
    passes += groups ? 12.0 : 3.0;
    break;
  case RangeRule::Kind::percentile:
  case RangeRule::Kind::kl:
    passes += 4.0;
    break;
  case RangeRule::Kind::aciq:
    passes += 2.0;
    break;
  case RangeRule::Kind::minmax:
  case RangeRule::Kind::movingAverage:
  case RangeRule::Kind::hqq:
  case RangeRule::Kind::fixed:
    break;
  }
  return groups ? passes + 128.0 / std::max(1, scheme.granularity.groupSize) : passes;
}

std::int64_t scaled(std::int64_t count, double factor) {
  return std::llround(static_cast<double>(count) * factor);
}

ErrorSums scaled(ErrorSums sums, double factor) {
  sums.count = scaled(sums.count, factor);
  sums.nonFinite = scaled(sums.nonFinite, factor);
  sums.clipped = scaled(sums.clipped, factor);
  for (double* sum : {&sums.squares, &sums.decodedSquares, &sums.products, &sums.errors, &sums.squaredErrors,
                      &sums.squaredClipErrors}) {
    *sum *= factor;
  }
  return sums;
}

} // namespace

bool isWorthEstimating(const WeightMatrix& matrix, const Scheme& scheme, bool rangesKnown) {
  return scheme.format != NumberFormat::fp32 &&
         static_cast<double>(matrix.count()) * passesOf(scheme, rangesKnown) > kFrameWork;
}

Result<std::shared_ptr<const WeightMatrix>>
thinned(const WeightMatrix& matrix, const Granularity& granularity, const JobContext& context) {
  const std::size_t rowLength = matrix.valuesPerChannel();
  const std::size_t group = granularity.kind == Granularity::Kind::group
                                ? static_cast<std::size_t>(std::max(1, granularity.groupSize))
                                : 1;
  const std::size_t run = std::min(rowLength, (kRun + group - 1) / group * group);
  const std::size_t runs = run == 0 ? 0 : rowLength / run;
  const std::size_t perRow = std::clamp<std::size_t>(
      kSampleValues / std::max<std::size_t>(1, matrix.channels() * run), 1, std::max<std::size_t>(1, runs));
  std::vector<float> values(matrix.channels() * perRow * run);
  const std::size_t rowsPerTask =
      std::max<std::size_t>(1, kPieceValues / std::max<std::size_t>(1, perRow * run));
  const std::size_t tasks = (matrix.channels() + rowsPerTask - 1) / rowsPerTask;
  HALFSTEP_CHECK(parallelTasks(tasks, rowsPerTask * perRow * run, context, [&](std::size_t task) {
    for (std::size_t row = task * rowsPerTask; row < std::min(matrix.channels(), (task + 1) * rowsPerTask);
         ++row) {
      for (std::size_t i = 0; i < perRow; ++i) {
        const std::size_t from = (2 * i + 1) * runs / (2 * perRow) * run;
        std::copy_n(matrix.row(row).data() + from, run, values.data() + (row * perRow + i) * run);
      }
    }
  }));
  return WeightMatrix::fromRows(std::move(values), matrix.channels());
}

Result<LayerQuantization> estimateLayer(const WeightMatrix& matrix, const WeightMatrix& sample,
                                        const Scheme& scheme, const JobContext& context,
                                        std::span<const ValueRange> channelRanges) {
  HALFSTEP_TRY(LayerQuantization result, quantizeLayer(sample, scheme, context, channelRanges));
  const double factor =
      sample.count() > 0 ? static_cast<double>(matrix.count()) / static_cast<double>(sample.count()) : 1.0;
  result.total = scaled(result.total, factor);
  if (scheme.granularity.kind != Granularity::Kind::group) {
    result.parameters.segmentation = Segmentation::of(matrix, scheme.granularity);
  }
  result.bytes = quantizedBytes(scheme, Segmentation::of(matrix, scheme.granularity), matrix.originalBits());
  result.bitsPerWeight = matrix.count() == 0
                             ? 0.0
                             : 8.0 * static_cast<double>(result.bytes) / static_cast<double>(matrix.count());
  return result;
}

} // namespace halfstep
