// A local search over whole plans: layers are exchanged while the measured damage falls, or step down while
// it stays small enough. Every plan that it looks at is run (plan_trials.h). Pure functions; any thread.
#pragma once

#include "core/analysis/plan_trials.h"

#include <functional>
#include <vector>

namespace halfstep {

struct LocalSearchOptions {
  std::size_t trials = 60; ///< plans to run at most
  /// Called after every trial with it and the best so far.
  std::function<void(const TriedPlan& tried, const TriedPlan& best)> onTrial;
};

/// Starts from the best of `starts` (each within the problem's limits). In every round the plan is run with
/// each layer (or tied group) one candidate better and one worse; then layers whose step up gains the most
/// are exchanged for those whose step down costs the least, as far as the limits allow, several at once, and
/// the exchange is kept if the measured damage falls. Ends when a round gains nothing, or the trials are used
/// up. `problem`: the space's with limits. Returns the best plan; deterministic. Errors: those of
/// PlanTrials::run; cancelled.
Result<TriedPlan> improveByExchange(PlanTrials& trials, const SearchProblem& problem,
                                    std::vector<TriedPlan> starts, const LocalSearchOptions& options,
                                    const JobContext& job);

/// The other way round: makes the problem's objective (not the damage) smaller while the measured damage
/// stays within `damage`, as `start`'s does. In every round each layer (or tied group) is run one candidate
/// cheaper; the steps that damage least for what they save are taken together, half as many whenever that is
/// too much. Ends when no step fits or the trials are used up. Returns the best plan; deterministic. Errors
/// as above.
Result<TriedPlan> shrinkByDescent(PlanTrials& trials, const SearchProblem& problem, TriedPlan start,
                                  double damage, const LocalSearchOptions& options, const JobContext& job);

} // namespace halfstep
