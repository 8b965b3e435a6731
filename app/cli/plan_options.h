// The plan that a command line asks for: --plan, then --weights as the default, then every --set in order.
#pragma once

#include "app/cli/command_set.h"
#include "core/quant/plan.h"

#include <string>
#include <string_view>
#include <vector>

namespace halfstep::cli {

struct PlanOptions {
  std::string planFile;
  std::string weights;           ///< the default scheme
  std::string activations;       ///< the default scheme of the layers' inputs
  std::vector<std::string> sets; ///< "GLOB=SCHEME"
};

/// Declares --plan, --weights, --activations and --set.
void addPlanOptions(const CommandParser& parser, PlanOptions& options);

/// Schemes separated by commas, each of which this version can compute: "int8", or "int8/uint8:tensor" with
/// the layer's input behind a slash. `activations` is empty where no input is quantized. Errors name
/// `option`.
struct SchemeList {
  std::vector<Scheme> weights;
  std::vector<ActivationScheme> activations;

  /// Whether ranges must be known from calibration.
  bool needsCalibration() const;
};
Result<SchemeList> schemeList(const std::string& option, std::string_view text);

/// Gives the layers that GLOB matches the scheme: `set` is "GLOB=SCHEME" as written after `option`. GLOB: * ?
/// [abc], over the whole name; a backslash is a backslash. Errors as planFor.
Result<void> applySet(const std::string& option, const std::string& set, const Model& model, Plan& plan);

/// The plan for `model`, with its hash where `withHash` or the plan file has one to compare. What does not
/// match the plan file is a warning on standard error. Errors: kind `usage` for a scheme that does not parse
/// and a GLOB that no layer matches (naming near ones), or where nothing was asked for; `unsupported` for a
/// scheme that this version cannot compute; what loading a plan gives.
Result<Plan> planFor(const Model& model, const PlanOptions& options, bool withHash,
                     const JobContext& context);

/// Writes the plan to the file of --save-plan. Named versions that a plan in that file has and this one has
/// not are kept: they are somebody's work.
Result<void> writePlan(Plan plan, const std::string& path);

} // namespace halfstep::cli
