// A sweep as the Sensitivity page shows it, and what is asked of one. Values; any thread.
#pragma once

#include "core/analysis/fisher.h"
#include "core/analysis/sensitivity.h"

#include <QString>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace halfstep {

/// A sweep as the Sensitivity page shows it: figures, intervals and rankings worked out off the UI thread.
struct SweepView {
  std::shared_ptr<const Sensitivity> sweep;
  std::vector<Estimate> estimates;               ///< layers × schemes, as the sweep's cells
  std::vector<RankingReliability> reliabilities; ///< one per scheme
  std::vector<double> screening;                 ///< relative weight error, layers × schemes; may be empty
  std::vector<double> screeningCorrelation;      ///< per scheme: rank correlation of screening and damage
  std::shared_ptr<const FisherEstimate> fisher;  ///< null where gradients could not be had
  std::vector<double> fisherCorrelation;         ///< per scheme; empty without the estimate
  std::string fisherProblem;                     ///< why there is none
  bool running = false;
};

struct SweepRequest {
  std::vector<Scheme> schemes;
  std::vector<ActivationScheme> activations; ///< as many, or none: see Sensitivity
  std::size_t samples = 16;
  std::optional<OutputMetric> metric;
};

/// "int8, int4:group64:mse, int8/uint8:tensor": each once. Errors name the scheme that cannot be computed.
Result<SweepRequest> sweepRequest(const QString& schemes);

/// What is known of the layers beside what is measured.
struct BesideSweep {
  std::vector<double> screening;
  std::shared_ptr<const FisherEstimate> fisher;
  std::string fisherProblem;
};

/// `beside` and the sweep in one; while it runs, without the figures that take long.
std::shared_ptr<const SweepView> sweepViewOf(std::shared_ptr<const Sensitivity> sweep, BesideSweep beside,
                                             bool running);

/// Adds the Fisher estimate, or why there is none: the sweep's own figures stand without it. Errors:
/// cancelled.
Result<void> addFisher(const Executor& executor, const Simulation& simulation, const SampleSource& samples,
                       const SweepRequest& request, const JobContext& context, BesideSweep& beside);

} // namespace halfstep
