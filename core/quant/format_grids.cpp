#include "core/quant/format_grids.h"

#include "core/kernels/moments.h"

#include <cassert>

namespace halfstep {

static_assert(static_cast<int>(Rounding::even) == static_cast<int>(kernels::Rounding::even));
static_assert(static_cast<int>(Rounding::away) == static_cast<int>(kernels::Rounding::away));
static_assert(static_cast<int>(Rounding::zero) == static_cast<int>(kernels::Rounding::zero));
static_assert(static_cast<int>(Rounding::up) == static_cast<int>(kernels::Rounding::up));
static_assert(static_cast<int>(Rounding::stochastic) == static_cast<int>(kernels::Rounding::stochastic));

namespace {

ErrorSums fromKernel(const kernels::ErrorPartials& partials) {
  return {partials.count,
          partials.nonFinite,
          partials.clipped,
          partials.squares,
          partials.decodedSquares,
          partials.products,
          partials.errors,
          partials.squaredErrors,
          partials.squaredClipErrors,
          static_cast<double>(partials.maxError)};
}

ErrorSums withoutError(std::span<const float> values) {
  // A grid on which every value is its own code: bfloat16's exponents with all of float32's mantissa would
  // do, but the moments give the two sums directly.
  const kernels::MomentPartials moments = kernels::moments(values);
  ErrorSums sums;
  sums.count = moments.finite;
  sums.nonFinite = moments.nan + moments.infinite;
  sums.squares = moments.m2 + static_cast<double>(moments.finite) * moments.mean * moments.mean;
  sums.decodedSquares = sums.squares;
  sums.products = sums.squares;
  return sums;
}

} // namespace

kernels::FloatFormat floatFormatOf(NumberFormat format) {
  switch (format) {
  case NumberFormat::fp16:
    return kernels::kHalf;
  case NumberFormat::bf16:
    return kernels::kBfloat16;
  case NumberFormat::fp8e5m2:
    return kernels::kFloat8e5m2;
  default:
    assert(format == NumberFormat::fp8e4m3);
    return kernels::kFloat8e4m3fn;
  }
}

kernels::Rounding kernelRounding(Rounding rounding) {
  return static_cast<kernels::Rounding>(rounding);
}

std::size_t segmentAt(const Segmentation& segmentation, std::size_t channel, std::size_t first) {
  switch (segmentation.kind) {
  case Granularity::Kind::tensor:
    return 0;
  case Granularity::Kind::channel:
    return channel;
  case Granularity::Kind::group:
    return channel * segmentation.segmentsPerChannel + first / segmentation.segmentLength;
  }
  return 0;
}

kernels::IntegerGrids integerGrids(const QuantizationParameters& parameters, std::size_t channel,
                                   std::size_t first, std::uint64_t seed) {
  const Segmentation& segmentation = parameters.segmentation;
  const std::size_t segment = segmentAt(segmentation, channel, first);
  const CodeLimits limits = codeLimits(parameters.scheme.format, parameters.scheme.codeRange);
  kernels::IntegerGrids grids;
  grids.scales = std::span(parameters.scales).subspan(segment);
  grids.zeroPoints = std::span(parameters.zeroPoints).subspan(segment);
  grids.segmentLength = std::max<std::size_t>(1, segmentation.segmentLength);
  grids.lowestCode = limits.lowest;
  grids.highestCode = limits.highest;
  grids.rounding = kernelRounding(parameters.scheme.rounding);
  grids.seed = seed;
  grids.firstIndex = channel * segmentation.valuesPerChannel + first;
  return grids;
}

kernels::FloatGrids floatGrids(const QuantizationParameters& parameters, std::size_t channel,
                               std::size_t first) {
  const std::size_t segment = segmentAt(parameters.segmentation, channel, first);
  return {std::span(parameters.scales).subspan(segment),
          std::max<std::size_t>(1, parameters.segmentation.segmentLength),
          floatFormatOf(parameters.scheme.format)};
}

ErrorSums errorsOf(std::span<const float> values, const QuantizationParameters& parameters,
                   std::size_t channel, std::size_t first, std::uint64_t seed) {
  switch (formatFacts(parameters.scheme.format).family) {
  case FormatFamily::integer:
    return fromKernel(kernels::integerErrors(values, integerGrids(parameters, channel, first, seed)));
  case FormatFamily::scaledFloating:
    return fromKernel(kernels::floatErrors(values, floatGrids(parameters, channel, first)));
  case FormatFamily::floating:
    if (parameters.scheme.format != NumberFormat::fp32) {
      return fromKernel(kernels::floatErrors(values, floatGrids(parameters, channel, first)));
    }
    return withoutError(values);
  case FormatFamily::other:
    break;
  }
  return {};
}

} // namespace halfstep
