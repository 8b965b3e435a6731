// Sensitivity: what quantizing one layer alone does to the network's output, measured, for every layer and
// every scheme asked for. Runs start from values kept of a float run and compute only what lies downstream of
// the layer.
#pragma once

#include "core/analysis/evaluation.h"
#include "core/analysis/machine_speed.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace halfstep {

/// One layer under one scheme.
struct SensitivityCell {
  std::vector<OutputFigures> samples; ///< of the first samples of the data set, as many as are done
  bool operator==(const SensitivityCell&) const = default;
};

/// A sweep, finished or not. A value; snapshots are shared.
struct Sensitivity {
  SampleOrigin origin;
  std::size_t samples = 0; ///< how many it is to be measured on
  OutputMetric metric = OutputMetric::kl;
  std::vector<std::string> outputs; ///< that the metric is of
  std::string metricNote;           ///< see MetricChoice; empty where a metric was asked for
  std::uint64_t seed = 0;           ///< of the bootstrap
  std::vector<Scheme> schemes;      ///< of the weights
  /// What the layer's input is quantized to with each of them; empty: nothing is.
  std::vector<ActivationScheme> activations;
  std::string calibration; ///< rangesFingerprint() of the one that static activations took; empty for none
  std::vector<std::string> layers;
  std::vector<std::string> left;      ///< for every layer why it cannot be measured; empty where it can
  std::vector<SensitivityCell> cells; ///< layers × schemes, row by row

  const SensitivityCell& cell(std::size_t layer, std::size_t scheme) const {
    return cells[layer * schemes.size() + scheme];
  }
  /// Weights and input of one of the schemes.
  LayerPlan candidate(std::size_t scheme) const {
    return {schemes[scheme], activations.empty() ? ActivationScheme() : activations[scheme]};
  }
  /// Each as it is written: "int8", "int8/uint8:tensor".
  std::vector<std::string> candidateNames() const;
  /// In the metric's own unit; NaN where nothing was measured.
  double value(std::size_t layer, std::size_t scheme) const;
  Estimate estimate(std::size_t layer, std::size_t scheme) const;
  /// The same, larger for more damage whatever the metric (−value where a larger figure is better).
  double damage(std::size_t layer, std::size_t scheme) const;
  /// What the float network itself has in the metric, on the samples measured: its accuracy or perplexity,
  /// otherwise what equal outputs give (∞ for sqnr). NaN where nothing was measured yet.
  double baseline() const;
  bool isComplete() const;
  /// Layer by layer done: 0…1.
  double progress() const;
};

/// How far the ranking of the layers under one scheme can be trusted.
struct RankingReliability {
  std::size_t samples = 0; ///< that all layers were measured on
  /// Spearman's ρ between the rankings of the even and the odd samples; NaN for fewer than two of each.
  double splitHalf = 0.0;
  std::vector<std::size_t> order; ///< layers, the largest damage first; those not measured left out
  /// For every entry of `order`: whether the samples cannot tell it from the one before (a paired bootstrap's
  /// 95 % interval of the difference holds 0).
  std::vector<bool> tied;
};
RankingReliability reliabilityOf(const Sensitivity& sensitivity, std::size_t scheme);

/// How far another figure of the same layers and schemes (row by row, NaN where there is none) would have
/// led: for every scheme Spearman's ρ between it and the measured damage. Larger must mean worse.
std::vector<double> rankCorrelationsWith(const Sensitivity& sensitivity, std::span<const double> figures);

/// Data-free screening: for every layer and scheme the relative squared error of its weights. Says nothing of
/// the output; rankCorrelationsWith() tells how well it would have done.
Result<std::vector<double>> screenWeights(const Model& model, const std::vector<Scheme>& schemes,
                                          const JobContext& job);

struct SensitivityOptions {
  std::vector<Scheme> schemes;               ///< of the weights
  std::vector<ActivationScheme> activations; ///< as many, or none: see Sensitivity
  std::size_t samples = 16;
  std::optional<OutputMetric> metric;                ///< the standard one where empty
  std::size_t memoryBudget = std::size_t{512} << 20; ///< bytes of kept values, all samples at once
  bool reuse = true;                                 ///< false: the naive loop, every run from the inputs
  /// Called after every layer, on the job's thread: which layer, and all there is so far.
  std::function<void(const Sensitivity&, std::size_t layer)> onLayer;
};

/// What a sweep will cost, told before it starts.
struct SensitivityCost {
  double forwards = 0.0; ///< in whole runs of the network, all samples, layers and schemes
  double naiveForwards = 0.0;
  double seconds = 0.0; ///< that many runs as long as the first sample's, and what is beside them
  double naiveSeconds = 0.0;
  double beside = 0.0;        ///< of both: calibration, the Fisher estimate, intervals
  std::int64_t keptBytes = 0; ///< of all samples that are worked on together; 0 where nothing is kept
  std::size_t samplesAtOnce = 0;
};
/// What is done beside a sweep and is to be counted with it.
struct SensitivityBeside {
  bool calibration = false;
  std::size_t fisherPasses = 0; ///< ways back for each sample; 0: no estimate
};
/// Runs the first sample: to see how large its values are, and for 0.2 s, at least three times, to see how
/// long a run takes on the mean. Counted as runs: two for a calibrated sample (values are looked at as they
/// are made), two for a way back. Intervals are counted by timing one.
Result<SensitivityCost> sensitivityCost(const Executor& executor, const SampleSource& samples,
                                        const SensitivityOptions& options, const Clock& clock,
                                        const JobContext& job, const SensitivityBeside& beside = {});

/// Measures. Layers that lead to none of the outputs that the metric is of are left: they would look
/// harmless. `previous`: an unfinished sweep of the same model, samples, schemes and metric to go on with, or
/// null; at most the layer that was being measured is done again. Errors: what running the network gives; a
/// previous sweep of something else; cancelled (what is done has been told to `onLayer`).
Result<std::shared_ptr<const Sensitivity>>
measureSensitivity(const Executor& executor, const Simulation& simulation, const SampleSource& samples,
                   const SensitivityOptions& options, const Sensitivity* previous, const JobContext& job);

} // namespace halfstep
