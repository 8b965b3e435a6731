// What RNN, GRU and LSTM are given, read and checked: for the operators and for their gradients. Internal to
// core/exec.
#pragma once

#include "core/exec/elements.h"
#include "core/exec/operators/recurrent_activation.h"

#include <limits>
#include <vector>

namespace halfstep {

enum class Cell { rnn, gru, lstm };

constexpr std::size_t gatesOf(Cell cell) {
  return cell == Cell::rnn ? 1 : cell == Cell::gru ? 3 : 4;
}

/// Everything but the numbers' type, checked: tensors are as time, batch and features whatever the layout.
struct Recurrent {
  Cell cell = Cell::rnn;
  std::size_t steps = 0;
  std::size_t batch = 0;
  std::size_t features = 0;
  std::size_t hidden = 0;
  std::size_t directions = 1;
  bool reversed = false; ///< of the first direction
  bool batchFirst = false;
  bool linearBeforeReset = false;
  bool coupled = false;      ///< input_forget: f = 1 − i
  bool roundsStates = false; ///< h is multiplied as the uint8 codes that it would have, step by step
  double limit = std::numeric_limits<double>::max(); ///< clip
  std::vector<RecurrentActivation> activations;
  std::vector<std::size_t> lengths; ///< of each sequence
  Tensor x;                         ///< [steps, batch, features]
  Tensor weights;                   ///< W [directions, gates · hidden, features]
  Tensor recurrence;                ///< R [directions, gates · hidden, hidden]
  Tensor biases;                    ///< B [directions, 2 · gates · hidden], or empty
  Tensor initialHidden;             ///< [directions, batch, hidden], or empty
  Tensor initialCell;               ///< the same
  Tensor peepholes;                 ///< P [directions, 3 · hidden], or empty
};

/// The inputs and attributes of a call. Errors: what is missing or does not fit together.
Result<Recurrent> recurrentOf(const OpCall& call, Cell cell);

/// The first two axes of three exchanged: between "batch first" and "time first".
Result<Tensor> exchanged(const Tensor& tensor);

} // namespace halfstep
