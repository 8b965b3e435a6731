// What a plan does to the network's output, as commands print it.
#pragma once

#include "app/cli/output.h"
#include "core/analysis/evaluation.h"
#include "core/analysis/layer_errors.h"

namespace halfstep::cli {

/// {"value", "low", "high"}: null where a figure does not apply or has no interval.
Json estimateJson(const Estimate& estimate);
/// "0.138 (0.120 to 0.157)"; "–" for NaN.
std::string estimateText(const Estimate& estimate);

/// {"samples", "data", "synthetic", "metric", kl, sqnr, …: estimates, "left": […]}
Json evaluationJson(const Evaluation& evaluation, std::uint64_t seed);
/// A few lines.
std::string evaluationText(const Evaluation& evaluation, std::uint64_t seed);

} // namespace halfstep::cli
