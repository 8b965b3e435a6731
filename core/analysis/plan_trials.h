// Plans tried out: many plans of one search space run on the same samples. Because damages of single layers
// do not simply add up (at 4 bits and below they often do not), what a search predicts is measured before it
// is believed.
#pragma once

#include "core/analysis/evaluation.h"
#include "core/analysis/search_space.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
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

/// What tells the plans of a space apart: the layers' plans as they are written, in the model's order, with
/// blanks between them.
std::string trialKey(const SearchSpace& space, const Plan& plan);

/// Plans that were run, by their keys: the figures of all samples.
using KnownTrials = std::map<std::string, std::vector<OutputFigures>>;

struct TrialOptions {
  std::size_t samples = 0;                           ///< the first so many; 0 for all
  std::size_t memoryBudget = std::size_t{512} << 20; ///< bytes of quantized weights to keep
  /// Measured before of the same model on the same samples with the same calibration: not run again. Trials
  /// with another number of samples are left out.
  KnownTrials known;
  /// Called for every plan that was run (not for those remembered), on the job's thread.
  std::function<void(const std::string& key, const std::vector<OutputFigures>& samples)> onMeasured;
};

/// Runs plans. Keeps every sample's inputs and float outputs, and quantized weights up to the memory budget.
/// One thread at a time.
class PlanTrials {
public:
  /// Runs the float network on the samples. Refers to executor, simulation and space.
  static Result<PlanTrials> create(const Executor& executor, const Simulation& simulation,
                                   const SearchSpace& space, const SampleSource& source, TrialOptions options,
                                   const JobContext& job);
  ~PlanTrials();
  PlanTrials(PlanTrials&&) noexcept;

  /// Errors: what quantizing and running gives; cancelled.
  Result<TriedPlan> run(SearchSolution solution, const JobContext& job);
  /// The same for any plan of the model; its predicted totals are what the space knows of it.
  Result<TriedPlan> run(const Plan& plan, const JobContext& job);

  const SearchSpace& space() const;
  /// Plans asked for so far, those remembered counted: a search that goes on ends where it would have ended.
  std::size_t count() const;
  /// Plans that were run for it.
  std::size_t measured() const;

private:
  class Inside;
  explicit PlanTrials(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> m_inside;
};

} // namespace halfstep
