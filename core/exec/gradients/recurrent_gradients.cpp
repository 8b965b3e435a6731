// Gradients of RNN, GRU and LSTM: backpropagation through time (P. Werbos, "Backpropagation through time:
// what it does and how to do it", 1990), each sequence on its own, in double. The forward pass is repeated,
// as the operators keep nothing of their gates.
#include "core/exec/gradients/gradient_steps.h"

#include "core/exec/operators/recurrent_inputs.h"
#include "core/exec/rearrange.h"

#include <algorithm>

namespace halfstep {

namespace {

using Gradient = Result<InputGradients>;
using Numbers = std::vector<double>;

Result<Numbers> numbersOf(const Tensor& tensor) {
  Numbers numbers(tensor.count());
  if (tensor.count() > 0) {
    const Elements<float> values(tensor);
    std::copy(values.begin(), values.end(), numbers.begin());
  }
  return numbers;
}

/// Everything that moves, in the operators' own layouts; gradients in the same ones.
struct Quantities {
  Numbers x, weights, recurrence, biases, hidden, cell, peepholes;
};

/// What a step of one sequence made on the way forward.
struct Step {
  Numbers gates;     ///< before the activations, peepholes included: [rows]
  Numbers fromState; ///< R·h + Rb, of the candidate of a GRU: [hidden]
  Numbers hidden;    ///< before the step
  Numbers cell;      ///< before the step
  Numbers newCell;   ///< after it
};

/// One sequence in one direction, there and back.
class Sequence {
public:
  Sequence(const Recurrent& of, const Quantities& given, Quantities& gradients, std::size_t direction,
           std::size_t entry)
      : m_of(of)
      , m_given(given)
      , m_made(gradients)
      , m_direction(direction)
      , m_entry(entry)
      , m_n(of.hidden)
      , m_rows(gatesOf(of.cell) * of.hidden)
      , m_activations(of.activations.data() + direction * (of.activations.size() / of.directions))
      , m_reversed(of.reversed || direction == 1) {}

  Result<void> forward(const JobContext& job) {
    Numbers h = stateOf(m_given.hidden);
    Numbers c = stateOf(m_given.cell);
    for (std::size_t index = 0; index < length(); ++index) {
      HALFSTEP_CHECK(job.checkpoint());
      m_steps.push_back(stepFrom(index, h, c));
      h = resultOf(m_steps.back());
      c = m_steps.back().newCell;
    }
    return {};
  }

  /// `y`: the gradients at Y, [steps, directions, batch, hidden]; `last` and `lastCell` at Y_h and Y_c. Empty
  /// for zeros.
  Result<void> backward(const Numbers& y, const Numbers& last, const Numbers& lastCell,
                        const JobContext& job) {
    Numbers dh = stateOf(last);
    Numbers dc = stateOf(lastCell);
    for (std::size_t index = length(); index-- > 0;) {
      HALFSTEP_CHECK(job.checkpoint());
      if (!y.empty()) {
        const std::size_t row = (time(index) * m_of.directions + m_direction) * m_of.batch + m_entry;
        for (std::size_t i = 0; i < m_n; ++i) {
          dh[i] += y[row * m_n + i];
        }
      }
      const Step& step = m_steps[index];
      switch (m_of.cell) {
      case Cell::rnn:
        dh = throughRnn(index, step, dh);
        break;
      case Cell::gru:
        dh = throughGru(index, step, dh);
        break;
      case Cell::lstm:
        dh = throughLstm(index, step, dh, dc);
        break;
      }
    }
    addState(m_made.hidden, dh);
    addState(m_made.cell, dc);
    return {};
  }

private:
  std::size_t length() const { return m_of.lengths[m_entry]; }
  std::size_t time(std::size_t index) const { return m_reversed ? length() - 1 - index : index; }
  std::size_t stateAt() const { return (m_direction * m_of.batch + m_entry) * m_n; }
  const double* xAt(std::size_t index) const {
    return m_given.x.data() + (time(index) * m_of.batch + m_entry) * m_of.features;
  }

  /// This sequence's part of [directions, batch, hidden]; zeros where there is none.
  Numbers stateOf(const Numbers& all) const {
    if (all.empty()) {
      return Numbers(m_n, 0.0);
    }
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(stateAt());
    return {first, first + static_cast<std::ptrdiff_t>(m_n)};
  }
  void addState(Numbers& all, const Numbers& part) const {
    for (std::size_t i = 0; i < m_n && !all.empty(); ++i) {
      all[stateAt() + i] += part[i];
    }
  }

  double bias(std::size_t row) const {
    return m_given.biases.empty() ? 0.0 : m_given.biases[m_direction * 2 * m_rows + row];
  }
  double peephole(std::size_t which, std::size_t i) const {
    return m_given.peepholes.empty() ? 0.0 : m_given.peepholes[(m_direction * 3 + which) * m_n + i];
  }

  double activated(std::size_t which, double value) const {
    return m_activations[which](std::clamp(value, -m_of.limit, m_of.limit));
  }
  double slope(std::size_t which, double value) const {
    return std::abs(value) > m_of.limit ? 0.0 : m_activations[which].slopeAt(value);
  }

  /// R·h, row by row from `first` on.
  double recurrent(std::size_t row, const Numbers& h) const {
    const double* weights = m_given.recurrence.data() + (m_direction * m_rows + row) * m_n;
    double sum = bias(m_rows + row);
    for (std::size_t i = 0; i < m_n; ++i) {
      sum += weights[i] * h[i];
    }
    return sum;
  }

  double projected(std::size_t row, const double* x) const {
    const double* weights = m_given.weights.data() + (m_direction * m_rows + row) * m_of.features;
    double sum = bias(row);
    for (std::size_t i = 0; i < m_of.features; ++i) {
      sum += weights[i] * x[i];
    }
    return sum;
  }

  Step stepFrom(std::size_t index, Numbers h, Numbers c) const {
    Step step;
    const bool gru = m_of.cell == Cell::gru;
    const double* x = xAt(index);
    step.gates.resize(m_rows);
    for (std::size_t row = 0; row < m_rows; ++row) {
      const bool candidate = gru && row >= 2 * m_n;
      step.gates[row] = projected(row, x) + (candidate ? 0.0 : recurrent(row, h));
    }
    if (gru) {
      addCandidate(step, h);
    }
    if (m_of.cell == Cell::lstm) {
      step.newCell = newCell(step, c);
    }
    step.hidden = std::move(h);
    step.cell = std::move(c);
    return step;
  }

  /// What the state does to the candidate of a GRU: before or behind the reset gate.
  void addCandidate(Step& step, const Numbers& h) const {
    const Numbers operand = m_of.linearBeforeReset ? h : resetState(step, h);
    step.fromState.resize(m_n);
    for (std::size_t i = 0; i < m_n; ++i) {
      step.fromState[i] = recurrent(2 * m_n + i, operand);
      const double reset = m_of.linearBeforeReset ? activated(0, step.gates[m_n + i]) : 1.0;
      step.gates[2 * m_n + i] += reset * step.fromState[i];
    }
  }

  Numbers resetState(const Step& step, const Numbers& h) const {
    Numbers made(m_n);
    for (std::size_t i = 0; i < m_n; ++i) {
      made[i] = activated(0, step.gates[m_n + i]) * h[i];
    }
    return made;
  }

  /// Gates in the order i, o, f, c.
  Numbers newCell(Step& step, const Numbers& c) const {
    Numbers made(m_n);
    for (std::size_t i = 0; i < m_n; ++i) {
      step.gates[i] += peephole(0, i) * c[i];
      step.gates[2 * m_n + i] += peephole(2, i) * c[i];
      const double in = activated(0, step.gates[i]);
      const double forget = m_of.coupled ? 1.0 - in : activated(0, step.gates[2 * m_n + i]);
      made[i] = forget * c[i] + in * activated(1, step.gates[3 * m_n + i]);
      step.gates[m_n + i] += peephole(1, i) * made[i];
    }
    return made;
  }

  Numbers resultOf(const Step& step) const {
    Numbers h(m_n);
    for (std::size_t i = 0; i < m_n; ++i) {
      switch (m_of.cell) {
      case Cell::rnn:
        h[i] = activated(0, step.gates[i]);
        break;
      case Cell::gru: {
        const double update = activated(0, step.gates[i]);
        h[i] = (1.0 - update) * activated(1, step.gates[2 * m_n + i]) + update * step.hidden[i];
        break;
      }
      case Cell::lstm:
        h[i] = activated(0, step.gates[m_n + i]) * activated(2, step.newCell[i]);
        break;
      }
    }
    return h;
  }

  /// Gradients at W·x + Wb, passed on to x, W and Wb.
  void passToInput(std::size_t index, const Numbers& gates) {
    const double* x = xAt(index);
    double* const dx = m_made.x.empty() ? nullptr : m_made.x.data() + (x - m_given.x.data());
    for (std::size_t row = 0; row < m_rows; ++row) {
      const std::size_t at = (m_direction * m_rows + row) * m_of.features;
      for (std::size_t i = 0; i < m_of.features; ++i) {
        if (dx != nullptr) {
          dx[i] += gates[row] * m_given.weights[at + i];
        }
        if (!m_made.weights.empty()) {
          m_made.weights[at + i] += gates[row] * x[i];
        }
      }
      addBias(row, gates[row]);
    }
  }

  /// Gradients at R·h + Rb in the rows first…end−1, passed on to R and Rb; adds what reaches h.
  void passToState(std::size_t first, std::size_t end, const Numbers& gates, const Numbers& h, Numbers& dh) {
    for (std::size_t row = first; row < end; ++row) {
      const std::size_t at = (m_direction * m_rows + row) * m_n;
      for (std::size_t i = 0; i < m_n; ++i) {
        dh[i] += gates[row] * m_given.recurrence[at + i];
        if (!m_made.recurrence.empty()) {
          m_made.recurrence[at + i] += gates[row] * h[i];
        }
      }
      addBias(m_rows + row, gates[row]);
    }
  }

  void addBias(std::size_t row, double gradient) {
    if (!m_made.biases.empty()) {
      m_made.biases[m_direction * 2 * m_rows + row] += gradient;
    }
  }

  Numbers throughRnn(std::size_t index, const Step& step, const Numbers& dh) {
    Numbers gates(m_rows);
    for (std::size_t i = 0; i < m_n; ++i) {
      gates[i] = dh[i] * slope(0, step.gates[i]);
    }
    Numbers before(m_n, 0.0);
    passToInput(index, gates);
    passToState(0, m_rows, gates, step.hidden, before);
    return before;
  }

  /// Gates in the order z, r, h.
  Numbers throughGru(std::size_t index, const Step& step, const Numbers& dh) {
    Numbers gates(m_rows);
    Numbers state(m_rows); // at R·h + Rb
    Numbers before(m_n);
    for (std::size_t i = 0; i < m_n; ++i) {
      const double update = activated(0, step.gates[i]);
      const double candidate = activated(1, step.gates[2 * m_n + i]);
      gates[i] = dh[i] * (step.hidden[i] - candidate) * slope(0, step.gates[i]);
      gates[2 * m_n + i] = dh[i] * (1.0 - update) * slope(1, step.gates[2 * m_n + i]);
      before[i] = dh[i] * update;
    }
    if (m_of.linearBeforeReset) {
      for (std::size_t i = 0; i < m_n; ++i) {
        const double reset = activated(0, step.gates[m_n + i]);
        const double at = gates[2 * m_n + i];
        gates[m_n + i] = at * step.fromState[i] * slope(0, step.gates[m_n + i]);
        state[2 * m_n + i] = at * reset;
      }
      passToState(2 * m_n, m_rows, state, step.hidden, before);
    } else {
      Numbers reset(m_n, 0.0); // at r∘h
      passToState(2 * m_n, m_rows, gates, resetState(step, step.hidden), reset);
      for (std::size_t i = 0; i < m_n; ++i) {
        gates[m_n + i] = reset[i] * step.hidden[i] * slope(0, step.gates[m_n + i]);
        before[i] += reset[i] * activated(0, step.gates[m_n + i]);
      }
    }
    passToInput(index, gates);
    passToState(0, 2 * m_n, gates, step.hidden, before);
    return before;
  }

  /// `dc` is what arrives at the new cell, and then what reaches the one before.
  Numbers throughLstm(std::size_t index, const Step& step, const Numbers& dh, Numbers& dc) {
    Numbers gates(m_rows);
    for (std::size_t i = 0; i < m_n; ++i) {
      const double* const before = step.gates.data() + i;
      const double in = activated(0, before[0]);
      const double out = activated(0, before[m_n]);
      const double forget = m_of.coupled ? 1.0 - in : activated(0, before[2 * m_n]);
      const double candidate = activated(1, before[3 * m_n]);
      gates[m_n + i] = dh[i] * activated(2, step.newCell[i]) * slope(0, before[m_n]);
      const double cell = dc[i] + dh[i] * out * slope(2, step.newCell[i]) + gates[m_n + i] * peephole(1, i);
      const double atIn = cell * (candidate - (m_of.coupled ? step.cell[i] : 0.0));
      gates[i] = atIn * slope(0, before[0]);
      gates[2 * m_n + i] = m_of.coupled ? 0.0 : cell * step.cell[i] * slope(0, before[2 * m_n]);
      gates[3 * m_n + i] = cell * in * slope(1, before[3 * m_n]);
      dc[i] = cell * forget + gates[i] * peephole(0, i) + gates[2 * m_n + i] * peephole(2, i);
      if (!m_made.peepholes.empty()) {
        double* const made = m_made.peepholes.data() + m_direction * 3 * m_n + i;
        made[0] += gates[i] * step.cell[i];
        made[m_n] += gates[m_n + i] * step.newCell[i];
        made[2 * m_n] += gates[2 * m_n + i] * step.cell[i];
      }
    }
    Numbers before(m_n, 0.0);
    passToInput(index, gates);
    passToState(0, m_rows, gates, step.hidden, before);
    return before;
  }

  const Recurrent& m_of;
  const Quantities& m_given;
  Quantities& m_made;
  std::size_t m_direction;
  std::size_t m_entry;
  std::size_t m_n;
  std::size_t m_rows; ///< gates · hidden
  const RecurrentActivation* m_activations;
  bool m_reversed;
  std::vector<Step> m_steps;
};

/// The gradient at output `index`, time first; empty where none arrives.
Result<Numbers> arrivingAt(const GradientCall& call, const Recurrent& of, std::size_t index) {
  if (!call.arrives(index)) {
    return Numbers();
  }
  Tensor arriving = *call.arriving[index];
  if (of.batchFirst && arriving.shape().size() == 4) { // [batch, steps, directions, hidden]
    const std::size_t order[] = {1, 2, 0, 3};
    HALFSTEP_TRY(arriving, transposed(arriving, order));
  } else if (of.batchFirst) {
    HALFSTEP_TRY(arriving, exchanged(arriving));
  }
  return numbersOf(arriving);
}

/// An input, and where its gradient is gathered.
struct Part {
  std::size_t input;
  const Tensor& tensor;
  Numbers Quantities::*numbers;
  bool batchFirst; ///< whether the node has it so
};

template <Cell kCell>
Gradient recurrent(const GradientCall& call) {
  HALFSTEP_TRY(const Recurrent of, recurrentOf(call.op, kCell));
  Quantities given;
  Quantities made;
  const Part parts[] = {{0, of.x, &Quantities::x, of.batchFirst},
                        {1, of.weights, &Quantities::weights, false},
                        {2, of.recurrence, &Quantities::recurrence, false},
                        {3, of.biases, &Quantities::biases, false},
                        {5, of.initialHidden, &Quantities::hidden, of.batchFirst},
                        {6, of.initialCell, &Quantities::cell, of.batchFirst},
                        {7, of.peepholes, &Quantities::peepholes, false}};
  for (const Part& part : parts) {
    HALFSTEP_TRY(given.*part.numbers, numbersOf(part.tensor));
    if (call.wants(part.input)) {
      (made.*part.numbers).assign(part.tensor.count(), 0.0);
    }
  }
  HALFSTEP_TRY(const Numbers y, arrivingAt(call, of, 0));
  HALFSTEP_TRY(const Numbers last, arrivingAt(call, of, 1));
  HALFSTEP_TRY(const Numbers lastCell, arrivingAt(call, of, 2));
  for (std::size_t direction = 0; direction < of.directions; ++direction) {
    for (std::size_t entry = 0; entry < of.batch; ++entry) {
      Sequence sequence(of, given, made, direction, entry);
      HALFSTEP_CHECK(sequence.forward(call.op.job()));
      HALFSTEP_CHECK(sequence.backward(y, last, lastCell, call.op.job()));
    }
  }
  InputGradients gradients(call.op.inputCount());
  for (const Part& part : parts) {
    if (call.wants(part.input)) {
      const Numbers& numbers = made.*part.numbers;
      HALFSTEP_TRY(Tensor gradient, filled(part.tensor.shape(), [&](std::size_t i) { return numbers[i]; }));
      if (part.batchFirst) {
        HALFSTEP_TRY(gradient, exchanged(gradient));
      }
      gradients[part.input] = std::move(gradient);
    }
  }
  return gradients;
}

constexpr GradientEntry kRecurrentGradients[] = {
    {"", "GRU", recurrent<Cell::gru>},
    {"", "LSTM", recurrent<Cell::lstm>},
    {"", "RNN", recurrent<Cell::rnn>},
};

} // namespace

std::span<const GradientEntry> recurrentGradients() {
  return kRecurrentGradients;
}

} // namespace halfstep
