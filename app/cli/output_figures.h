// What a plan does to the network's output, as commands print it; as JSON it is core/io/measured_json.h.
#pragma once

#include "app/cli/output.h"
#include "core/analysis/evaluation.h"
#include "core/analysis/layer_errors.h"
#include "core/io/measured_json.h"

namespace halfstep::cli {

/// "0.138 (0.120 to 0.157)"; "–" for NaN.
std::string estimateText(const Estimate& estimate);

/// A few lines.
std::string evaluationText(const Evaluation& evaluation, std::uint64_t seed);

/// "damage kl 0.0012 (0.0010 to 0.0014) on 16 of photos", with a word where the samples were drawn at random;
/// without a damage the first figure.
std::string planFiguresText(const PlanFigures& figures);

} // namespace halfstep::cli
