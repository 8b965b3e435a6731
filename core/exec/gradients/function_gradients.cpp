// Gradients of element-wise functions of one value: dx = dy · f'(x). At kinks the side that PyTorch takes.
#include "core/exec/gradients/gradient_steps.h"

#include <cmath>
#include <numbers>

namespace halfstep {

namespace {

using Gradient = Result<InputGradients>;

double logistic(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

/// `slope(x, y)`: the derivative where the function took x to y.
template <class F>
Gradient through(const GradientCall& call, const F& slope) {
  if (!call.wants(0)) {
    return InputGradients();
  }
  HALFSTEP_TRY(const Tensor given, call.op.tensor(0));
  HALFSTEP_TRY(const Tensor result, call.result());
  HALFSTEP_TRY(const Tensor arriving, call.first());
  const Elements<float> x(given);
  const Elements<float> y(result);
  const Elements<float> dy(arriving);
  HALFSTEP_TRY(Tensor made, filled(given.shape(), [&](std::size_t i) {
                 return static_cast<double>(dy[i]) *
                        slope(static_cast<double>(x[i]), static_cast<double>(y[i]));
               }));
  return onlyFor(0, std::move(made));
}

Gradient flat(const GradientCall&) { // steps: the slope is 0 wherever there is one
  return InputGradients();
}

Gradient relu(const GradientCall& call) {
  return through(call, [](double, double y) { return y > 0.0 ? 1.0 : 0.0; });
}

Gradient leakyRelu(const GradientCall& call) {
  const double alpha = call.op.real("alpha", 0.01f);
  return through(call, [=](double x, double) { return x > 0.0 ? 1.0 : alpha; });
}

Gradient thresholdedRelu(const GradientCall& call) {
  const double alpha = call.op.real("alpha", 1.0f);
  return through(call, [=](double x, double) { return x > alpha ? 1.0 : 0.0; });
}

Gradient elu(const GradientCall& call) {
  const double alpha = call.op.real("alpha", 1.0f);
  return through(call, [=](double x, double) { return x > 0.0 ? 1.0 : alpha * std::exp(x); });
}

Gradient selu(const GradientCall& call) {
  const double alpha = call.op.real("alpha", 1.67326319217681884765625f);
  const double gamma = call.op.real("gamma", 1.05070102214813232421875f);
  return through(call, [=](double x, double) { return gamma * (x > 0.0 ? 1.0 : alpha * std::exp(x)); });
}

Gradient celu(const GradientCall& call) {
  const double alpha = call.op.real("alpha", 1.0f);
  return through(call, [=](double x, double) { return x > 0.0 ? 1.0 : std::exp(x / alpha); });
}

Gradient clip(const GradientCall& call) { // at a limit, and within, values stay what they are
  return through(call, [](double x, double y) { return x == y ? 1.0 : 0.0; });
}

Gradient sigmoid(const GradientCall& call) {
  return through(call, [](double, double y) { return y * (1.0 - y); });
}

Gradient hardSigmoid(const GradientCall& call) {
  const double alpha = call.op.real("alpha", 0.2f);
  return through(call, [=](double, double y) { return y > 0.0 && y < 1.0 ? alpha : 0.0; });
}

Gradient hardSwish(const GradientCall& call) {
  return through(call, [](double x, double) { return x <= -3.0 ? 0.0 : (x >= 3.0 ? 1.0 : x / 3.0 + 0.5); });
}

Gradient tanhOf(const GradientCall& call) {
  return through(call, [](double, double y) { return 1.0 - y * y; });
}

Gradient erfOf(const GradientCall& call) {
  return through(call, [](double x, double) { return 2.0 * std::numbers::inv_sqrtpi * std::exp(-x * x); });
}

Gradient softplus(const GradientCall& call) {
  return through(call, [](double x, double) { return logistic(x); });
}

Gradient softsign(const GradientCall& call) {
  return through(call, [](double x, double) {
    const double below = 1.0 + std::abs(x);
    return 1.0 / (below * below);
  });
}

Gradient mish(const GradientCall& call) { // x·tanh(softplus(x))
  return through(call, [](double x, double) {
    const double t = std::tanh(std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))));
    return t + x * (1.0 - t * t) * logistic(x);
  });
}

double swishSlope(double x, double alpha) { // of x·σ(αx)
  const double s = logistic(alpha * x);
  return s + alpha * x * s * (1.0 - s);
}

Gradient swish(const GradientCall& call) {
  const double alpha = call.op.real("alpha", 1.0f);
  return through(call, [=](double x, double) { return swishSlope(x, alpha); });
}

Gradient quickGelu(const GradientCall& call) {
  const double alpha = call.op.real("alpha", 1.702f);
  return through(call, [=](double x, double) { return swishSlope(x, alpha); });
}

double geluSlope(double x) { // of x·Φ(x)
  return 0.5 * std::erfc(-x / std::numbers::sqrt2) +
         x * std::exp(-0.5 * x * x) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}

double tanhGeluSlope(double x) { // of x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
  const double factor = std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
  const double t = std::tanh(factor * (x + 0.044715 * x * x * x));
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * factor * (1.0 + 3.0 * 0.044715 * x * x);
}

Gradient gelu(const GradientCall& call) {
  const bool approximate = call.op.text("approximate", "none") == "tanh";
  return through(call, [=](double x, double) { return approximate ? tanhGeluSlope(x) : geluSlope(x); });
}

/// Of a sum of input 0 and the bias in input 1, where there is one.
template <class F>
Gradient throughBias(const GradientCall& call, const F& slope) {
  HALFSTEP_TRY(Tensor sum, call.op.tensor(0));
  HALFSTEP_TRY(const Tensor arriving, call.first());
  if (call.op.has(1)) {
    HALFSTEP_TRY(sum, runOperator(call, "Add", {sum, call.op.input(1)}));
  }
  const Elements<float> x(sum);
  const Elements<float> dy(arriving);
  HALFSTEP_TRY(Tensor made, filled(arriving.shape(), [&](std::size_t i) {
                 return static_cast<double>(dy[i]) * slope(static_cast<double>(x[i]));
               }));
  InputGradients all(2);
  if (call.wants(1)) {
    HALFSTEP_TRY(const Tensor bias, call.op.tensor(1));
    HALFSTEP_TRY(all[1], summedTo(made, bias.shape()));
  }
  all[0] = std::move(made);
  return all;
}

Gradient biasGelu(const GradientCall& call) {
  return throughBias(call, geluSlope);
}

Gradient fastGelu(const GradientCall& call) {
  return throughBias(call, tanhGeluSlope);
}

Gradient affine(const GradientCall& call) {
  const double alpha = call.op.real("alpha", 1.0f);
  return through(call, [=](double, double) { return alpha; });
}

Gradient scaledTanh(const GradientCall& call) { // alpha·tanh(beta·x)
  const double alpha = call.op.real("alpha", 1.0f);
  const double beta = call.op.real("beta", 1.0f);
  return through(call, [=](double x, double) {
    const double t = std::tanh(beta * x);
    return alpha * beta * (1.0 - t * t);
  });
}

Gradient expOf(const GradientCall& call) {
  return through(call, [](double, double y) { return y; });
}

Gradient logOf(const GradientCall& call) {
  return through(call, [](double x, double) { return 1.0 / x; });
}

Gradient sqrtOf(const GradientCall& call) {
  return through(call, [](double, double y) { return 0.5 / y; });
}

Gradient reciprocal(const GradientCall& call) {
  return through(call, [](double, double y) { return -y * y; });
}

Gradient negative(const GradientCall& call) {
  return through(call, [](double, double) { return -1.0; });
}

Gradient absolute(const GradientCall& call) {
  return through(call, [](double x, double) { return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : 0.0); });
}

Gradient sinOf(const GradientCall& call) {
  return through(call, [](double x, double) { return std::cos(x); });
}

Gradient cosOf(const GradientCall& call) {
  return through(call, [](double x, double) { return -std::sin(x); });
}

Gradient tanOf(const GradientCall& call) {
  return through(call, [](double, double y) { return 1.0 + y * y; });
}

Gradient atanOf(const GradientCall& call) {
  return through(call, [](double x, double) { return 1.0 / (1.0 + x * x); });
}

constexpr GradientEntry kFunctionGradients[] = {
    {"", "Abs", absolute},
    {"", "Affine", affine},
    {"", "Atan", atanOf},
    {"", "Ceil", flat},
    {"", "Celu", celu},
    {"", "Clip", clip},
    {"", "Cos", cosOf},
    {"", "Elu", elu},
    {"", "Erf", erfOf},
    {"", "Exp", expOf},
    {"", "Floor", flat},
    {"", "Gelu", gelu},
    {"", "HardSigmoid", hardSigmoid},
    {"", "HardSwish", hardSwish},
    {"", "LeakyRelu", leakyRelu},
    {"", "Log", logOf},
    {"", "Mish", mish},
    {"", "Neg", negative},
    {"", "Reciprocal", reciprocal},
    {"", "Relu", relu},
    {"", "Round", flat},
    {"", "ScaledTanh", scaledTanh},
    {"", "Selu", selu},
    {"", "Sigmoid", sigmoid},
    {"", "Sign", flat},
    {"", "Sin", sinOf},
    {"", "Softplus", softplus},
    {"", "Softsign", softsign},
    {"", "Sqrt", sqrtOf},
    {"", "Swish", swish},
    {"", "Tan", tanOf},
    {"", "Tanh", tanhOf},
    {"", "ThresholdedRelu", thresholdedRelu},
    {"com.microsoft", "BiasGelu", biasGelu},
    {"com.microsoft", "FastGelu", fastGelu},
    {"com.microsoft", "Gelu", gelu},
    {"com.microsoft", "QuickGelu", quickGelu},
};

} // namespace

std::span<const GradientEntry> functionGradients() {
  return kFunctionGradients;
}

} // namespace halfstep
