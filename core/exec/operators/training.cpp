// The domain ai.onnx.preview.training: Gradient, and optimizers. Each of these takes the learning rate, the
// number of updates so far, and then groups of tensors: all variables, all their gradients, all their states
// of one kind, …
#include "core/exec/elements.h"
#include "core/exec/gradients/gradient_operator.h"
#include "core/exec/operator_families.h"

#include <cmath>

namespace halfstep {

namespace {

/// What one optimizer does to one element: `group` has the variable, its gradient and its states; the results
/// replace the variable (in 0) and the states (from 2 on).
using Update = std::function<void(double* group)>;

struct Step {
  double rate = 0;
  double time = 0;
  std::size_t variables = 0;
};

Result<Step> step(const OpCall& call, std::size_t groups) {
  Step step;
  HALFSTEP_TRY(step.rate, call.scalar(0));
  HALFSTEP_TRY(step.time, call.scalar(1));
  if (call.inputCount() < 2 + groups || (call.inputCount() - 2) % groups != 0) {
    return call.fail("it has " + std::to_string(call.inputCount()) +
                     " inputs, expected 2 and a multiple of " + std::to_string(groups));
  }
  step.variables = (call.inputCount() - 2) / groups;
  return step;
}

/// Updates one variable; its group's new tensors, without the gradient.
template <class T>
Result<std::vector<Tensor>> updated(const std::vector<Tensor>& group, const Update& update) {
  std::vector<std::unique_ptr<Elements<T>>> in;
  std::vector<NewTensor<T>> out;
  for (const Tensor& tensor : group) {
    in.push_back(std::make_unique<Elements<T>>(tensor));
    HALFSTEP_TRY(NewTensor<T> made, newTensor<T>(tensor.shape()));
    out.push_back(std::move(made));
  }
  std::vector<double> values(group.size());
  for (std::size_t i = 0; i < group.front().count(); ++i) {
    for (std::size_t k = 0; k < group.size(); ++k) {
      values[k] = static_cast<double>((*in[k])[i]);
    }
    update(values.data());
    for (std::size_t k = 0; k < group.size(); ++k) {
      out[k].values[i] = static_cast<T>(values[k]);
    }
  }
  std::vector<Tensor> results;
  for (std::size_t k = 0; k < group.size(); ++k) {
    if (k != 1) {
      results.push_back(out[k].finish());
    }
  }
  return results;
}

/// Applies `update` to every variable; the outputs are all variables, then all states of one kind, …
OpResult optimized(const OpCall& call, std::size_t groups, std::size_t variables, const Update& update) {
  std::vector<Value> outputs((groups - 1) * variables);
  for (std::size_t i = 0; i < variables; ++i) {
    std::vector<Tensor> group;
    for (std::size_t k = 0; k < groups; ++k) {
      HALFSTEP_TRY(Tensor tensor, call.tensor(2 + k * variables + i));
      if (k > 0 && (tensor.shape() != group.front().shape() || tensor.type() != group.front().type())) {
        return call.fail("a variable's gradient or state has another shape or type");
      }
      group.push_back(std::move(tensor));
    }
    const ElementType type = group.front().type();
    if (type != ElementType::float32 && type != ElementType::float64) {
      return call.fail("its variables are no floating-point numbers");
    }
    auto made = type == ElementType::float32 ? updated<float>(group, update) : updated<double>(group, update);
    HALFSTEP_TRY(const std::vector<Tensor> results, std::move(made));
    for (std::size_t k = 0; k < results.size(); ++k) {
      outputs[k * variables + i] = results[k];
    }
  }
  return outputs;
}

double realAttribute(const OpCall& call, std::string_view name, float fallback) {
  return static_cast<double>(call.real(name, fallback));
}

OpResult adagrad(const OpCall& call) {
  constexpr std::size_t kGroups = 3; // variables, gradients, accumulated squares
  HALFSTEP_TRY(const Step at, step(call, kGroups));
  const double rate = at.rate / (1.0 + at.time * realAttribute(call, "decay_factor", 0.0f));
  const double epsilon = realAttribute(call, "epsilon", 1e-6f);
  const double norm = realAttribute(call, "norm_coefficient", 0.0f);
  return optimized(call, kGroups, at.variables, [=](double* group) {
    const double gradient = norm * group[0] + group[1];
    group[2] += gradient * gradient;
    group[0] -= rate * gradient / (std::sqrt(group[2]) + epsilon);
  });
}

OpResult adam(const OpCall& call) {
  constexpr std::size_t kGroups = 4; // variables, gradients, averages of gradients and of their squares
  HALFSTEP_TRY(const Step at, step(call, kGroups));
  const double alpha = realAttribute(call, "alpha", 0.9f);
  const double beta = realAttribute(call, "beta", 0.999f);
  const double epsilon = realAttribute(call, "epsilon", 1e-6f);
  const double norm = realAttribute(call, "norm_coefficient", 0.0f);
  const double normAfter = realAttribute(call, "norm_coefficient_post", 0.0f);
  const double rate =
      at.time > 0 ? at.rate * std::sqrt(1.0 - std::pow(beta, at.time)) / (1.0 - std::pow(alpha, at.time))
                  : at.rate;
  return optimized(call, kGroups, at.variables, [=](double* group) {
    const double gradient = norm * group[0] + group[1];
    group[2] = alpha * group[2] + (1.0 - alpha) * gradient;
    group[3] = beta * group[3] + (1.0 - beta) * gradient * gradient;
    const double moved = group[0] - rate * group[2] / (std::sqrt(group[3]) + epsilon);
    group[0] = (1.0 - normAfter) * moved;
  });
}

OpResult momentum(const OpCall& call) {
  constexpr std::size_t kGroups = 3; // variables, gradients, momenta
  HALFSTEP_TRY(const Step at, step(call, kGroups));
  const std::string mode = call.text("mode", "standard");
  if (mode != "standard" && mode != "nesterov") {
    return call.fail("its mode is \"" + mode + "\"");
  }
  const bool nesterov = mode == "nesterov";
  const double rate = at.rate;
  const double alpha = realAttribute(call, "alpha", 0.0f);
  const double beta = at.time > 0 ? realAttribute(call, "beta", 0.0f) : 1.0;
  const double norm = realAttribute(call, "norm_coefficient", 0.0f);
  return optimized(call, kGroups, at.variables, [=](double* group) {
    const double gradient = norm * group[0] + group[1];
    group[2] = alpha * group[2] + beta * gradient;
    group[0] -= rate * (nesterov ? gradient + alpha * group[2] : group[2]);
  });
}

constexpr std::string_view kDomain = "ai.onnx.preview.training";

constexpr OperatorEntry kEntries[] = {
    {kDomain, "Adagrad", adagrad},
    {kDomain, "Adam", adam},
    {kDomain, "Gradient", gradientOfGraph},
    {kDomain, "Momentum", momentum},
};

} // namespace

std::span<const OperatorEntry> trainingOperators() {
  return kEntries;
}

} // namespace halfstep
