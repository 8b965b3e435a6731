// RNN, GRU and LSTM, and com.microsoft's DynamicQuantizeLSTM. The names of gates and the formulas are those
// of the operators' specification.
#include "core/exec/operator_families.h"
#include "core/exec/operators/axis_rows.h"
#include "core/exec/operators/onednn.h"
#include "core/exec/operators/quantizing.h"
#include "core/exec/operators/recurrent_inputs.h"
#include "core/exec/operators/results.h"
#include "core/exec/operators/worth_sharing.h"
#include "core/exec/rearrange.h"

#include <numeric>

namespace halfstep {

namespace {

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
  const OneThread few(static_cast<std::int64_t>(rows * columns * length) < kRecurrenceWorthSharing);
  const auto size = [](std::size_t value) { return static_cast<dnnl::memory::dim>(value); };
  if (length == 0 || dnnl::sgemm('N', 'T', size(rows), size(columns), size(length), 1.0f, a, size(length), b,
                                 size(length), 0.0f, out, size(columns)) != dnnl::status::success) {
    std::fill_n(out, rows * columns, 0.0f);
  }
}

/// `values` as DynamicQuantizeLinear's codes stand for them.
Result<Tensor> dynamicallyRounded(const Tensor& values) {
  HALFSTEP_TRY(const DynamicQuantization codes, dynamicallyQuantized(values));
  const Elements<std::uint8_t> bytes(codes.values);
  HALFSTEP_TRY(const auto made, newTensor<float>(values.shape()));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    made.values[i] = static_cast<float>(int{bytes[i]} - int{codes.zeroPoint}) * codes.scale;
  }
  return made.finish();
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
      HALFSTEP_CHECK(project(step, atOnce));
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
  Result<void> project(std::size_t step, bool atOnce) {
    HALFSTEP_CHECK(projectState());
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
    return {};
  }

  /// h·Rᵀ
  Result<void> projectState() {
    T* const out = m_fromState.values.data();
    if constexpr (std::is_same_v<T, float>) {
      if (m_of.roundsStates) {
        const Shape shape{static_cast<std::int64_t>(m_of.batch), static_cast<std::int64_t>(m_of.hidden)};
        HALFSTEP_TRY(const Tensor state, floatTensor(shape, std::span(m_h, m_of.batch * m_of.hidden)));
        HALFSTEP_TRY(const Tensor rounded, dynamicallyRounded(state));
        timesTransposed(Elements<float>(rounded).data(), m_of.batch, recurrenceRow(0), m_rows, m_of.hidden,
                        out);
        return {};
      }
    }
    timesTransposed(m_h, m_of.batch, recurrenceRow(0), m_rows, m_of.hidden, out);
    return {};
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

/// The codes in input `index`, [directions, columns, rows], with scales and zero points in inputs `scaleAt`
/// and `scaleAt` + 1, one for each direction or for each of its rows: as LSTM's floats [directions, rows,
/// columns].
Result<Tensor> decodedWeights(const OpCall& call, std::size_t index, std::size_t scaleAt) {
  HALFSTEP_TRY(const Tensor codes, call.tensor(index));
  HALFSTEP_TRY(const Tensor scales, call.tensor(scaleAt));
  HALFSTEP_TRY(const Tensor zeros, optionalTensor(call, scaleAt + 1));
  const Shape& shape = codes.shape();
  const std::size_t directions = shape.empty() ? 0 : dimensionOf(shape, 0);
  const bool isBytes = codes.type() == ElementType::int8 || codes.type() == ElementType::uint8;
  if (shape.size() != 3 || !isBytes || scales.type() != ElementType::float32 || codes.count() == 0 ||
      (scales.count() != directions && scales.count() != directions * dimensionOf(shape, 2)) ||
      (zeros.type() != ElementType::undefined &&
       (zeros.type() != codes.type() || zeros.count() != scales.count()))) {
    return call.fail("weights " + shapeText(shape) + ", scales " + shapeText(scales.shape()) +
                     " and zero points do not fit together");
  }
  const std::size_t rows = dimensionOf(shape, 2);
  const std::size_t columns = dimensionOf(shape, 1);
  const std::size_t perDirection = scales.count() / directions;
  HALFSTEP_TRY(const auto made, newTensor<float>({shape[0], shape[2], shape[1]}));
  for (std::size_t i = 0; i < made.values.size(); ++i) {
    const std::size_t direction = i / (rows * columns);
    const std::size_t row = i / columns % rows;
    const std::size_t of = direction * perDirection + row % perDirection;
    const double zero = zeros.type() == ElementType::undefined ? 0.0 : zeros.valueAt(of);
    const double code = codes.valueAt((direction * columns + i % columns) * rows + row);
    made.values[i] = static_cast<float>(code - zero) * static_cast<float>(scales.valueAt(of));
  }
  return made.finish();
}

/// An LSTM of 8-bit weights that multiplies x and h as the codes that DynamicQuantizeLinear gives them: of
/// the whole x, and of h at every step. Sums are of float32 instead of integers. Source: ONNX Runtime's
/// docs/ContribOperators.md; that x is quantized as a whole is seen in its results.
OpResult dynamicQuantizeLstm(const OpCall& call) {
  std::vector<Value> inputs(call.inputs().begin(), call.inputs().end());
  inputs.resize(8); // those of an LSTM; scales and zero points follow
  HALFSTEP_TRY(inputs[1], decodedWeights(call, 1, 8));
  HALFSTEP_TRY(inputs[2], decodedWeights(call, 2, 10));
  HALFSTEP_TRY(const Tensor x, call.tensor(0));
  if (x.type() != ElementType::float32) {
    return call.fail("its X is not float32");
  }
  HALFSTEP_TRY(inputs[0], dynamicallyRounded(x));
  const OpCall::SubgraphRunner none = [&](const Graph&, std::vector<Value>) -> Result<std::vector<Value>> {
    return call.fail("it has no subgraphs");
  };
  const OpCall inner(call.node(), call.version(), inputs, call.job(), none);
  HALFSTEP_TRY(Recurrent of, recurrentOf(inner, Cell::lstm));
  of.roundsStates = true;
  return runDirections<float>(inner, of);
}

constexpr OperatorEntry kEntries[] = {
    {"", "GRU", recurrent<Cell::gru>, Widening::floats},
    {"", "LSTM", recurrent<Cell::lstm>, Widening::floats},
    {"", "RNN", recurrent<Cell::rnn>, Widening::floats},
    {"com.microsoft", "DynamicQuantizeLSTM", dynamicQuantizeLstm},
};

} // namespace

std::span<const OperatorEntry> recurrentOperators() {
  return kEntries;
}

} // namespace halfstep
