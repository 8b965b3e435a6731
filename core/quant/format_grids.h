// The kernels' view of a scheme: which grid each run of values has. Internal to core/quant.
#pragma once

#include "core/kernels/errors.h"
#include "core/kernels/grids.h"
#include "core/quant/quantizer.h"

#include <cstdint>

namespace halfstep {

/// Precondition: fp16, bf16 or one of the fp8 formats.
kernels::FloatFormat floatFormatOf(NumberFormat format);

kernels::Rounding kernelRounding(Rounding rounding);

/// The first segment of a run of values that starts `first` values into row `channel`.
std::size_t segmentAt(const Segmentation& segmentation, std::size_t channel, std::size_t first);

/// The grids of a run of values within one row; for integer formats.
kernels::IntegerGrids integerGrids(const QuantizationParameters& parameters, std::size_t channel,
                                   std::size_t first, std::uint64_t seed);
/// The same for fp16, bf16 and fp8.
kernels::FloatGrids floatGrids(const QuantizationParameters& parameters, std::size_t channel,
                               std::size_t first);

/// The error sums of a run of values within one row under `parameters`; fp32 has no error.
ErrorSums errorsOf(std::span<const float> values, const QuantizationParameters& parameters,
                   std::size_t channel, std::size_t first, std::uint64_t seed);

} // namespace halfstep
