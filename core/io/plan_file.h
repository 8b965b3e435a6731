// The plan file, *.halfstep.json. Keys are ordered: writing the same plan twice gives the same bytes. Keys
// that are not known are passed over, but for those of a layer's plan. docs/plan_file.md describes it.
#pragma once

#include "core/model/model.h"
#include "core/quant/plan.h"

#include <filesystem>
#include <string>
#include <vector>

namespace halfstep {

std::string planToJson(const Plan& plan);
/// Errors (kind `damagedFile`): not JSON (with line and column), not a plan, an unknown version, a scheme
/// that does not parse (naming the layer), versions without a name or with one name twice.
Result<Plan> planFromJson(std::string_view json);

Result<void> savePlan(const Plan& plan, const std::filesystem::path& path);
Result<Plan> loadPlan(const std::filesystem::path& path);

/// A plan as people name it: "plan.halfstep.json", or with one of its versions, "plan.halfstep.json#int4
/// body".
struct PlanReference {
  std::filesystem::path file;
  std::string version; ///< empty: the plan itself
};
/// The whole text is the file where there is one of that name, or no # in it; otherwise what stands before
/// the last # that is a file's name.
PlanReference planReference(const std::string& text);
/// The plan, or the plan with the schemes of the version. Errors: those of loadPlan; no such version (kind
/// `usage`, naming those that there are).
Result<Plan> loadPlanOrVersion(const std::string& reference);

/// What does not fit when `plan` is used for `model` with hash `modelSha256` (empty: not compared): another
/// file's hash, and every layer of the plan that the model does not have. Lines for people; empty when all is
/// well.
std::vector<std::string> planMismatches(const Plan& plan, const Model& model, const std::string& modelSha256);

} // namespace halfstep
