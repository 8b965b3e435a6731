// The comparison of a written model with its forecast: how far apart they are, and what rounding alone does.
#include "core/analysis/forecast_check.h"
#include "core/quant/scheme_grammar.h"
#include "tests/analysis/small_network.h"
#include "tests/support/test_case.h"

#include <cmath>

using namespace halfstep;

class ForecastCheckTest : public test::TestCase {
  Q_OBJECT

  static ForecastCheck compared(const Plan& plan, const std::shared_ptr<const Model>& written) {
    const auto original = test::smallNetwork();
    const Executor first = Executor::create(original).value();
    const Executor second = Executor::create(written).value();
    const Simulation simulation(original, nullptr);
    return checkForecast(first, simulation, plan, second, test::SmallSamples(4), 0, {}).value();
  }

private slots:
  void equalModelsAreEqual() {
    const ForecastCheck check = compared({}, test::smallNetwork());
    QCOMPARE(check.samples, std::size_t{4});
    QVERIFY(std::isinf(check.sqnr));
    QCOMPARE(check.largestRelative, 0.0);
    QVERIFY(std::isnan(check.ownNoise)); // nobody asks
  }

  /// A model that is not what was forecast is far from it, and rounding is not why.
  void otherWeightsAreNoRounding() {
    Plan plan;
    plan.fallback.weights = parseScheme("int2:tensor").value();
    const ForecastCheck check = compared(plan, test::smallNetwork());
    QVERIFY2(check.sqnr < kGoodAgreement, qPrintable(QString::number(check.sqnr)));
    QVERIFY2(check.ownNoise > 90.0, qPrintable(QString::number(check.ownNoise)));
    QVERIFY(std::isfinite(check.ownNoise));                                  // the inputs were changed
    QCOMPARE(compared(plan, test::smallNetwork()).ownNoise, check.ownNoise); // by the same numbers every time
  }
};

QTEST_GUILESS_MAIN(ForecastCheckTest)
#include "tst_forecast_check.moc"
