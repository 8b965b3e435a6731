// What a search chooses from, made of sweeps: above all of those whose figures are no numbers.
#include "core/analysis/search_space.h"
#include "core/quant/scheme_grammar.h"
#include "tests/analysis/small_network.h"
#include "tests/support/test_case.h"

#include <array>
#include <cmath>
#include <limits>

using namespace halfstep;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

/// A sweep of `model` under int8 and int4 in which the damages (KL) are these, layer by layer.
Sensitivity sweepOf(const Model& model, const std::vector<std::array<double, 2>>& damages) {
  Sensitivity sweep;
  sweep.samples = 1;
  sweep.metric = OutputMetric::kl;
  sweep.schemes = {parseScheme("int8").value(), parseScheme("int4").value()};
  for (const Layer& layer : model.layers) {
    sweep.layers.push_back(layer.name);
  }
  sweep.left.resize(sweep.layers.size());
  for (const auto& layer : damages) {
    for (const double damage : layer) {
      OutputFigures figures;
      figures.rows = 1;
      figures.divergence = damage;
      sweep.cells.push_back({{figures}});
    }
  }
  return sweep;
}

} // namespace

class SearchSpaceTest : public test::TestCase {
  Q_OBJECT

private slots:
  void damagesThatAreNoNumbersAreNoCandidates() {
    const auto model = test::smallNetwork();
    const auto sizeOf = [&](std::size_t layer, const char* scheme) {
      return plannedBytes(model->layers[layer], parseScheme(scheme).value());
    };
    const Sensitivity sweep = sweepOf(*model, {{{kNan, 0.2}}, {{0.1, kInfinite}}, {{0.1, 0.2}}});
    const auto space = makeSearchSpace(*model, sweep, {});
    VERIFY_OK(space);
    QVERIFY(space->problem.items[0].candidates[0].empty());
    QVERIFY(space->problem.items[1].candidates[1].empty());
    QVERIFY(std::isnan(space->damageOf(0, {sweep.schemes[0], {}})));
    // int8 for all, but for the first layer, whose first candidate is int4.
    QCOMPARE(space->largestUniform(PlanQuantity::size),
             sizeOf(0, "int4") + sizeOf(1, "int8") + sizeOf(2, "int8"));
    const auto frontier =
        searchFrontier(space->problem, static_cast<std::size_t>(PlanQuantity::size), 16, {});
    VERIFY_OK(frontier);
    QVERIFY(!frontier->empty());
    for (const SearchSolution& plan : *frontier) {
      QVERIFY(std::isfinite(plan.totals[0]));
      QVERIFY(plan.choices[0] != 0 && plan.choices[1] != 1);
    }
  }

  void aLayerWithoutAnyIsNamed() {
    const auto model = test::smallNetwork();
    const Sensitivity sweep = sweepOf(*model, {{{0.1, 0.2}}, {{kNan, kInfinite}}, {{0.1, 0.2}}});
    const auto space = makeSearchSpace(*model, sweep, {}); // that float would be possible tells nobody
    QVERIFY(!space);
    QCOMPARE(space.error().kind, ErrorKind::usage);
    QVERIFY(space.error().message().find("layer c2") != std::string::npos);
    SearchSpaceOptions pinned;
    pinned.pinned["c2"] = {sweep.schemes[0], {}};
    const auto without = makeSearchSpace(*model, sweep, pinned);
    VERIFY_OK(without);
    VERIFY_OK(solveExactly(without->problem, {}, {}));
    QVERIFY(without->largestUniform(PlanQuantity::size) > 0.0);
  }
};

QTEST_GUILESS_MAIN(SearchSpaceTest)
#include "tst_search_space.moc"
