// The activation functions of RNN, GRU and LSTM. Internal to core/exec/operators.
#pragma once

#include "core/exec/operator_call.h"

#include <vector>

namespace halfstep {

struct RecurrentActivation {
  double (*function)(double x, double alpha, double beta) = nullptr;
  double (*slope)(double x, double alpha, double beta) = nullptr; ///< its derivative; of one side at kinks
  double alpha = 0;
  double beta = 0;
  void (*row)(float* values, std::size_t count) = nullptr; ///< the same for a row; null where there is none

  double operator()(double x) const { return function(x, alpha, beta); }
  double slopeAt(double x) const { return slope(x, alpha, beta); }
};

/// The functions for all directions, one direction after the other, from the attributes `activations`,
/// `activation_alpha` and `activation_beta`; `defaults` for one direction where they are not given. Errors:
/// an unknown name; another number of them.
Result<std::vector<RecurrentActivation>>
recurrentActivations(const OpCall& call, const std::vector<std::string>& defaults, std::size_t directions);

} // namespace halfstep
