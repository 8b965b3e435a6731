#include "core/kernels/candidates.h"
#include "core/kernels/errors.h"
#include "core/kernels/histogram.h"
#include "core/kernels/moments.h"
#include "core/kernels/pack.h"
#include "core/kernels/quantize.h"
#include "core/kernels/value_range.h"

namespace halfstep::kernels {

RangePartials valueRange(std::span<const float> values) {
  return scalar::valueRange(values);
}

MomentPartials moments(std::span<const float> values) {
  return scalar::moments(values);
}

ErrorPartials integerErrors(std::span<const float> values, const IntegerGrids& grids) {
  return scalar::integerErrors(values, grids);
}

ErrorPartials floatErrors(std::span<const float> values, const FloatGrids& grids) {
  return scalar::floatErrors(values, grids);
}

void quantize(std::span<const float> values, const IntegerGrids& grids, std::span<std::int32_t> codes) {
  scalar::quantize(values, grids, codes);
}

void dequantize(std::span<const std::int32_t> codes, const IntegerGrids& grids, std::span<float> values) {
  scalar::dequantize(codes, grids, values);
}

void candidateErrors(std::span<const float> values, std::span<const Candidate> candidates,
                     std::span<double> squaredErrors) {
  scalar::candidateErrors(values, candidates, squaredErrors);
}

void addToHistogram(std::span<const float> values, const HistogramGrid& grid, const HistogramBins& bins) {
  scalar::addToHistogram(values, grid, bins);
}

void addMagnitudesToHistogram(std::span<const float> values, const HistogramGrid& grid,
                              const HistogramBins& bins) {
  scalar::addMagnitudesToHistogram(values, grid, bins);
}

void packCodes(std::span<const std::int32_t> codes, int bits, std::span<std::uint8_t> bytes) {
  scalar::packCodes(codes, bits, bytes);
}

void unpackCodes(std::span<const std::uint8_t> bytes, int bits, bool isSigned,
                 std::span<std::int32_t> codes) {
  scalar::unpackCodes(bytes, bits, isSigned, codes);
}

} // namespace halfstep::kernels
