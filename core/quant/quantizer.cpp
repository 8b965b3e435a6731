#include "core/quant/quantizer.h"

#include "core/kernels/quantize.h"
#include "core/quant/axis_order.h"
#include "core/quant/format_grids.h"
#include "core/quant/pieces.h"
#include "core/quant/range_estimator.h"
#include "core/support/mapped_file.h"
#include "core/tensor/float_formats.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace halfstep {

namespace {

std::int64_t packedBytesOf(std::size_t codes, int bits) {
  return static_cast<std::int64_t>((codes * static_cast<std::size_t>(bits) + 7) / 8);
}

void setSegment(QuantizationParameters& parameters, std::size_t index, const SegmentRange& range,
                const ScaleRule& rule) {
  const SegmentGrid grid = rule.gridFor(range);
  parameters.scales[index] = grid.scale;
  parameters.zeroPoints[index] = grid.zeroPoint;
  parameters.ranges[index] = range.range;
}

/// Estimates and sets the segments first…first + count − 1.
void setSegments(QuantizationParameters& parameters, std::size_t first, std::size_t count,
                 const RangeEstimator& estimator) {
  std::vector<SegmentRange> ranges(count);
  estimator.estimateRun(first, ranges);
  for (std::size_t i = 0; i < count; ++i) {
    setSegment(parameters, first + i, ranges[i], estimator.scaleRule());
  }
}

/// Searching rules look at every value many times.
Cost costOf(const Scheme& scheme) {
  return scheme.range.kind == RangeRule::Kind::mse || scheme.range.kind == RangeRule::Kind::percentile
             ? Cost::heavy
             : Cost::light;
}

Result<void> estimateSegments(QuantizationParameters& parameters, const RangeEstimator& estimator,
                              const JobContext& context) {
  const std::size_t count = parameters.segmentation.count();
  const std::size_t length = std::max<std::size_t>(1, parameters.segmentation.segmentLength);
  if (length >= kLargeSegment || count == 1) {
    for (std::size_t index = 0; index < count; ++index) {
      HALFSTEP_TRY(const SegmentRange range, estimator.estimate(index, Threads::several, context));
      setSegment(parameters, index, range, estimator.scaleRule());
    }
    return {};
  }
  const std::size_t perTask = std::max<std::size_t>(1, kPieceValues / length);
  return parallelTasks((count + perTask - 1) / perTask, perTask * length, context,
                       [&](std::size_t task) {
                         const std::size_t first = task * perTask;
                         setSegments(parameters, first, std::min(perTask, count - first), estimator);
                       },
                       costOf(parameters.scheme));
}

/// Segments with scale 1, still without ranges; none for fp32.
QuantizationParameters emptyParameters(const WeightMatrix& matrix, const Scheme& scheme) {
  QuantizationParameters parameters;
  parameters.scheme = scheme;
  parameters.segmentation = Segmentation::of(matrix, scheme.granularity);
  if (scheme.format != NumberFormat::fp32) {
    const std::size_t count = parameters.segmentation.count();
    parameters.scales.assign(count, 1.0f);
    parameters.zeroPoints.assign(count, ScaleRule(scheme).limits().middle);
    parameters.ranges.assign(count, {});
  }
  return parameters;
}

/// Total (of `parts`, in order), bytes and bits.
void finish(LayerQuantization& result, const WeightMatrix& matrix, std::span<const ErrorSums> parts) {
  ErrorSums total;
  for (const ErrorSums& part : parts) {
    total += part;
  }
  result.total = total;
  result.bytes =
      quantizedBytes(result.parameters.scheme, result.parameters.segmentation, matrix.originalBits());
  result.bitsPerWeight = matrix.count() == 0
                             ? 0.0
                             : 8.0 * static_cast<double>(result.bytes) / static_cast<double>(matrix.count());
}

/// The bit pattern of x / scale in a floating-point format.
std::int32_t floatCode(float value, float scale, NumberFormat format) {
  switch (format) {
  case NumberFormat::fp16:
    return halfFromFloat(value);
  case NumberFormat::bf16:
    return bfloat16FromFloat(value);
  case NumberFormat::fp8e4m3:
    return float8e4m3fnFromFloat(value / scale);
  default:
    return float8e5m2FromFloat(value / scale);
  }
}

float floatValue(std::int32_t code, float scale, NumberFormat format) {
  switch (format) {
  case NumberFormat::fp16:
    return floatFromHalf(static_cast<std::uint16_t>(code));
  case NumberFormat::bf16:
    return floatFromBfloat16(static_cast<std::uint16_t>(code));
  case NumberFormat::fp8e4m3:
    return scale * floatFromFloat8e4m3fn(static_cast<std::uint8_t>(code));
  default:
    return scale * floatFromFloat8e5m2(static_cast<std::uint8_t>(code));
  }
}

void floatCodes(std::span<const float> values, const QuantizationParameters& parameters,
                const RowPiece& piece, std::span<std::int32_t> codes, std::span<float> decoded) {
  const kernels::FloatGrids grids = floatGrids(parameters, piece.channel, piece.first);
  const NumberFormat format = parameters.scheme.format;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float scale = grids.scales[i / grids.segmentLength];
    codes[i] = floatCode(values[i], scale, format);
    decoded[i] = floatValue(codes[i], scale, format);
  }
}

void quantizePiece(const WeightMatrix& matrix, const QuantizationParameters& parameters,
                   const RowPiece& piece, std::uint64_t seed, std::span<std::int32_t> codes,
                   std::span<float> decoded) {
  const std::span<const float> values = matrix.row(piece.channel).subspan(piece.first, piece.count);
  if (formatFacts(parameters.scheme.format).family != FormatFamily::integer) {
    floatCodes(values, parameters, piece, codes, decoded);
    return;
  }
  const kernels::IntegerGrids grids = integerGrids(parameters, piece.channel, piece.first, seed);
  kernels::quantize(values, grids, codes);
  kernels::dequantize(codes, grids, decoded);
}

/// Calls take(place in the weight's own order, code, decoded value) for every value, from several threads.
/// fp32 values have code 0.
template <class Take>
Result<void> forEachInWeightOrder(const WeightMatrix& matrix, const QuantizationParameters& parameters,
                                  const JobContext& context, const Take& take) {
  HALFSTEP_TRY(const AxisOrder order, AxisOrder::of(matrix.shape(), matrix.channelAxes()));
  const bool untouched = parameters.scheme.format == NumberFormat::fp32;
  const RowTasks tasks(parameters.segmentation);
  return parallelTasks(tasks.tasks(), tasks.valuesPerTask(), context, [&](std::size_t task) {
    std::vector<std::int32_t> codes;
    std::vector<float> decoded;
    tasks.forEach(task, [&](const RowPiece& piece) {
      codes.assign(piece.count, 0);
      decoded.resize(piece.count);
      if (untouched) {
        const auto row = matrix.row(piece.channel).subspan(piece.first, piece.count);
        std::copy(row.begin(), row.end(), decoded.begin());
      } else {
        quantizePiece(matrix, parameters, piece, context.seed(), codes, decoded);
      }
      for (std::size_t i = 0; i < piece.count; ++i) {
        const std::size_t value = piece.first + i;
        take(order.identity ? piece.channel * order.values + value
                            : order.channelOffsets[piece.channel] + order.valueOffsets[value],
             codes[i], decoded[i]);
      }
    });
  });
}

} // namespace

namespace {

Segmentation segmentationOf(std::size_t channels, std::size_t valuesPerChannel,
                            const Granularity& granularity) {
  Segmentation segmentation{channels, valuesPerChannel, granularity.kind, 0, 1};
  switch (granularity.kind) {
  case Granularity::Kind::tensor:
    segmentation.segmentLength = channels * valuesPerChannel;
    break;
  case Granularity::Kind::channel:
    segmentation.segmentLength = valuesPerChannel;
    break;
  case Granularity::Kind::group: {
    const auto size = static_cast<std::size_t>(std::max(1, granularity.groupSize));
    segmentation.segmentLength = size;
    segmentation.segmentsPerChannel = (valuesPerChannel + size - 1) / size;
    break;
  }
  }
  return segmentation;
}

} // namespace

Segmentation Segmentation::of(const WeightMatrix& matrix, const Granularity& granularity) {
  return segmentationOf(matrix.channels(), matrix.valuesPerChannel(), granularity);
}

Segmentation Segmentation::of(const Shape& shape, std::span<const int> channelAxes,
                              const Granularity& granularity) {
  std::size_t values = 1;
  std::size_t channels = 1;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const auto extent = static_cast<std::size_t>(shape[axis]);
    values *= extent;
    if (std::find(channelAxes.begin(), channelAxes.end(), static_cast<int>(axis)) != channelAxes.end()) {
      channels *= extent;
    }
  }
  return segmentationOf(channels, channels > 0 ? values / channels : 0, granularity);
}

std::int64_t quantizedBytes(const Scheme& scheme, const Segmentation& segmentation, int originalBits) {
  const std::size_t count = segmentation.channels * segmentation.valuesPerChannel;
  const FormatFacts& facts = formatFacts(scheme.format);
  if (facts.format == NumberFormat::fp32) {
    return packedBytesOf(count, originalBits);
  }
  std::int64_t bytes = packedBytesOf(count, facts.bits);
  if (facts.family != FormatFamily::floating) {
    bytes += static_cast<std::int64_t>(segmentation.count() * sizeof(float));
  }
  if (facts.family == FormatFamily::integer && scheme.mapping == Mapping::asymmetric) {
    bytes += packedBytesOf(segmentation.count(), facts.bits);
  }
  return bytes;
}

Result<QuantizationParameters> chooseParameters(const WeightMatrix& matrix, const Scheme& scheme,
                                                const JobContext& context,
                                                std::span<const ValueRange> channelRanges) {
  HALFSTEP_CHECK(checkSupported(scheme));
  QuantizationParameters parameters = emptyParameters(matrix, scheme);
  if (scheme.format != NumberFormat::fp32) {
    HALFSTEP_TRY(const RangeEstimator estimator,
                 RangeEstimator::forScheme(matrix, scheme, parameters.segmentation, channelRanges, context));
    HALFSTEP_CHECK(estimateSegments(parameters, estimator, context));
  }
  return parameters;
}

Result<void> evaluateInto(const WeightMatrix& matrix, LayerQuantization& result, const JobContext& context) {
  result.channels.resize(matrix.channels());
  const RowTasks tasks(result.parameters.segmentation);
  const bool wholeRows = tasks.piecesPerRow() == 1;
  std::vector<ErrorSums> parts(tasks.tasks()); // a task's rows together, or its piece of one row
  HALFSTEP_CHECK(parallelTasks(tasks.tasks(), tasks.valuesPerTask(), context, [&](std::size_t task) {
    ErrorSums part;
    tasks.forEach(task, [&](const RowPiece& piece) {
      const ErrorSums sums = errorsOf(matrix.row(piece.channel).subspan(piece.first, piece.count),
                                      result.parameters, piece.channel, piece.first, context.seed());
      part += sums;
      if (wholeRows) {
        result.channels[piece.channel] = sums;
      }
    });
    parts[task] = part;
  }));
  for (std::size_t task = 0; task < parts.size() && !wholeRows; ++task) {
    ErrorSums& channel = result.channels[task / tasks.piecesPerRow()];
    if (task % tasks.piecesPerRow() == 0) {
      channel = {};
    }
    channel += parts[task];
  }
  finish(result, matrix, parts);
  return {};
}

Result<LayerQuantization> evaluateParameters(const WeightMatrix& matrix, QuantizationParameters parameters,
                                             const JobContext& context) {
  LayerQuantization result;
  result.parameters = std::move(parameters);
  HALFSTEP_CHECK(evaluateInto(matrix, result, context));
  return result;
}

namespace {

Result<LayerQuantization> quantized(const WeightMatrix& matrix, const Scheme& scheme,
                                    const JobContext& context, std::span<const ValueRange> channelRanges) {
  HALFSTEP_CHECK(checkSupported(scheme));
  QuantizationParameters parameters = emptyParameters(matrix, scheme);
  const RowTasks tasks(parameters.segmentation);
  if (scheme.format == NumberFormat::fp32 || parameters.segmentation.kind == Granularity::Kind::tensor ||
      tasks.piecesPerRow() > 1) {
    HALFSTEP_TRY(parameters, chooseParameters(matrix, scheme, context.part(0.0, 0.5), channelRanges));
    return evaluateParameters(matrix, std::move(parameters), context.part(0.5, 1.0));
  }
  // Rows that fit into a cache are searched and evaluated in one reading.
  LayerQuantization result;
  result.parameters = std::move(parameters);
  result.channels.resize(matrix.channels());
  const std::size_t perRow = result.parameters.segmentation.segmentsPerChannel;
  HALFSTEP_TRY(
      const RangeEstimator estimator,
      RangeEstimator::forScheme(matrix, scheme, result.parameters.segmentation, channelRanges, context));
  std::vector<ErrorSums> parts(tasks.tasks());
  const auto quantizeRow = [&](const RowPiece& row, ErrorSums& part) {
    setSegments(result.parameters, row.channel * perRow, perRow, estimator);
    result.channels[row.channel] =
        errorsOf(matrix.row(row.channel), result.parameters, row.channel, 0, context.seed());
    part += result.channels[row.channel];
  };
  HALFSTEP_CHECK(parallelTasks(
      tasks.tasks(), tasks.valuesPerTask(), context,
      [&](std::size_t task) {
        tasks.forEach(task, [&](const RowPiece& row) { quantizeRow(row, parts[task]); });
      },
      costOf(scheme)));
  finish(result, matrix, parts);
  return result;
}

} // namespace

Result<LayerQuantization> quantizeLayer(const WeightMatrix& matrix, const Scheme& scheme,
                                        const JobContext& context,
                                        std::span<const ValueRange> channelRanges) {
  HALFSTEP_TRY(LayerQuantization result, quantized(matrix, scheme, context, channelRanges));
  HALFSTEP_CHECK(MappedFile::checkBytes(std::as_bytes(matrix.values()))); // not figures of what is no more
  return result;
}

Result<QuantizedValues> quantizeValues(const WeightMatrix& matrix, const QuantizationParameters& parameters,
                                       const JobContext& context) {
  QuantizedValues result;
  if (parameters.scheme.format == NumberFormat::fp32) {
    result.dequantized.assign(matrix.values().begin(), matrix.values().end());
    return result;
  }
  result.codes.resize(matrix.count());
  result.dequantized.resize(matrix.count());
  const RowTasks tasks(parameters.segmentation);
  HALFSTEP_CHECK(parallelTasks(tasks.tasks(), tasks.valuesPerTask(), context, [&](std::size_t task) {
    tasks.forEach(task, [&](const RowPiece& piece) {
      const std::size_t at = piece.channel * matrix.valuesPerChannel() + piece.first;
      quantizePiece(matrix, parameters, piece, context.seed(),
                    std::span(result.codes).subspan(at, piece.count),
                    std::span(result.dequantized).subspan(at, piece.count));
    });
  }));
  return result;
}

Result<std::vector<std::byte>> codesInWeightOrder(const WeightMatrix& matrix,
                                                  const QuantizationParameters& parameters, std::size_t width,
                                                  const JobContext& context) {
  std::vector<std::byte> bytes;
  if (parameters.scheme.format != NumberFormat::fp32) {
    bytes.resize(matrix.count() * width);
    HALFSTEP_CHECK(
        forEachInWeightOrder(matrix, parameters, context, [&](std::size_t place, std::int32_t code, float) {
          std::memcpy(bytes.data() + place * width, &code, width); // of a little-endian machine
        }));
  }
  return bytes;
}

Result<std::vector<float>> dequantizedInWeightOrder(const WeightMatrix& matrix,
                                                    const QuantizationParameters& parameters,
                                                    const JobContext& context) {
  std::vector<float> values(matrix.count());
  HALFSTEP_CHECK(
      forEachInWeightOrder(matrix, parameters, context,
                           [&](std::size_t place, std::int32_t, float decoded) { values[place] = decoded; }));
  return values;
}

} // namespace halfstep
