#include "core/kernels/errors.h"
#include "core/kernels/rounding.h"

#include <algorithm>
#include <cmath>

namespace halfstep::kernels {

void ErrorPartials::merge(const ErrorPartials& other) {
  count += other.count;
  nonFinite += other.nonFinite;
  clipped += other.clipped;
  squares += other.squares;
  decodedSquares += other.decodedSquares;
  products += other.products;
  errors += other.errors;
  squaredErrors += other.squaredErrors;
  squaredClipErrors += other.squaredClipErrors;
  maxError = std::max(maxError, other.maxError);
}

namespace {

void add(ErrorPartials& sums, float value, float decoded, bool clipped) {
  const double x = static_cast<double>(value);
  const double y = static_cast<double>(decoded);
  const float error = decoded - value;
  const double e = static_cast<double>(error);
  ++sums.count;
  sums.squares += x * x;
  sums.decodedSquares += y * y;
  sums.products += x * y;
  sums.errors += e;
  sums.squaredErrors += e * e;
  sums.maxError = std::max(sums.maxError, std::abs(error));
  if (clipped) {
    ++sums.clipped;
    sums.squaredClipErrors += e * e;
  }
}

} // namespace

namespace scalar {

ErrorPartials integerErrors(std::span<const float> values, const IntegerGrids& grids) {
  ErrorPartials sums;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      ++sums.nonFinite;
      continue;
    }
    const std::size_t segment = i / grids.segmentLength;
    const float scale = grids.scales[segment];
    const auto lowest = static_cast<float>(grids.lowestCode - grids.zeroPoints[segment]);
    const auto highest = static_cast<float>(grids.highestCode - grids.zeroPoints[segment]);
    const float threshold =
        grids.rounding == Rounding::stochastic ? stochasticThreshold(grids.seed, grids.firstIndex + i) : 0.0f;
    const float code = rounded(values[i] / scale, grids.rounding, threshold);
    const float kept = std::clamp(code, lowest, highest);
    add(sums, values[i], scale * kept, kept != code);
  }
  return sums;
}

ErrorPartials floatErrors(std::span<const float> values, const FloatGrids& grids) {
  ErrorPartials sums;
  const FloatFormat& format = grids.format;
  const float beyond = format.saturating ? format.largest : std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      ++sums.nonFinite;
      continue;
    }
    const float scale = grids.scales[i / grids.segmentLength];
    const float quotient = values[i] / scale;
    const float magnitude = roundedMagnitude(quotient, format);
    const bool clipped = magnitude > format.largest;
    add(sums, values[i], scale * std::copysign(clipped ? beyond : magnitude, quotient), clipped);
  }
  return sums;
}

} // namespace scalar

} // namespace halfstep::kernels
