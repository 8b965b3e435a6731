// Codes and decoded values.
#pragma once

#include "core/kernels/grids.h"

#include <cstdint>
#include <span>

namespace halfstep::kernels {

/// codes[i] = saturate(round(values[i] / scale) + zero point). NaN gives the zero point, ±∞ saturate. Exact
/// on every target. Precondition: codes.size() == values.size().
void quantize(std::span<const float> values, const IntegerGrids& grids, std::span<std::int32_t> codes);

/// values[i] = scale·(codes[i] − zero point), the difference in integers, the product rounded once to
/// float32. Exact on every target. Precondition: |code − zero point| < 2^24; the sizes agree.
void dequantize(std::span<const std::int32_t> codes, const IntegerGrids& grids, std::span<float> values);

namespace scalar {
void quantize(std::span<const float> values, const IntegerGrids& grids, std::span<std::int32_t> codes);
void dequantize(std::span<const std::int32_t> codes, const IntegerGrids& grids, std::span<float> values);
} // namespace scalar

} // namespace halfstep::kernels
