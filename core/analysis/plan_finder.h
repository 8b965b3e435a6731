// The whole road from a budget to a plan: solved exactly, quickly and greedily, the best few measured, then
// improved by exchanges; and budgets as people write them.
#pragma once

#include "core/analysis/plan_local_search.h"

#include <optional>
#include <string_view>

namespace halfstep {

/// "size=25%" (of the layers' weights as the file holds them), "size=1.5MiB", "bits=4.5" (per weight, scales
/// counted), "latency=60%" (of float32), "latency=2.5ms", "bops=10%" (of 32 × 32 bits), "bops=1.8G",
/// "damage=0.05" (in the metric's unit). Units: B kB MB GB KiB MiB GiB; s ms us; k M G T. Errors (usage):
/// what does not parse, with the forms that do; a quantity that `space` does not know.
Result<SearchLimit> parseBudget(std::string_view text, const SearchSpace& space);
/// "size", "bits", … of a budget, before there is a space. Error (usage): as above.
Result<PlanQuantity> budgetQuantity(std::string_view text);

struct FindOptions {
  ExactOptions exact;
  bool improve = true; ///< by exchanges, where the damage is made small
  LocalSearchOptions local;
};

struct FoundPlan {
  SearchSolution solution; ///< predicted to be the best; its bound says how sure that is
  double fast = 0.0;       ///< what the slider's method reaches, of the objective; NaN where it found nothing
  double greedy = 0.0;     ///< likewise
  /// The plan to take: measured. Nothing without trials.
  std::optional<TriedPlan> best;
  /// The predicted optimum, measured, to tell how far the prediction is off.
  std::optional<TriedPlan> predicted;
};

/// `problem`: the space's with objective and limits. `trials`: null to predict only. With a limit on the
/// damage it is the measured damage that is held: the limit given to the solver is lowered until the plan
/// that it finds is measured within the one asked for (at most ten times). Errors: those of the solvers and
/// of running; no plan is measured within the damage asked for; cancelled.
Result<FoundPlan> findPlan(const SearchProblem& problem, PlanTrials* trials, const FindOptions& options,
                           const JobContext& job);

} // namespace halfstep
