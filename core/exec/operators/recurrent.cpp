// RNN, GRU and LSTM. The names of gates and the formulas are those of the operators' specification.
#include "core/exec/operator_families.h"
#include "core/exec/operators/axis_rows.h"
#include "core/exec/operators/onednn.h"
#include "core/exec/operators/recurrent_activation.h"
#include "core/exec/rearrange.h"

#include <numeric>

namespace halfstep {

namespace {

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
  bool coupled = false;                              ///< input_forget: f = 1 − i
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

/// Input `index` if it is there; it must have that shape and the type of x.
Result<Tensor> optionalInput(const OpCall& call, std::size_t index, const Shape& shape, ElementType type) {
  if (!call.has(index)) {
    return Tensor();
  }
  HALFSTEP_TRY(Tensor tensor, call.tensor(index));
  if (tensor.shape() != shape || tensor.type() != type) {
    return call.fail("input " + std::to_string(index) + " is " + shapeText(tensor.shape()) + ", expected " +
                     shapeText(shape));
  }
  return tensor;
}

/// The first two axes exchanged: between "batch first" and "time first".
Result<Tensor> exchanged(const Tensor& tensor) {
  const std::size_t order[] = {1, 0, 2};
  return transposed(tensor, order);
}

/// An X without elements may name absurd sizes; the others are as large as they say.
Result<void> checkedStates(const OpCall& call, const Recurrent& of) {
  constexpr std::size_t kMost = std::size_t{1} << 24;
  if (of.x.count() == 0 && (of.steps > kMost || of.batch > kMost)) {
    return call.fail("X is " + shapeText(of.x.shape()));
  }
  return {};
}

/// Sets the sizes from X, W and R.
Result<void> readSizes(const OpCall& call, Recurrent& of) {
  HALFSTEP_TRY(of.x, call.tensor(0));
  HALFSTEP_TRY(of.weights, call.tensor(1));
  HALFSTEP_TRY(of.recurrence, call.tensor(2));
  const Shape& r = of.recurrence.shape();
  if (of.x.shape().size() != 3 || of.weights.shape().size() != 3 || r.size() != 3) {
    return call.fail("X, W and R must have three dimensions");
  }
  if (of.batchFirst) {
    HALFSTEP_TRY(of.x, exchanged(of.x));
  }
  const Shape& x = of.x.shape();
  of.steps = static_cast<std::size_t>(x[0]);
  of.batch = static_cast<std::size_t>(x[1]);
  of.features = static_cast<std::size_t>(x[2]);
  of.hidden = static_cast<std::size_t>(r[2]);
  const std::int64_t rows = r[1];
  const auto directions = static_cast<std::int64_t>(of.directions);
  const auto gates = static_cast<std::int64_t>(gatesOf(of.cell));
  if (of.recurrence.count() == 0 || rows % gates != 0 || rows / gates != r[2] || r[0] != directions ||
      of.weights.shape() != Shape{directions, rows, x[2]} ||
      (call.hasAttribute("hidden_size") && call.integer("hidden_size", 0) != r[2])) {
    return call.fail("X " + shapeText(x) + ", W " + shapeText(of.weights.shape()) + " and R " + shapeText(r) +
                     " do not fit together");
  }
  HALFSTEP_CHECK(checkedStates(call, of));
  if (of.weights.type() != of.x.type() || of.recurrence.type() != of.x.type()) {
    return call.fail("X, W and R are of different types");
  }
  return {};
}

Result<void> readDirection(const OpCall& call, Recurrent& of) {
  const std::string direction = call.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional") {
    return call.fail("its direction is \"" + direction + "\"");
  }
  of.directions = direction == "bidirectional" ? 2 : 1;
  of.reversed = direction == "reverse";
  return {};
}

Result<void> readLengths(const OpCall& call, Recurrent& of) {
  if (!call.has(4)) {
    of.lengths.assign(of.batch, of.steps);
    return {};
  }
  HALFSTEP_TRY(const std::vector<std::int64_t> given, call.integers(4));
  if (given.size() != of.batch) {
    return call.fail("there are " + std::to_string(given.size()) + " sequence lengths for a batch of " +
                     std::to_string(of.batch));
  }
  for (const std::int64_t length : given) {
    if (length < 0 || static_cast<std::size_t>(length) > of.steps) {
      return call.fail("a sequence length is " + std::to_string(length) + " of " + std::to_string(of.steps));
    }
    of.lengths.push_back(static_cast<std::size_t>(length));
  }
  return {};
}

/// The inputs that may be left out.
Result<void> readOptional(const OpCall& call, Recurrent& of) {
  const auto directions = static_cast<std::int64_t>(of.directions);
  const auto hidden = static_cast<std::int64_t>(of.hidden);
  const auto batch = static_cast<std::int64_t>(of.batch);
  const auto gates = static_cast<std::int64_t>(gatesOf(of.cell));
  const ElementType type = of.x.type();
  const Shape state = of.batchFirst ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  HALFSTEP_TRY(of.biases, optionalInput(call, 3, (Shape{directions, 2 * gates * hidden}), type));
  HALFSTEP_TRY(of.initialHidden, optionalInput(call, 5, state, type));
  if (of.cell == Cell::lstm) {
    HALFSTEP_TRY(of.initialCell, optionalInput(call, 6, state, type));
    HALFSTEP_TRY(of.peepholes, optionalInput(call, 7, (Shape{directions, 3 * hidden}), type));
  }
  for (Tensor* const tensor : {&of.initialHidden, &of.initialCell}) {
    if (of.batchFirst && tensor->count() > 0) {
      HALFSTEP_TRY(*tensor, exchanged(*tensor));
    }
  }
  return {};
}

Result<Recurrent> recurrentOf(const OpCall& call, Cell cell) {
  Recurrent of;
  of.cell = cell;
  of.batchFirst = call.integer("layout", 0) != 0;
  of.linearBeforeReset = call.integer("linear_before_reset", 0) != 0;
  of.coupled = call.integer("input_forget", 0) != 0;
  if (call.hasAttribute("clip")) {
    of.limit = static_cast<double>(call.real("clip", 0.0f));
    if (!(of.limit >= 0)) {
      return call.fail("its clip is negative");
    }
  }
  HALFSTEP_CHECK(readDirection(call, of));
  HALFSTEP_CHECK(readSizes(call, of));
  const std::vector<std::string> defaults = cell == Cell::rnn ? std::vector<std::string>{"Tanh"}
                                            : cell == Cell::gru
                                                ? std::vector<std::string>{"Sigmoid", "Tanh"}
                                                : std::vector<std::string>{"Sigmoid", "Tanh", "Tanh"};
  HALFSTEP_TRY(of.activations, recurrentActivations(call, defaults, of.directions));
  HALFSTEP_CHECK(readLengths(call, of));
  HALFSTEP_CHECK(readOptional(call, of));
  return of;
}

/// out[rows, columns] = a[rows, length] · b[columns, length]ᵀ, all row-major.
void timesTransposed(const double* a, std::size_t rows, const double* b, std::size_t columns,
                     std::size_t length, double* out) {
  forRows(rows * columns, length, [&](std::size_t index) {
    const double* x = a + index / columns * length;
    out[index] = std::inner_product(x, x + length, b + index % columns * length, 0.0);
  });
}

void timesTransposed(const float* a, std::size_t rows, const float* b, std::size_t columns,
                     std::size_t length, float* out) {
  constexpr std::size_t kWorthSharing = std::size_t{1} << 21;
  const OneThread few(rows * columns * length < kWorthSharing);
  const auto size = [](std::size_t value) { return static_cast<dnnl::memory::dim>(value); };
  if (length == 0 || dnnl::sgemm('N', 'T', size(rows), size(columns), size(length), 1.0f, a, size(length), b,
                                 size(length), 0.0f, out, size(columns)) != dnnl::status::success) {
    std::fill_n(out, rows * columns, 0.0f);
  }
}

/// One direction while it runs. Sums and states are of the data's type.
template <class T>
class Direction {
public:
  Direction(const Recurrent& of, std::size_t index)
      : m_of(of)
      , m_index(index)
      , m_reversed(of.reversed || index == 1)
      , m_rows(gatesOf(of.cell) * of.hidden)
      , m_activations(of.activations.data() + index * (of.activations.size() / of.directions))
      , m_x(of.x)
      , m_weights(of.weights)
      , m_recurrence(of.recurrence)
      , m_biases(of.biases)
      , m_peepholes(of.peepholes) {}

  /// Runs all steps. `y` has [steps, directions, batch, hidden], zeros so far; the last states are left in
  /// the parts of this direction of `hidden` and `cell`.
  Result<void> run(const JobContext& job, std::span<T> y, std::span<T> hidden, std::span<T> cell) {
    const std::size_t states = m_of.batch * m_of.hidden;
    m_h = part(m_of.initialHidden, hidden, states);
    m_c = part(m_of.initialCell, cell, states);
    const auto rows = static_cast<std::int64_t>(m_rows);
    const auto batch = static_cast<std::int64_t>(m_of.batch);
    // All of x at once is one large product, but for x that would take much memory.
    const bool atOnce = m_of.steps * m_of.batch * m_rows <= kMostAtOnce;
    const std::int64_t times = atOnce ? std::max<std::int64_t>(static_cast<std::int64_t>(m_of.steps), 1) : 1;
    HALFSTEP_TRY(m_fromInput, newTensor<T>({times * batch, rows}));
    HALFSTEP_TRY(m_gates, newTensor<T>({batch, rows}));
    HALFSTEP_TRY(m_fromState, newTensor<T>({batch, rows}));
    if (atOnce) {
      projectInput(0, m_of.steps * m_of.batch, 0);
    }
    for (std::size_t step = 0; step < m_of.steps; ++step) {
      HALFSTEP_CHECK(job.checkpoint());
      project(step, atOnce);
      for (std::size_t b = 0; b < m_of.batch; ++b) {
        if (step < m_of.lengths[b]) {
          advance(b);
          const std::size_t row = (time(step, b) * m_of.directions + m_index) * m_of.batch + b;
          std::copy_n(m_h + b * m_of.hidden, m_of.hidden, &y[row * m_of.hidden]);
        }
      }
    }
    return {};
  }

private:
  static constexpr std::size_t kMostAtOnce = std::size_t{1} << 22;

  /// This direction's part of a state, with what it is at first: zeros where nothing says otherwise.
  T* part(const Tensor& initial, std::span<T> state, std::size_t count) const {
    T* const own = state.data() + m_index * count;
    const Elements<T> values(initial);
    if (values.size() == 0) {
      std::fill_n(own, count, T(0));
    } else {
      std::copy_n(values.data() + m_index * count, count, own);
    }
    return own;
  }

  /// The time that a sequence has arrived at; backwards from its own end.
  std::size_t time(std::size_t step, std::size_t b) const {
    return m_reversed ? m_of.lengths[b] - 1 - step : step;
  }

  /// Bias `row` of this direction: those of W first, then those of R.
  T bias(std::size_t row) const { return m_biases.size() == 0 ? T(0) : m_biases[m_index * 2 * m_rows + row]; }

  const T* recurrenceRow(std::size_t row) const {
    return m_recurrence.data() + (m_index * m_rows + row) * m_of.hidden;
  }

  /// x·Wᵀ of `count` rows of x from `first` on, to row `to` of m_fromInput.
  void projectInput(std::size_t first, std::size_t count, std::size_t to) {
    timesTransposed(m_x.data() + first * m_of.features, count,
                    m_weights.data() + m_index * m_rows * m_of.features, m_rows, m_of.features,
                    m_fromInput.values.data() + to * m_rows);
  }

  /// x·Wᵀ + Wb of all gates, and h·Rᵀ + Rb.
  void project(std::size_t step, bool atOnce) {
    timesTransposed(m_h, m_of.batch, recurrenceRow(0), m_rows, m_of.hidden, m_fromState.values.data());
    for (std::size_t b = 0; b < m_of.batch; ++b) {
      if (step >= m_of.lengths[b]) {
        continue;
      }
      const std::size_t at = time(step, b) * m_of.batch + b;
      if (!atOnce) {
        projectInput(at, 1, b);
      }
      const T* fromInput = m_fromInput.values.data() + (atOnce ? at : b) * m_rows;
      T* fromState = m_fromState.values.data() + b * m_rows;
      T* gates = m_gates.values.data() + b * m_rows;
      for (std::size_t row = 0; row < m_rows; ++row) {
        gates[row] = fromInput[row] + bias(row);
        fromState[row] += bias(m_rows + row);
      }
    }
  }

  void activate(std::size_t which, T* values, std::size_t count) const {
    const RecurrentActivation& function = m_activations[which];
    if (m_of.limit < static_cast<double>(std::numeric_limits<T>::max())) {
      for (std::size_t i = 0; i < count; ++i) {
        values[i] = static_cast<T>(std::clamp(static_cast<double>(values[i]), -m_of.limit, m_of.limit));
      }
    }
    if constexpr (std::is_same_v<T, float>) {
      if (function.row != nullptr) {
        function.row(values, count);
        return;
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = static_cast<T>(function(static_cast<double>(values[i])));
    }
  }

  void addPeephole(std::size_t which, const T* c, T* gate) const {
    for (std::size_t i = 0; i < m_of.hidden && m_peepholes.size() != 0; ++i) {
      gate[i] += m_peepholes[(m_index * 3 + which) * m_of.hidden + i] * c[i];
    }
  }

  void advance(std::size_t b) {
    T* gates = m_gates.values.data() + b * m_rows;
    T* fromState = m_fromState.values.data() + b * m_rows;
    T* h = m_h + b * m_of.hidden;
    const std::size_t summed = m_of.cell == Cell::gru ? 2 * m_of.hidden : m_rows;
    for (std::size_t row = 0; row < summed; ++row) {
      gates[row] += fromState[row];
    }
    switch (m_of.cell) {
    case Cell::rnn:
      activate(0, gates, m_rows);
      std::copy_n(gates, m_rows, h);
      break;
    case Cell::gru:
      advanceGru(gates, fromState, h);
      break;
    case Cell::lstm:
      advanceLstm(gates, h, m_c + b * m_of.hidden);
      break;
    }
  }

  /// Gates in the order z, r, h. H = (1 − z)·h̃ + z·H.
  void advanceGru(T* gates, T* fromState, T* h) {
    const std::size_t n = m_of.hidden;
    activate(0, gates, 2 * n);
    const T* reset = gates + n;
    T* candidate = gates + 2 * n;
    T* state = fromState + 2 * n;
    if (m_of.linearBeforeReset) {
      for (std::size_t i = 0; i < n; ++i) {
        candidate[i] += reset[i] * state[i];
      }
    } else {
      m_reset.resize(n);
      for (std::size_t i = 0; i < n; ++i) {
        m_reset[i] = reset[i] * h[i];
      }
      timesTransposed(m_reset.data(), 1, recurrenceRow(2 * n), n, n, state);
      for (std::size_t i = 0; i < n; ++i) {
        candidate[i] += state[i] + bias(m_rows + 2 * n + i);
      }
    }
    activate(1, candidate, n);
    for (std::size_t i = 0; i < n; ++i) {
      h[i] = (T(1) - gates[i]) * candidate[i] + gates[i] * h[i];
    }
  }

  /// Gates in the order i, o, f, c; peepholes in the order i, o, f.
  void advanceLstm(T* gates, T* h, T* c) {
    const std::size_t n = m_of.hidden;
    T* in = gates;
    T* out = gates + n;
    T* forget = gates + 2 * n;
    T* candidate = gates + 3 * n;
    addPeephole(0, c, in);
    addPeephole(2, c, forget);
    activate(0, in, n);
    activate(0, forget, n);
    activate(1, candidate, n);
    for (std::size_t i = 0; i < n; ++i) {
      c[i] = (m_of.coupled ? T(1) - in[i] : forget[i]) * c[i] + in[i] * candidate[i];
    }
    addPeephole(1, c, out);
    activate(0, out, n);
    std::copy_n(c, n, h);
    activate(2, h, n);
    for (std::size_t i = 0; i < n; ++i) {
      h[i] *= out[i];
    }
  }

  const Recurrent& m_of;
  std::size_t m_index;
  bool m_reversed;
  std::size_t m_rows; ///< gates · hidden
  const RecurrentActivation* m_activations;
  Elements<T> m_x;
  Elements<T> m_weights;
  Elements<T> m_recurrence;
  Elements<T> m_biases;
  Elements<T> m_peepholes;
  T* m_h = nullptr; ///< [batch, hidden]
  T* m_c = nullptr;
  NewTensor<T> m_fromInput; ///< x·Wᵀ
  NewTensor<T> m_fromState; ///< [batch, rows]
  NewTensor<T> m_gates;     ///< [batch, rows]
  std::vector<T> m_reset;
};

template <class T>
OpResult runDirections(const OpCall& call, const Recurrent& of) {
  const auto size = [](std::size_t value) { return static_cast<std::int64_t>(value); };
  const Shape all = {size(of.steps), size(of.directions), size(of.batch), size(of.hidden)};
  const Shape last = {size(of.directions), size(of.batch), size(of.hidden)};
  HALFSTEP_TRY(const NewTensor<T> y, newTensor<T>(all));
  HALFSTEP_TRY(const NewTensor<T> hidden, newTensor<T>(last));
  HALFSTEP_TRY(const NewTensor<T> cell, newTensor<T>(last));
  std::fill(y.values.begin(), y.values.end(), T(0)); // beyond the end of a sequence
  for (std::size_t index = 0; index < of.directions; ++index) {
    Direction<T> direction(of, index);
    HALFSTEP_CHECK(direction.run(call.job(), y.values, hidden.values, cell.values));
  }
  std::vector<Tensor> made = {y.finish(), hidden.finish()};
  if (of.cell == Cell::lstm) {
    made.push_back(cell.finish());
  }
  std::vector<Value> outputs;
  for (Tensor& tensor : made) {
    if (of.batchFirst && tensor.shape().size() == 4) {
      const std::size_t order[] = {2, 0, 1, 3};
      HALFSTEP_TRY(tensor, transposed(tensor, order));
    } else if (of.batchFirst) {
      HALFSTEP_TRY(tensor, exchanged(tensor));
    }
    outputs.push_back(std::move(tensor));
  }
  return outputs;
}

template <Cell kCell>
OpResult recurrent(const OpCall& call) {
  HALFSTEP_TRY(const Recurrent of, recurrentOf(call, kCell));
  switch (of.x.type()) {
  case ElementType::float32:
    return runDirections<float>(call, of);
  case ElementType::float64:
    return runDirections<double>(call, of);
  default:
    return call.fail("its X is no floating-point tensor");
  }
}

constexpr OperatorEntry kEntries[] = {
    {"", "GRU", recurrent<Cell::gru>, Widening::floats},
    {"", "LSTM", recurrent<Cell::lstm>, Widening::floats},
    {"", "RNN", recurrent<Cell::rnn>, Widening::floats},
};

} // namespace

std::span<const OperatorEntry> recurrentOperators() {
  return kEntries;
}

} // namespace halfstep
