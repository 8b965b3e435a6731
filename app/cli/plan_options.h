// The plan that a command line asks for: --plan, then --weights as the default, then every --set in order.
#pragma once

#include "app/cli/command_set.h"
#include "core/quant/plan.h"

#include <string>
#include <vector>

namespace halfstep::cli {

struct PlanOptions {
  std::string planFile;
  std::string weights;           ///< the default scheme
  std::string activations;       ///< the default scheme of the layers' inputs
  std::vector<std::string> sets; ///< "GLOB=SCHEME"
};

/// Declares --plan, --weights, --activations and --set.
void addPlanOptions(CLI::App& parser, PlanOptions& options);

/// The plan for `model`, with its hash where `withHash` or the plan file has one to compare. What does not
/// match the plan file is a warning on standard error. Errors: kind `usage` for a scheme that does not parse
/// and a GLOB that no layer matches (naming near ones), or where nothing was asked for; `unsupported` for a
/// scheme that this version cannot compute; what loading a plan gives.
Result<Plan> planFor(const Model& model, const PlanOptions& options, bool withHash,
                     const JobContext& context);

} // namespace halfstep::cli
