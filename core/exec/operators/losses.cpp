// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss (from opset 12 on). Scores are [N, C, d1, …], labels
// [N, d1, …].
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/axis_rows.h"

#include <optional>

namespace halfstep {

namespace {

enum class Folding { none, sum, mean };

struct LossParameters {
  std::vector<std::int64_t> labels;
  Shape labelShape;
  std::vector<double> weights; ///< per class
  std::optional<std::int64_t> ignored;
  Folding folding = Folding::mean;
};

Result<Folding> folding(const OpCall& call) {
  const std::string name = call.text("reduction", "mean");
  if (name == "mean") {
    return Folding::mean;
  }
  if (name == "sum") {
    return Folding::sum;
  }
  if (name == "none") {
    return Folding::none;
  }
  return call.fail("its reduction is \"" + name + "\"");
}

/// One weight for each of `classes`; 1 where the input is left out.
Result<std::vector<double>> classWeights(const OpCall& call, std::int64_t classes) {
  if (!call.has(2)) {
    return std::vector<double>(static_cast<std::size_t>(classes), 1.0);
  }
  HALFSTEP_TRY(const Tensor weights, call.tensor(2));
  if (weights.shape() != Shape{classes}) {
    return call.fail("its weights are " + shapeText(weights.shape()) + " for " + std::to_string(classes) +
                     " classes");
  }
  std::vector<double> values(weights.count());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = weights.valueAt(i);
  }
  return values;
}

/// Reads and checks everything but the scores' elements.
Result<LossParameters> lossParameters(const OpCall& call, const Tensor& scores) {
  LossParameters loss;
  const Shape& shape = scores.shape();
  HALFSTEP_TRY(const Tensor labels, call.tensor(1));
  if (shape.size() < 2) {
    return call.fail("its scores are " + shapeText(shape) + ", expected [N, C, …]");
  }
  loss.labelShape = shape;
  loss.labelShape.erase(loss.labelShape.begin() + 1);
  if (labels.shape() != loss.labelShape) {
    return call.fail("its labels are " + shapeText(labels.shape()) + " for scores of " + shapeText(shape));
  }
  HALFSTEP_TRY(loss.labels, toIntegers(labels));
  if (scores.count() == 0 && !loss.labels.empty()) {
    return call.fail("there are no classes");
  }
  HALFSTEP_TRY(loss.folding, folding(call));
  if (call.hasAttribute("ignore_index")) {
    loss.ignored = call.integer("ignore_index", 0);
  }
  if (scores.count() > 0) {
    HALFSTEP_TRY(loss.weights, classWeights(call, shape[1]));
  }
  for (const std::int64_t label : loss.labels) {
    if (label != loss.ignored && (label < 0 || label >= shape[1])) {
      return call.fail("the label " + std::to_string(label) + " is none of " + std::to_string(shape[1]) +
                       " classes");
    }
  }
  return loss;
}

/// The loss from the logarithms of probabilities. The mean is weighted: Σ loss / Σ weight of the labels that
/// count.
template <class T>
Result<Tensor> negativeLogLikelihood(const T* logarithms, const AxisRows& around,
                                     const LossParameters& loss) {
  const bool single = loss.folding != Folding::none;
  HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(single ? Shape{} : loss.labelShape));
  double total = 0;
  double totalWeight = 0;
  for (std::size_t row = 0; row < loss.labels.size(); ++row) {
    double value = 0;
    if (loss.labels[row] != loss.ignored) {
      const auto label = static_cast<std::size_t>(loss.labels[row]);
      const double weight = loss.weights[label];
      value = -static_cast<double>(logarithms[around.start(row) + label * around.inner]) * weight;
      totalWeight += weight;
    }
    total += value;
    if (!single) {
      made.values[row] = static_cast<T>(value);
    }
  }
  if (single) {
    made.values[0] = static_cast<T>(loss.folding == Folding::mean ? total / totalWeight : total);
  }
  return made.finish();
}

/// log softmax along the classes: x − m − log Σ exp(x − m).
template <class T>
void logSoftmaxRow(const T* in, T* out, const AxisRows& around) {
  T most = -std::numeric_limits<T>::infinity();
  for (std::size_t i = 0; i < around.length; ++i) {
    most = std::max(most, in[i * around.inner]);
  }
  double total = 0;
  for (std::size_t i = 0; i < around.length; ++i) {
    total += static_cast<double>(std::exp(in[i * around.inner] - most));
  }
  const double shift = static_cast<double>(most) + std::log(total);
  for (std::size_t i = 0; i < around.length; ++i) {
    out[i * around.inner] = static_cast<T>(static_cast<double>(in[i * around.inner]) - shift);
  }
}

Error noFloats() {
  return {ErrorKind::failed, "its scores are no floating-point numbers"};
}

OpResult negativeLogLikelihoodLoss(const OpCall& call) {
  HALFSTEP_TRY(const Tensor scores, call.tensor(0));
  HALFSTEP_TRY(const LossParameters loss, lossParameters(call, scores));
  HALFSTEP_TRY(const AxisRows around, axisRows(scores.shape(), 1));
  return dispatchNumbers(scores.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    if constexpr (std::is_floating_point_v<T>) {
      const Elements<T> values(scores);
      HALFSTEP_TRY(Tensor result, negativeLogLikelihood<T>(values.data(), around, loss));
      return std::vector<Value>{std::move(result)};
    } else {
      return noFloats();
    }
  });
}

OpResult softmaxCrossEntropyLoss(const OpCall& call) {
  HALFSTEP_TRY(const Tensor scores, call.tensor(0));
  HALFSTEP_TRY(const LossParameters loss, lossParameters(call, scores));
  HALFSTEP_TRY(const AxisRows around, axisRows(scores.shape(), 1));
  return dispatchNumbers(scores.type(), [&]<class T>(TypeTag<T>) -> OpResult {
    if constexpr (std::is_floating_point_v<T>) {
      const Elements<T> values(scores);
      HALFSTEP_TRY(const NewTensor<T> logarithms, newTensor<T>(scores.shape()));
      forRows(around.rows, around.length, [&](std::size_t row) {
        const std::size_t start = around.start(row);
        logSoftmaxRow(values.data() + start, logarithms.values.data() + start, around);
      });
      HALFSTEP_TRY(Tensor result, negativeLogLikelihood<T>(logarithms.values.data(), around, loss));
      return std::vector<Value>{std::move(result), logarithms.finish()};
    } else {
      return noFloats();
    }
  });
}

constexpr OperatorEntry kEntries[] = {
    {"", "NegativeLogLikelihoodLoss", negativeLogLikelihoodLoss, Widening::floats},
    {"", "SoftmaxCrossEntropyLoss", softmaxCrossEntropyLoss, Widening::floats},
};

} // namespace

std::span<const OperatorEntry> lossesOperators() {
  return kEntries;
}

} // namespace halfstep
