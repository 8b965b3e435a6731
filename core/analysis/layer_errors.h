// Where error is born and where it grows: the error at every layer's output, once with that layer alone
// quantized and everything before it in float (isolated), once with the whole plan applied (accumulated).
#pragma once

#include "core/analysis/evaluation.h"

#include <functional>
#include <memory>
#include <vector>

namespace halfstep {

/// One layer's output over all samples so far.
struct LayerError {
  std::vector<OutputSums> isolated;    ///< one per sample; empty where the output cannot be seen
  std::vector<OutputSums> accumulated; ///< likewise
};

/// Immutable once made; shared.
struct LayerErrors {
  SampleOrigin origin;
  std::vector<std::string> layers;
  std::vector<LayerError> errors; ///< as many
  std::vector<std::string> left;  ///< why a layer has no figures; empty where it has
  std::size_t samples = 0;        ///< done

  /// SQNR in dB of the sums of `samples`; +∞ without error, NaN without samples.
  static double sqnrDb(const std::vector<OutputSums>& samples);
  /// The same with its 95 % interval by bootstrap over the samples.
  static Estimate sqnrEstimate(const std::vector<OutputSums>& samples, std::uint64_t seed);
};

struct LayerErrorOptions {
  std::size_t samples = 8;
  std::function<void(const LayerErrors&)> onSample;
};

/// Runs float and quantized networks on every sample, and every layer of the plan by itself on its float
/// input. Layers inside subgraphs and functions, whose outputs are no values of the main graph, are left out.
/// Peak memory: the values of one sample that layers take and make.
Result<std::shared_ptr<const LayerErrors>>
measureLayerErrors(const Executor& executor, const Simulation& simulation, const Plan& plan,
                   const SampleSource& samples, const LayerErrorOptions& options, const JobContext& job);

} // namespace halfstep
