#include "core/kernels/quantize.h"
#include "core/kernels/rounding.h"

#include <algorithm>
#include <cmath>

namespace halfstep::kernels::scalar {

void quantize(std::span<const float> values, const IntegerGrids& grids, std::span<std::int32_t> codes) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t segment = i / grids.segmentLength;
    const std::int32_t zeroPoint = grids.zeroPoints[segment];
    if (std::isnan(values[i])) {
      codes[i] = zeroPoint;
      continue;
    }
    const auto lowest = static_cast<float>(grids.lowestCode - zeroPoint);
    const auto highest = static_cast<float>(grids.highestCode - zeroPoint);
    const float threshold =
        grids.rounding == Rounding::stochastic ? stochasticThreshold(grids.seed, grids.firstIndex + i) : 0.0f;
    const float quotient = values[i] / grids.scales[segment];
    const float code = std::isinf(quotient) ? quotient : rounded(quotient, grids.rounding, threshold);
    codes[i] = static_cast<std::int32_t>(std::clamp(code, lowest, highest)) + zeroPoint;
  }
}

void dequantize(std::span<const std::int32_t> codes, const IntegerGrids& grids, std::span<float> values) {
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t segment = i / grids.segmentLength;
    values[i] = grids.scales[segment] * static_cast<float>(codes[i] - grids.zeroPoints[segment]);
  }
}

} // namespace halfstep::kernels::scalar
