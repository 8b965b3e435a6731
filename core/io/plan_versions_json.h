// Named versions as the plan file has them (docs/plan_file.md). Pure; any thread.
#pragma once

#include "core/quant/plan.h"

#include <nlohmann/json.hpp>

#include <vector>

namespace halfstep {

/// {"data", "synthetic", "samples", "damage": figure or null, "figures": [{"metric", "value", "low",
/// "high"}]}; low and high are null without an interval.
nlohmann::ordered_json planFiguresToJson(const PlanFigures& figures);

/// [{"name", "date", "note", "default", "layers", "bytes", "measured"}]; what is not known is left out.
nlohmann::ordered_json versionsToJson(const std::vector<PlanVersion>& versions);
/// The inverse; keys that are not known are passed over. Errors (kind `damagedFile`), with the version: a
/// name that is missing, empty or there twice; a value of another type; a scheme that does not parse.
Result<std::vector<PlanVersion>> versionsFromJson(const nlohmann::ordered_json& json);

} // namespace halfstep
