#include "core/exec/operators/primitive_tail.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

bool sameTensor(const Value& a, const Value& b) {
  if (a.isTensor() != b.isTensor()) {
    return false;
  }
  return !a.isTensor() ||
         (a.tensor().bytes().data() == b.tensor().bytes().data() &&
          a.tensor().shape() == b.tensor().shape() && a.tensor().type() == b.tensor().type());
}

bool isFloat(const Value& value) {
  return value.isTensor() && (dynamic_cast<const BlockedTensor*>(value.lazy()) != nullptr ||
                              value.tensor().type() == ElementType::float32);
}

/// One number per channel (axis `channels`) of an output of `shape`; nothing where `value` broadcasts
/// otherwise.
std::optional<std::vector<double>> perChannel(const Value& value, const Shape& shape, std::size_t channels) {
  if (!isFloat(value) || shapeOf(value).size() > shape.size()) {
    return std::nullopt;
  }
  const Shape& own = shapeOf(value);
  const std::size_t missing = shape.size() - own.size();
  for (std::size_t axis = missing; axis < shape.size(); ++axis) {
    if (own[axis - missing] != 1 && (axis != channels || own[axis - missing] != shape[channels])) {
      return std::nullopt;
    }
  }
  const Elements<float> values(value.tensor());
  std::vector<double> numbers(static_cast<std::size_t>(shape[channels]));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = static_cast<double>(values[values.size() == 1 ? 0 : i]);
  }
  return numbers;
}

/// The number of a Clip's limit; `fallback` where it is left out, nothing where it is no such number.
std::optional<float> limitOf(const TailStep& step, std::size_t index, const char* attribute, float fallback) {
  if (index >= step.inputs.size() || step.inputs[index].isAbsent()) {
    return step.node->real(attribute, fallback); // before opset 11
  }
  const Value& value = step.inputs[index];
  if (!step.constant || !isFloat(value) || value.tensor().count() != 1) {
    return std::nullopt;
  }
  return static_cast<float>(value.tensor().valueAt(0));
}

} // namespace

PrimitiveTail::PrimitiveTail(const Tail* tail, const Shape& shape, std::size_t axis, Weights weights)
    : m_shape(shape)
    , m_axis(axis)
    , m_weights(weights) {
  if (tail == nullptr) {
    return;
  }
  m_steps = tail->steps();
  while (m_done < m_steps.size() && addStep(m_steps[m_done], m_done)) {
    ++m_done;
  }
  for (TailStep& step : m_steps) { // the values of one run are not kept
    if (!step.constant) {
      step.inputs.clear();
    }
  }
}

bool PrimitiveTail::fits(const Tail* tail) const {
  const std::size_t count = tail != nullptr ? tail->steps().size() : 0;
  if (count != m_steps.size()) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const TailStep& now = tail->steps()[i];
    const TailStep& then = m_steps[i];
    if (now.node != then.node || now.constant != then.constant || now.flowing != then.flowing) {
      return false;
    }
    if (now.constant && !std::equal(now.inputs.begin(), now.inputs.end(), then.inputs.begin(),
                                    then.inputs.end(), sameTensor)) {
      return false;
    }
    if (m_residual == i) {
      const Value& added = now.inputs[1 - now.flowing];
      if (!isFloat(added) || shapeOf(added) != m_shape) {
        return false;
      }
    }
  }
  return true;
}

void PrimitiveTail::dropResidual() {
  m_done = std::min(m_done, m_residual.value_or(m_done));
  m_residual.reset();
  std::erase_if(m_activations, [&](const Activation& activation) { return activation.step >= m_done; });
}

bool PrimitiveTail::addStep(const TailStep& step, std::size_t index) {
  const std::string& op = step.node->opType;
  const bool first = !m_residual && m_activations.empty();
  if (op == "BatchNormalization") {
    return first && addNormalization(step);
  }
  if (op == "Add" || op == "Mul") {
    return (first && addAffine(step)) || (op == "Add" && addResidual(step, index));
  }
  return addActivation(step, index);
}

bool PrimitiveTail::addAffine(const TailStep& step) {
  const auto numbers =
      step.constant ? perChannel(step.inputs[1 - step.flowing], m_shape, m_axis) : std::nullopt;
  if (!numbers || (m_weights == Weights::fixed && step.node->opType != "Add")) {
    return false;
  }
  m_scale.resize(numbers->size(), 1.0);
  m_shift.resize(numbers->size(), 0.0);
  for (std::size_t i = 0; i < numbers->size(); ++i) {
    if (step.node->opType == "Add") {
      m_shift[i] += (*numbers)[i];
    } else {
      m_scale[i] *= (*numbers)[i];
      m_shift[i] *= (*numbers)[i];
    }
  }
  return true;
}

bool PrimitiveTail::addNormalization(const TailStep& step) {
  if (!step.constant || m_weights == Weights::fixed || m_axis != 1 || step.inputs.size() != 5 ||
      step.node->integer("training_mode", 0) != 0) {
    return false;
  }
  std::vector<std::vector<double>> parameters;
  for (std::size_t i = 1; i < 5; ++i) {
    const Value& value = step.inputs[i];
    if (!isFloat(value) || value.tensor().shape() != Shape{m_shape[1]}) {
      return false;
    }
    const Elements<float> values(value.tensor());
    parameters.emplace_back(values.begin(), values.end());
  }
  const auto epsilon = static_cast<double>(step.node->real("epsilon", 1e-5f));
  m_scale.resize(parameters[0].size(), 1.0);
  m_shift.resize(parameters[0].size(), 0.0);
  for (std::size_t i = 0; i < m_scale.size(); ++i) {
    const double factor = parameters[0][i] / std::sqrt(parameters[3][i] + epsilon);
    m_scale[i] *= factor;
    m_shift[i] = (m_shift[i] - parameters[2][i]) * factor + parameters[1][i];
  }
  return true;
}

bool PrimitiveTail::addResidual(const TailStep& step, std::size_t index) {
  const Value& added = step.inputs[1 - step.flowing];
  if (m_residual || !isFloat(added) || shapeOf(added) != m_shape) {
    return false;
  }
  m_residual = index;
  return true;
}

bool PrimitiveTail::addActivation(const TailStep& step, std::size_t index) {
  const std::string& op = step.node->opType;
  Activation made;
  made.step = index;
  if (op == "Relu") {
    made.algorithm = dnnl::algorithm::eltwise_relu;
  } else if (op == "LeakyRelu") {
    made.algorithm = dnnl::algorithm::eltwise_relu;
    made.alpha = step.node->real("alpha", 0.01f);
  } else if (op == "Sigmoid") {
    made.algorithm = dnnl::algorithm::eltwise_logistic;
  } else if (op == "Tanh") {
    made.algorithm = dnnl::algorithm::eltwise_tanh;
  } else if (op == "HardSwish") {
    made.algorithm = dnnl::algorithm::eltwise_hardswish;
  } else if (op == "Elu") {
    made.algorithm = dnnl::algorithm::eltwise_elu;
    made.alpha = step.node->real("alpha", 1.0f);
  } else if (op == "Clip") {
    const auto least = limitOf(step, 1, "min", std::numeric_limits<float>::lowest());
    const auto most = limitOf(step, 2, "max", std::numeric_limits<float>::max());
    if (!least || !most || !(*least <= *most)) {
      return false;
    }
    made.algorithm = dnnl::algorithm::eltwise_clip;
    made.alpha = *least;
    made.beta = *most;
  } else {
    return false;
  }
  m_activations.push_back(made);
  return true;
}

dnnl::primitive_attr PrimitiveTail::attributes(const dnnl::memory::desc* sum) const {
  dnnl::post_ops after;
  std::size_t next = 0;
  for (std::size_t step = 0; step < m_done; ++step) {
    if (m_residual == step && sum != nullptr) {
      after.append_binary(dnnl::algorithm::binary_add, *sum);
    } else if (next < m_activations.size() && m_activations[next].step == step) {
      const Activation& activation = m_activations[next++];
      after.append_eltwise(1.0f, activation.algorithm, activation.alpha, activation.beta);
    }
  }
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(after);
  return attributes;
}

int PrimitiveTail::residualArgument() const {
  const auto before =
      std::count_if(m_activations.begin(), m_activations.end(),
                    [&](const Activation& activation) { return activation.step < *m_residual; });
  return DNNL_ARG_ATTR_MULTIPLE_POST_OP(static_cast<int>(before)) | DNNL_ARG_SRC_1;
}

} // namespace halfstep
