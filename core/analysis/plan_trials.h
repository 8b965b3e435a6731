// Plans tried out: many plans of one search space run on the same samples, and a local search that exchanges
// layers while the measured damage falls. Because damages of single layers do not simply add up (at 4 bits
// and below they often do not), what a search predicts is measured before it is believed.
#pragma once

#include "core/analysis/evaluation.h"
#include "core/analysis/search_space.h"

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace halfstep {

/// A plan of the space with what it is predicted and measured to do.
struct TriedPlan {
  SearchSolution solution;            ///< totals[0] is the predicted damage
  std::vector<OutputFigures> samples; ///< of all samples of the trial
  double damage = 0.0; ///< measured, in the unit of SearchSpace::metric, added to the float's own
};

/// addedDamage() of a plan with its 95 % interval by bootstrap over the samples.
Estimate addedDamageEstimate(OutputMetric metric, const std::vector<OutputFigures>& samples,
                             std::uint64_t seed);

/// Runs plans. Keeps every sample's inputs and float outputs, and quantized weights up to `memoryBudget`. One
/// thread at a time.
class PlanTrials {
public:
  /// Runs the float network on the first `samples` samples (0: all). Refers to everything it is given.
  static Result<PlanTrials> create(const Executor& executor, const Simulation& simulation,
                                   const SearchSpace& space, const SampleSource& source, std::size_t samples,
                                   std::size_t memoryBudget, const JobContext& job);
  ~PlanTrials();
  PlanTrials(PlanTrials&&) noexcept;

  /// Errors: what quantizing and running gives; cancelled.
  Result<TriedPlan> run(SearchSolution solution, const JobContext& job);
  /// The same for any plan of the model; its predicted totals are what the space knows of it.
  Result<TriedPlan> run(const Plan& plan, const JobContext& job);

  const SearchSpace& space() const;
  /// Plans run so far.
  std::size_t count() const;

private:
  class Inside;
  explicit PlanTrials(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> m_inside;
};

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
