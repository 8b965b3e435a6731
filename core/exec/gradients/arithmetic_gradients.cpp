// Gradients of element-wise operators of several values, whose operands are broadcast: what arrives is summed
// over the axes along which an operand was repeated.
#include "core/exec/gradients/gradient_steps.h"

#include "core/exec/rearrange.h"

#include <cmath>

namespace halfstep {

namespace {

using Gradient = Result<InputGradients>;

/// Two operands in the shape of the result.
struct Operands {
  Tensor arriving;
  Tensor a;
  Tensor b;
  Shape aShape;
  Shape bShape;
};

Result<Operands> operands(const GradientCall& call) {
  if (call.op.version() < 7 && call.op.hasAttribute("axis")) {
    return call.op.unsupported("its gradient is not known for the broadcasting of opsets before 7");
  }
  Operands made;
  HALFSTEP_TRY(made.arriving, call.first());
  HALFSTEP_TRY(made.a, call.op.tensor(0));
  HALFSTEP_TRY(made.b, call.op.tensor(1));
  made.aShape = made.a.shape();
  made.bShape = made.b.shape();
  HALFSTEP_TRY(made.a, broadcasted(made.a, made.arriving.shape()));
  HALFSTEP_TRY(made.b, broadcasted(made.b, made.arriving.shape()));
  return made;
}

/// `slopeA(a, b)`, `slopeB(a, b)`: the partial derivatives.
template <class A, class B>
Gradient throughBoth(const GradientCall& call, const A& slopeA, const B& slopeB) {
  HALFSTEP_TRY(const Operands all, operands(call));
  const Elements<float> dy(all.arriving);
  const Elements<float> a(all.a);
  const Elements<float> b(all.b);
  const auto part = [&](const auto& slope, const Shape& shape) -> Result<Tensor> {
    HALFSTEP_TRY(const Tensor made, filled(all.arriving.shape(), [&](std::size_t i) {
                   return static_cast<double>(dy[i]) *
                          slope(static_cast<double>(a[i]), static_cast<double>(b[i]));
                 }));
    return summedTo(made, shape);
  };
  InputGradients made(2);
  if (call.wants(0)) {
    HALFSTEP_TRY(made[0], part(slopeA, all.aShape));
  }
  if (call.wants(1)) {
    HALFSTEP_TRY(made[1], part(slopeB, all.bShape));
  }
  return made;
}

double one(double, double) {
  return 1.0;
}
double minusOne(double, double) {
  return -1.0;
}

Gradient sub(const GradientCall& call) {
  return throughBoth(call, one, minusOne);
}

Gradient mul(const GradientCall& call) {
  return throughBoth(
      call, [](double, double b) { return b; }, [](double a, double) { return a; });
}

Gradient div(const GradientCall& call) {
  return throughBoth(
      call, [](double, double b) { return 1.0 / b; }, [](double a, double b) { return -a / (b * b); });
}

Gradient pow(const GradientCall& call) {
  if (call.wants(1)) {
    return call.op.unsupported("its gradient is known for constant exponents only");
  }
  HALFSTEP_TRY(const Tensor exponent, call.op.tensor(1));
  HALFSTEP_TRY(const Tensor base, call.op.tensor(0));
  HALFSTEP_TRY(const Tensor arriving, call.first());
  HALFSTEP_TRY(const std::vector<float> values, toFloats(exponent, call.op.job()));
  HALFSTEP_TRY(const NewTensor<float> copy, newTensor<float>(exponent.shape())); // it may be an integer
  std::copy(values.begin(), values.end(), copy.values.begin());
  HALFSTEP_TRY(const Tensor wideExponent, broadcasted(copy.finish(), arriving.shape()));
  HALFSTEP_TRY(const Tensor wideBase, broadcasted(base, arriving.shape()));
  const Elements<float> dy(arriving);
  const Elements<float> x(wideBase);
  const Elements<float> p(wideExponent);
  HALFSTEP_TRY(const Tensor made, filled(arriving.shape(), [&](std::size_t i) {
                 const auto power = static_cast<double>(p[i]);
                 return power == 0.0 ? 0.0
                                     : static_cast<double>(dy[i]) * power *
                                           std::pow(static_cast<double>(x[i]), power - 1.0);
               }));
  HALFSTEP_TRY(Tensor summed, summedTo(made, base.shape()));
  return onlyFor(0, std::move(summed));
}

Gradient prelu(const GradientCall& call) {
  if (call.op.version() < 7) {
    return call.op.unsupported("its gradient is not known for the broadcasting of opsets before 7");
  }
  return throughBoth(
      call, [](double x, double slope) { return x > 0.0 ? 1.0 : slope; },
      [](double x, double) { return x > 0.0 ? 0.0 : x; });
}

/// Each of any number of operands gets what arrives, times `factor`.
Gradient spread(const GradientCall& call, double factor) {
  if (call.op.version() < 7 && call.op.hasAttribute("axis")) {
    return call.op.unsupported("its gradient is not known for the broadcasting of opsets before 7");
  }
  HALFSTEP_TRY(Tensor arriving, call.first());
  if (factor != 1.0) {
    const Elements<float> dy(arriving);
    HALFSTEP_TRY(arriving, filled(arriving.shape(),
                                  [&](std::size_t i) { return factor * static_cast<double>(dy[i]); }));
  }
  InputGradients made(call.op.inputCount());
  for (std::size_t input = 0; input < made.size(); ++input) {
    if (call.wants(input)) {
      HALFSTEP_TRY(const Tensor operand, call.op.tensor(input));
      HALFSTEP_TRY(made[input], summedTo(arriving, operand.shape()));
    }
  }
  return made;
}

Gradient sum(const GradientCall& call) {
  return spread(call, 1.0);
}

Gradient mean(const GradientCall& call) {
  return spread(call, 1.0 / static_cast<double>(call.op.inputCount()));
}

/// Max and Min: to the operand that was taken, to equal ones in equal parts.
Gradient extreme(const GradientCall& call) {
  HALFSTEP_TRY(const Tensor arriving, call.first());
  HALFSTEP_TRY(const Tensor result, call.result());
  const Elements<float> dy(arriving);
  const Elements<float> y(result);
  std::vector<Tensor> wide;
  std::vector<float> takers(y.size(), 0.0f);
  for (std::size_t input = 0; input < call.op.inputCount(); ++input) {
    HALFSTEP_TRY(const Tensor operand, call.op.tensor(input));
    HALFSTEP_TRY(Tensor spreadOut, broadcasted(operand, arriving.shape()));
    const Elements<float> x(spreadOut);
    for (std::size_t i = 0; i < x.size(); ++i) {
      takers[i] += x[i] == y[i] ? 1.0f : 0.0f;
    }
    wide.push_back(std::move(spreadOut));
  }
  InputGradients made(wide.size());
  for (std::size_t input = 0; input < wide.size(); ++input) {
    if (!call.wants(input)) {
      continue;
    }
    const Elements<float> x(wide[input]);
    HALFSTEP_TRY(const Tensor part, filled(arriving.shape(), [&](std::size_t i) {
                   return x[i] == y[i] ? dy[i] / takers[i] : 0.0f;
                 }));
    HALFSTEP_TRY(const Tensor operand, call.op.tensor(input));
    HALFSTEP_TRY(made[input], summedTo(part, operand.shape()));
  }
  return made;
}

constexpr GradientEntry kArithmeticGradients[] = {
    {"", "Add", sum}, {"", "Div", div}, {"", "Max", extreme}, {"", "Mean", mean},   {"", "Min", extreme},
    {"", "Mul", mul}, {"", "Pow", pow}, {"", "Sub", sub},     {"", "PRelu", prelu}, {"", "Sum", sum},
};

} // namespace

std::span<const GradientEntry> arithmeticGradients() {
  return kArithmeticGradients;
}

} // namespace halfstep
