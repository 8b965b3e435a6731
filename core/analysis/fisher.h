// The Fisher estimate: what quantizing one layer alone would do to the network's output, predicted to second
// order from gradients of the float network, without running a quantized one. An estimate beside the measured
// sensitivity, in its unit; never called by that name.
#pragma once

#include "core/analysis/sensitivity.h"

#include <memory>
#include <string>
#include <vector>

namespace halfstep {

/// Immutable once made; shared.
struct FisherEstimate {
  SampleOrigin origin;
  std::size_t samples = 0;                ///< that it is an average over
  OutputMetric metric = OutputMetric::kl; ///< what it estimates: kl in nats, or relativeError
  std::uint64_t seed = 0;                 ///< of the random projections
  bool exact = false; ///< every direction of the output was followed; otherwise random projections of them
  std::vector<Scheme> schemes;
  std::vector<std::string> layers;
  std::vector<std::string> left; ///< for every layer why it has no estimate; empty where it has
  std::vector<double> values;    ///< layers × schemes, row by row; NaN where there is none

  double value(std::size_t layer, std::size_t scheme) const {
    return values[layer * schemes.size() + scheme];
  }
};

struct FisherOptions {
  std::vector<Scheme> schemes; ///< of the weights
  std::size_t samples = 16;    ///< the first so many; 0 for all
  /// What the estimate stands beside; without it the model's standard metric.
  std::optional<OutputMetric> beside;
  std::size_t passes = 10; ///< ways back for each sample, at most; at least 1
  /// Bytes for the changes of weights held at once, and as many for gradients.
  std::size_t memoryBudget = std::size_t{512} << 20;
};

/// For every layer and scheme, with δ the change of the layer's weights (decoded minus float), z the output
/// and J = dz/dw:
///
///   KL:              ½ · mean over rows of δᵀJᵀ(diag p − p·pᵀ)Jδ, which is ½·E[(gᵀδ)²] for the gradients g
///   of
///                    ln p(y), y drawn from the network's own p: the Fisher information. With p or ln p as
///                    the output, the same in their terms.
///   relative error:  ‖Jδ‖² / Σz², the mean over the outputs: the Gauss-Newton form.
///
/// Both are E[(vᵀJδ)²] for vectors v whose covariance is the matrix in the middle, so one way back from v
/// gives g = Jᵀv for all layers. Where the directions of a sample's output number `passes` at most, each is
/// followed once and nothing is random; otherwise v is that matrix's root times a vector of random signs,
/// `passes` times (seeded by the job; independent over samples and passes).
///
/// Left out are terms of higher order in δ (so it fits small changes, 8 bits rather than 2) and the
/// curvature of the network itself (J is taken as constant).
///
/// Sources: S. Amari, "Natural gradient works efficiently in learning", 1998 (Fisher information as the
/// second order of KL); Z. Dong et al., "HAWQ", 2019, and "HAWQ-V2", 2020 (Hessian times squared change as a
/// layer's damage); Y. Li et al., "BRECQ", 2021 (the Fisher in the Hessian's place for quantization); B.
/// Zandonati et al., "FIT", 2022 (its trace as an estimate for mixed precision: here the product with δ
/// itself, not the trace); M. Hutchinson, 1990 (random signs).
///
/// Errors: what running the network gives; no sample; cancelled. What concerns a single layer (an operator
/// without a gradient behind it) stands in `left`.
Result<std::shared_ptr<const FisherEstimate>>
estimateFisher(const Executor& executor, const Simulation& simulation, const SampleSource& samples,
               const FisherOptions& options, const JobContext& job);

} // namespace halfstep
