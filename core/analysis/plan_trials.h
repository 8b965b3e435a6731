// Plans tried out: many plans of one search space run on the same samples. Because damages of single layers
// do not simply add up (at 4 bits and below they often do not), what a search predicts is measured before it
// is believed.
#pragma once

#include "core/analysis/evaluation.h"
#include "core/analysis/search_space.h"

#include <memory>
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

} // namespace halfstep
