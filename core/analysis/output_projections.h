// From which vectors at the outputs gradients start, so that their squares add up to the second-order change
// of a metric (fisher.h). Values; any thread.
#pragma once

#include "core/analysis/evaluation.h"

#include <map>
#include <string>
#include <vector>

namespace halfstep {

/// One vector v: what (vᵀJδ)² counts for.
struct OutputProjection {
  std::map<std::string, Tensor> seeds; ///< by output
  double weight = 1.0;
};

struct OutputProjections {
  std::vector<OutputProjection> vectors;
  std::int64_t rows = 0; ///< of distributions; 0 for values
  bool exact = false;    ///< the vectors are all directions of the output
};

/// For the KL divergence: of the first output that holds distributions, as in OutputReference. Σ weight·
/// (vᵀdz)² is the sum over the rows of the divergence to second order, exactly or as a random estimate of
/// `passes` vectors. Errors: none of the outputs holds distributions.
Result<OutputProjections> divergenceProjections(std::span<const OutputRole> roles,
                                                const std::map<std::string, Value>& outputs,
                                                std::size_t passes, std::uint64_t seed, std::size_t sample);

/// For the relative error: of all floating-point outputs. `signalSums`: Σ z² of each over all samples, by
/// name; an output without signal counts for nothing.
Result<OutputProjections> valueProjections(std::span<const OutputRole> roles,
                                           const std::map<std::string, Value>& outputs,
                                           const std::map<std::string, double>& signalSums,
                                           std::size_t passes, std::uint64_t seed, std::size_t sample);

} // namespace halfstep
