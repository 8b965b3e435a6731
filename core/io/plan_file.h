// The plan file, *.halfstep.json. Keys are ordered: writing the same plan twice gives the same bytes.
#pragma once

#include "core/model/model.h"
#include "core/quant/plan.h"

#include <filesystem>
#include <string>
#include <vector>

namespace halfstep {

std::string planToJson(const Plan& plan);
/// Errors (kind `damagedFile`): not JSON (with line and column), not a plan, an unknown version, a scheme
/// that does not parse (naming the layer).
Result<Plan> planFromJson(std::string_view json);

Result<void> savePlan(const Plan& plan, const std::filesystem::path& path);
Result<Plan> loadPlan(const std::filesystem::path& path);

/// What does not fit when `plan` is used for `model` with hash `modelSha256` (empty: not compared): another
/// file's hash, and every layer of the plan that the model does not have. Lines for people; empty when all is
/// well.
std::vector<std::string> planMismatches(const Plan& plan, const Model& model, const std::string& modelSha256);

} // namespace halfstep
