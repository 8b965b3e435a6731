#include "core/exec/operators/recurrent_activation.h"

#include "core/exec/operators/float_rows.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

using Scalar = double (*)(double x, double alpha, double beta);

struct KnownActivation {
  std::string_view name; ///< lower case: models spell them either way
  Scalar function;
  Scalar slope;
  int parameters; ///< how many it takes of alpha and beta
  double alpha = 0;
  double beta = 0;
};

double logistic(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}
double squared(double x) {
  return x * x;
}

/// Formulas and defaults of the ONNX operators of the same names.
constexpr KnownActivation kKnown[] = {
    {"affine", [](double x, double alpha, double beta) { return alpha * x + beta; },
     [](double, double alpha, double) { return alpha; }, 2, 1.0, 0.0},
    {"elu", [](double x, double alpha, double) { return x >= 0 ? x : alpha * std::expm1(x); },
     [](double x, double alpha, double) { return x >= 0 ? 1.0 : alpha * std::exp(x); }, 1, 1.0},
    {"hardsigmoid",
     [](double x, double alpha, double beta) { return std::clamp(alpha * x + beta, 0.0, 1.0); },
     [](double x, double alpha, double beta) {
       const double y = alpha * x + beta;
       return y > 0.0 && y < 1.0 ? alpha : 0.0;
     },
     2, 0.2, 0.5},
    {"leakyrelu", [](double x, double alpha, double) { return x >= 0 ? x : alpha * x; },
     [](double x, double alpha, double) { return x >= 0 ? 1.0 : alpha; }, 1, 0.01},
    {"relu", [](double x, double, double) { return std::max(x, 0.0); },
     [](double x, double, double) { return x > 0 ? 1.0 : 0.0; }, 0},
    {"scaledtanh", [](double x, double alpha, double beta) { return alpha * std::tanh(beta * x); },
     [](double x, double alpha, double beta) { return alpha * beta * (1.0 - squared(std::tanh(beta * x))); },
     2, 1.0, 1.0},
    {"sigmoid", [](double x, double, double) { return logistic(x); },
     [](double x, double, double) { return logistic(x) * logistic(-x); }, 0},
    {"softplus",
     [](double x, double, double) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); },
     [](double x, double, double) { return logistic(x); }, 0},
    {"softsign", [](double x, double, double) { return x / (1.0 + std::abs(x)); },
     [](double x, double, double) { return 1.0 / squared(1.0 + std::abs(x)); }, 0},
    {"tanh", [](double x, double, double) { return std::tanh(x); },
     [](double x, double, double) { return 1.0 - squared(std::tanh(x)); }, 0},
    {"thresholdedrelu", [](double x, double alpha, double) { return x > alpha ? x : 0.0; },
     [](double x, double alpha, double) { return x > alpha ? 1.0 : 0.0; }, 1, 1.0},
};

using RowFunction = void (*)(float* values, std::size_t count);

RowFunction rowOf(std::string_view name) {
  if (name == "sigmoid") {
    return [](float* values, std::size_t count) { logistics(values, values, count); };
  }
  if (name == "tanh") {
    return [](float* values, std::size_t count) { hyperbolicTangents(values, values, count); };
  }
  return nullptr;
}

std::string lowerCase(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return name;
}

} // namespace

Result<std::vector<RecurrentActivation>>
recurrentActivations(const OpCall& call, const std::vector<std::string>& defaults, std::size_t directions) {
  std::vector<std::string> names = call.texts("activations");
  if (names.empty()) {
    names = defaults;
  }
  if (names.size() == defaults.size() && directions == 2) { // the same ones for both
    const std::vector<std::string> first = names;
    names.insert(names.end(), first.begin(), first.end());
  }
  if (names.size() != defaults.size() * directions) {
    return call.fail("it has " + std::to_string(names.size()) + " activations, expected " +
                     std::to_string(defaults.size() * directions));
  }
  // The lists have values only for those functions that take them, in order.
  const std::vector<float> alphas = call.reals("activation_alpha");
  const std::vector<float> betas = call.reals("activation_beta");
  std::size_t nextAlpha = 0;
  std::size_t nextBeta = 0;
  std::vector<RecurrentActivation> activations;
  for (const std::string& name : names) {
    const auto known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                    [&](const KnownActivation& one) { return one.name == lowerCase(name); });
    if (known == std::end(kKnown)) {
      return call.unsupported("the activation \"" + name + "\" is not known");
    }
    RecurrentActivation activation{known->function, known->slope, known->alpha, known->beta,
                                   rowOf(known->name)};
    if (known->parameters >= 1 && nextAlpha < alphas.size()) {
      activation.alpha = static_cast<double>(alphas[nextAlpha++]);
    }
    if (known->parameters >= 2 && nextBeta < betas.size()) {
      activation.beta = static_cast<double>(betas[nextBeta++]);
    }
    activations.push_back(activation);
  }
  return activations;
}

} // namespace halfstep
