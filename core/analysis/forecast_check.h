// Compares a quantized model, as it was written to a file and opened again, with what was forecast for it:
// the original model under simulated quantization.
#pragma once

#include "core/analysis/evaluation.h"

#include <cstddef>

namespace halfstep {

/// Immutable once made.
struct ForecastCheck {
  std::size_t samples = 0;
  SampleOrigin origin;
  /// 10·log10(Σ ŷ² / Σ (z − ŷ)²) over all outputs and samples, ŷ the forecast and z the file's; +∞ where they
  /// are equal, NaN where the forecast is 0 everywhere.
  double sqnr = 0.0;
  /// The largest |z − ŷ| of any output in any sample, over the largest |ŷ| of that output in that sample.
  double largestRelative = 0.0;
  /// Share of rows with the same class; NaN where no output holds distributions (OutputKind).
  double top1 = 0.0;
  /// Where sqnr is below kGoodAgreement: the same figure of the written model against itself, with inputs
  /// changed by up to 2^-20 of their values. What sums that end a unit in the last place apart make of values
  /// in the middle of two codes, which no export can improve. NaN elsewhere.
  double ownNoise = 0.0;
};
inline constexpr double kGoodAgreement = 40.0; ///< dB; above it nobody asks why

/// Runs the first `count` samples (0: all) through both. `plan`: what of the plan the file holds
/// (ExportReport::written). Both models have the same inputs and outputs. Errors: what running a sample
/// gives; outputs that the written model does not have; cancelled. The changes of the inputs are drawn from
/// the job's seed.
Result<ForecastCheck> checkForecast(const Executor& original, const Simulation& simulation, const Plan& plan,
                                    const Executor& written, const SampleSource& samples, std::size_t count,
                                    const JobContext& job);

} // namespace halfstep
