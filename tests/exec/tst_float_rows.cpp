// Rows of floats against the same functions in double, within what float_functions.h promises.
#include "core/exec/operators/float_rows.h"
#include "tests/support/test_case.h"

#include <cmath>
#include <limits>
#include <vector>

using namespace halfstep;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const float kNaN = std::numeric_limits<float>::quiet_NaN();

using Row = void (*)(const float*, float*, std::size_t);

struct Function {
  const char* name;
  Row row;
  double (*exact)(double);
  double relative; ///< error allowed, of the value
  double absolute; ///< and of 1 or |x|, whichever is more
};

double normalGelu(double x) {
  return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
}

double tanhGelu(double x) {
  return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

const std::vector<Function>& functions() {
  static const std::vector<Function> all{
      {"exp", exponentials, [](double x) { return std::exp(x); }, 3e-7, 0.0},
      {"logistic", logistics, [](double x) { return 1.0 / (1.0 + std::exp(-x)); }, 4e-7, 0.0},
      {"tanh", hyperbolicTangents, [](double x) { return std::tanh(x); }, 4e-7, 0.0},
      {"erf", errorFunctions, [](double x) { return std::erf(x); }, 1.5e-7, 0.0},
      {"Gelu", normalGelus, normalGelu, 0.0, 2e-7},
      {"Gelu by tanh", tanhGelus, tanhGelu, 0.0, 4e-7}};
  return all;
}

bool isWithin(const Function& function, float x, float value, double slack = 1.0) {
  const double exact = function.exact(static_cast<double>(x));
  const double allowed = function.relative * std::abs(exact) +
                         function.absolute * std::max(1.0, std::abs(static_cast<double>(x)));
  return std::abs(static_cast<double>(value) - exact) <= slack * allowed;
}

} // namespace

class FloatRowsTest : public test::TestCase {
  Q_OBJECT
private slots:
  void functionsAreAsCloseAsTheySay() {
    std::vector<float> x;
    for (int i = -80000; i <= 80000; ++i) {
      x.push_back(static_cast<float>(i) * 1e-3f);
    }
    x.insert(x.end(), {1e-10f, -1e-10f, 0.91999f, 0.92f, -0.92f, 3.99999f, 4.0f, 5.65f, -5.65f, -5.7f});
    std::vector<float> y(x.size());
    for (const Function& function : functions()) {
      function.row(x.data(), y.data(), x.size());
      bool canFail = false;
      for (std::size_t i = 0; i < x.size(); ++i) {
        QVERIFY2(isWithin(function, x[i], y[i]),
                 (std::string(function.name) + " of " + std::to_string(x[i]) + " is " + std::to_string(y[i]))
                     .c_str());
        canFail = canFail || !isWithin(function, x[i], y[i] * (1.0f + 4e-6f));
      }
      QVERIFY(canFail);
    }
  }

  void whatIsNoNumberStaysSo() {
    const std::vector<float> x(37, kNaN);
    std::vector<float> y(37);
    for (const Function& function : functions()) {
      function.row(x.data(), y.data(), x.size());
      QVERIFY2(std::all_of(y.begin(), y.end(), [](float v) { return std::isnan(v); }), function.name);
    }
    const float ends[] = {-kInfinity, kInfinity, -1e30f, 1e30f, -0.0f};
    float out[5];
    errorFunctions(ends, out, 5);
    QCOMPARE(out[0], -1.0f);
    QCOMPARE(out[1], 1.0f);
    QCOMPARE(out[2], -1.0f);
    QCOMPARE(out[3], 1.0f);
    QVERIFY(out[4] == 0.0f);
    normalGelus(ends + 2, out, 2);
    QVERIFY(out[0] == 0.0f);
    QCOMPARE(out[1], 1e30f);
  }

  void sumsAndExtremesOfEveryLength() {
    for (std::size_t count = 0; count < 70; ++count) {
      std::vector<float> x(count);
      double sum = 0.0;
      double squares = 0.0;
      float most = -kInfinity;
      for (std::size_t i = 0; i < count; ++i) {
        x[i] = static_cast<float>((i * 37) % 23) - 25.5f;
        sum += static_cast<double>(x[i]);
        squares += (static_cast<double>(x[i]) - 0.5) * (static_cast<double>(x[i]) - 0.5);
        most = std::max(most, x[i]);
      }
      QCOMPARE(sumOf(x.data(), count), sum); // multiples of a half: exact in every order
      QCOMPARE(squaredDistances(x.data(), 0.5, count), squares);
      QCOMPARE(largestOf(x.data(), count), most);
    }
    std::vector<float> x(40, -3.0f);
    x[7] = kNaN;
    x[39] = kNaN;
    x[21] = 2.0f;
    QCOMPARE(largestOf(x.data(), x.size()), 2.0f);
    QVERIFY(std::isnan(sumOf(x.data(), x.size())));
  }

  void softmaxAndNormalization() {
    for (const std::size_t count : {std::size_t{1}, std::size_t{5}, std::size_t{16}, std::size_t{77}}) {
      std::vector<float> x(count);
      for (std::size_t i = 0; i < count; ++i) {
        x[i] = std::sin(static_cast<float>(i)) * 30.0f + 1000.0f;
      }
      double total = 0.0;
      for (const float value : x) {
        total += std::exp(static_cast<double>(value) - 1000.0);
      }
      std::vector<float> y(count);
      softmaxOf(x.data(), y.data(), count);
      for (std::size_t i = 0; i < count; ++i) {
        const double exact = std::exp(static_cast<double>(x[i]) - 1000.0) / total;
        QVERIFY(std::abs(static_cast<double>(y[i]) - exact) <= 1e-6 * exact);
      }
      normalizedBy(x.data(), 999.0, 0.25, x.data(), nullptr, y.data(), count);
      QCOMPARE(y.back(), static_cast<float>((static_cast<double>(x.back()) - 999.0) * 0.25 *
                                            static_cast<double>(x.back())));
      const std::vector<float> bias(count, 3.0f);
      normalizedBy(x.data(), 999.0, 0.25, x.data(), bias.data(), y.data(), count);
      QCOMPARE(y.back(),
               static_cast<float>(
                   (static_cast<double>(x.back()) - 999.0) * 0.25 * static_cast<double>(x.back()) + 3.0));
    }
  }
};

QTEST_GUILESS_MAIN(FloatRowsTest)
#include "tst_float_rows.moc"
