// The search for plans: the solvers against each other, exhaustive search and a published assignment.
#include "core/analysis/plan_search.h"
#include "tests/support/test_case.h"

#include <array>
#include <chrono>
#include <cmath>
#include <optional>
#include <random>
#include <stop_token>

using namespace halfstep;

namespace {

/// Items with candidates of falling damage and rising costs, in no simple proportion.
SearchProblem randomProblem(std::uint64_t seed, std::size_t items, std::size_t candidates,
                            std::size_t costs) {
  std::mt19937_64 random(seed);
  const auto real = [&](double low, double high) {
    return low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53;
  };
  SearchProblem problem;
  problem.quantities.emplace_back("damage");
  for (std::size_t cost = 0; cost < costs; ++cost) {
    problem.quantities.push_back("cost " + std::to_string(cost));
  }
  for (std::size_t i = 0; i < items; ++i) {
    SearchItem item{"layer " + std::to_string(i), {}};
    const double size = std::exp(real(0.0, 6.0));
    const double weight = std::exp(real(-6.0, 2.0));
    for (std::size_t c = 0; c < candidates; ++c) {
      const double bits = 2.0 + static_cast<double>(c);
      Quantities candidate = {weight * std::exp2(-1.3 * bits) * real(0.5, 2.0)};
      for (std::size_t cost = 0; cost < costs; ++cost) {
        candidate.push_back(size * bits * real(0.8, 1.2));
      }
      item.candidates.push_back(std::move(candidate));
    }
    problem.items.push_back(std::move(item));
  }
  return problem;
}

double extreme(const SearchProblem& problem, std::size_t quantity, bool largest) {
  double sum = 0.0;
  for (const SearchItem& item : problem.items) {
    double best = largest ? 0.0 : 1e300;
    for (const Quantities& candidate : item.candidates) {
      if (!candidate.empty()) {
        best = largest ? std::max(best, candidate[quantity]) : std::min(best, candidate[quantity]);
      }
    }
    sum += best;
  }
  return sum;
}

void limitTo(SearchProblem& problem, std::size_t quantity, double share) {
  const double low = extreme(problem, quantity, false);
  const double high = extreme(problem, quantity, true);
  problem.limits.push_back({quantity, low + share * (high - low)});
}

bool tiesHold(const SearchProblem& problem, const std::vector<std::size_t>& choices) {
  for (const auto& tie : problem.ties) {
    for (const std::size_t item : tie) {
      if (choices[item] != choices[tie.front()]) {
        return false;
      }
    }
  }
  return true;
}

/// Every choice tried. Nothing where none is within the limits.
std::optional<double> bestOfAll(const SearchProblem& problem) {
  std::vector<std::size_t> choices(problem.items.size(), 0);
  std::optional<double> best;
  while (true) {
    bool possible = tiesHold(problem, choices);
    for (std::size_t i = 0; possible && i < choices.size(); ++i) {
      possible = !problem.items[i].candidates[choices[i]].empty();
    }
    if (possible) {
      const Quantities totals = totalsOf(problem, choices);
      bool within = true;
      for (const SearchLimit& limit : problem.limits) {
        within = within && totals[limit.quantity] <= limit.atMost;
      }
      if (within && (!best || totals[problem.objective] < *best)) {
        best = totals[problem.objective];
      }
    }
    std::size_t i = 0;
    while (i < choices.size() && ++choices[i] == problem.items[i].candidates.size()) {
      choices[i++] = 0;
    }
    if (i == choices.size()) {
      return best;
    }
  }
}

/// ResNet-18 of HAWQ-V3: the inner layers' Hessian traces, squared weight errors at 8 and 4 bits, parameters,
/// operations and latencies on a T4. Source: Zhen-Dong/HAWQ, ILP.ipynb.
constexpr std::size_t kHawqLayers = 19;
constexpr std::array<double, kHawqLayers> kTrace = {
    0.06857826, 0.03162379, 0.03298575, 0.01205663, 0.02222431, 0.00596336, 0.06931772,
    0.00807129, 0.00372905, 0.00530698, 0.00209011, 0.00737569, 0.00210454, 0.00151197,
    0.00158041, 0.00078146, 0.00451841, 0.00098745, 0.00072944};
constexpr std::array<double, kHawqLayers> kError8 = {0.0235, 0.0125, 0.0102, 0.0082, 0.0145, 0.0344, 0.0023,
                                                     0.0287, 0.0148, 0.0333, 0.0682, 0.0027, 0.0448, 0.0336,
                                                     0.0576, 0.1130, 0.0102, 0.0947, 0.0532};
constexpr std::array<double, kHawqLayers> kError4 = {
    6.7430,  3.9691, 3.3281,  2.6796,  4.7277,  10.5966, 0.6827, 9.0942,  4.8857, 10.7599,
    21.7546, 0.8603, 14.5324, 10.9651, 18.7706, 36.4044, 3.1572, 29.6994, 17.4016};
constexpr std::array<double, kHawqLayers> kParameters = {
    36864,  36864, 36864,  36864,  73728,   147456,  8192,   147456,  147456, 294912,
    589824, 32768, 589824, 589824, 1179648, 2359296, 131072, 2359296, 2359296};
constexpr std::array<double, kHawqLayers> kOperations = {
    115605504, 115605504, 115605504, 115605504, 57802752, 115605504, 6422528, 115605504, 115605504, 57802752,
    115605504, 6422528,   115605504, 115605504, 57802752, 115605504, 6422528, 115605504, 115605504};
constexpr std::array<double, kHawqLayers> kLatency4 = {
    0.21094404, 0.21092674, 0.21104113, 0.21086851, 0.13642465, 0.19167506, 0.02532183,
    0.19148203, 0.19142914, 0.11395316, 0.20556011, 0.01917474, 0.20566918, 0.20566509,
    0.13185102, 0.22287786, 0.01790088, 0.22304611, 0.22286099};
constexpr std::array<double, kHawqLayers> kLatency8 = {
    0.36189111, 0.36211718, 0.31141909, 0.30454471, 0.19184896, 0.38948934, 0.0334169,
    0.38904905, 0.3892859,  0.19134735, 0.34307431, 0.02802354, 0.34313329, 0.34310756,
    0.21117103, 0.37376585, 0.02896843, 0.37398187, 0.37405185};

/// Quantities: damage against 4 bits, megabytes, operations (HAWQ's bit operations), milliseconds.
/// Candidates: 4 bits, 8 bits.
SearchProblem hawqProblem() {
  SearchProblem problem;
  problem.quantities = {"damage", "size", "bops", "latency"};
  for (std::size_t i = 0; i < kHawqLayers; ++i) {
    problem.items.push_back(
        {"x" + std::to_string(i),
         {{0.0, kParameters[i] / 2.0, kOperations[i] / 64.0, kLatency4[i]},
          {kTrace[i] * (kError8[i] - kError4[i]), kParameters[i], kOperations[i] / 16.0, kLatency8[i]}}});
  }
  problem.ties = {{4, 6}, {9, 11}, {14, 16}};
  return problem;
}

QString bitsText(const std::vector<std::size_t>& choices) {
  QStringList bits;
  for (const std::size_t choice : choices) {
    bits << (choice == 0 ? QStringLiteral("4") : QStringLiteral("8"));
  }
  return bits.join(' ');
}

} // namespace

class PlanSearchTest : public test::TestCase {
  Q_OBJECT

private slots:
  void publishedAssignmentIsReproduced_data() {
    QTest::addColumn<int>("quantity");
    QTest::addColumn<double>("share");
    QTest::addColumn<double>("objective");
    QTest::addColumn<QString>("bits");
    // MV-37: exhaustive search over all 2^16 assignments; bops .5 is the published resnet18_bops_0.5.
    QTest::newRow("size .25") << 1 << 0.25 << -1.189414 << "8 8 8 8 8 8 8 8 8 8 8 8 8 8 4 4 4 4 4";
    QTest::newRow("size .5") << 1 << 0.5 << -1.233207 << "8 8 8 8 8 8 8 8 8 8 8 8 8 8 8 4 8 4 4";
    QTest::newRow("size .75") << 1 << 0.75 << -1.274273 << "8 8 8 8 8 8 8 8 8 8 8 8 8 4 8 8 8 8 4";
    QTest::newRow("bops .25") << 2 << 0.25 << -0.847289 << "8 8 8 4 8 4 8 4 4 4 4 4 4 4 4 4 4 4 4";
    QTest::newRow("bops .5") << 2 << 0.5 << -1.092024 << "8 8 8 4 8 8 8 8 4 8 8 8 4 4 4 4 4 4 4";
    QTest::newRow("bops .75") << 2 << 0.75 << -1.227748 << "8 8 8 8 8 8 8 8 4 8 8 8 8 4 8 4 8 8 4";
    QTest::newRow("latency .5") << 3 << 0.5 << -1.105039 << "8 8 8 8 8 4 8 8 4 8 8 8 4 4 8 4 8 4 4";
  }

  void publishedAssignmentIsReproduced() {
    QFETCH(const int, quantity);
    QFETCH(const double, share);
    QFETCH(const double, objective);
    QFETCH(const QString, bits);
    SearchProblem problem = hawqProblem();
    limitTo(problem, static_cast<std::size_t>(quantity), share);
    const auto exact = solveExactly(problem, {}, {});
    VERIFY_OK(exact);
    QCOMPARE(bitsText(exact->choices), bits);
    QVERIFY(std::abs(exact->totals[0] - objective) < 5e-7);
    QCOMPARE(exact->gap(problem), 0.0);
    const auto fast = solveFast(problem, {});
    VERIFY_OK(fast);
    QVERIFY(fast->totals[0] <= 0.99 * exact->totals[0]); // negative: within 1 %
    QVERIFY(fast->bound <= exact->totals[0] + 1e-12);
    // A smaller budget has another answer: the comparison can fail.
    problem.limits.front().atMost *= 0.9;
    const auto tighter = solveExactly(problem, {}, {});
    VERIFY_OK(tighter);
    QVERIFY(bitsText(tighter->choices) != bits);
  }

  void endsOfTheRange() {
    SearchProblem problem = hawqProblem();
    double perturbation4 = 0.0;
    double perturbation8 = 0.0;
    for (std::size_t i = 0; i < kHawqLayers; ++i) {
      perturbation4 += kTrace[i] * kError4[i];
      perturbation8 += kTrace[i] * kError8[i];
    }
    QVERIFY(std::abs(perturbation4 - 1.307713) < 1e-6);
    QVERIFY(std::abs(perturbation8 - 0.004257874) < 1e-9);
    const auto all = solveExactly(problem, {}, {});
    VERIFY_OK(all);
    QVERIFY(std::abs(all->totals[0] - (perturbation8 - perturbation4)) < 1e-12);
    limitTo(problem, 1, 0.0);
    const auto least = solveFast(problem, {});
    VERIFY_OK(least);
    QCOMPARE(bitsText(least->choices), QStringLiteral("4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4 4"));
  }

  void smallInstancesEqualExhaustiveSearch() {
    int solved = 0;
    int optimal = 0;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
      SearchProblem problem = randomProblem(seed, 7, 4, 2);
      if (seed % 3 == 1) {
        problem.ties = {{0, 3}, {3, 5}, {1, 2}};
      }
      if (seed % 4 == 2) {
        problem.items[2].candidates[1].clear(); // not possible for this layer
      }
      limitTo(problem, 1, 0.15 + 0.1 * static_cast<double>(seed % 6));
      if (seed % 2 == 1) {
        limitTo(problem, 2, 0.3 + 0.1 * static_cast<double>(seed % 5));
      }
      if (seed % 5 == 4) { // the size as small as a damage allows
        std::swap(problem.limits.front(), problem.limits.back());
        problem.objective = 1;
        problem.limits.clear();
        problem.limits.push_back({0, extreme(problem, 0, false) * 4.0});
      }
      const auto expected = bestOfAll(problem);
      const auto exact = solveExactly(problem, {}, {});
      QCOMPARE(exact.has_value(), expected.has_value());
      if (!expected) {
        continue;
      }
      ++solved;
      QVERIFY(isWithinLimits(problem, exact->totals));
      QVERIFY(tiesHold(problem, exact->choices));
      QVERIFY2(std::abs(exact->totals[problem.objective] - *expected) <= 1e-9 * std::abs(*expected),
               qPrintable(QString::number(seed)));
      QCOMPARE(exact->gap(problem), 0.0);
      for (const auto& other : {solveFast(problem, {}), solveGreedily(problem, {})}) {
        if (!other) {
          continue; // with two tight limits the quick methods may find nothing
        }
        QVERIFY(isWithinLimits(problem, other->totals));
        QVERIFY(tiesHold(problem, other->choices));
        QVERIFY(other->totals[problem.objective] >= *expected * (1.0 - 1e-12));
        QVERIFY(other->bound <= *expected * (1.0 + 1e-9));
      }
      const auto fast = solveFast(problem, {});
      optimal += fast && fast->totals[problem.objective] <= *expected * 1.01 ? 1 : 0;
    }
    QVERIFY(solved > 50);
    QVERIFY2(optimal * 10 >= solved * 8, qPrintable(QStringLiteral("%1 of %2").arg(optimal).arg(solved)));
  }

  void manyLayersAreSolvedForASlider() {
    double slowest = 0.0;
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      SearchProblem problem = randomProblem(100 + seed, 500, 8, 1);
      limitTo(problem, 1, 0.2 + 0.2 * static_cast<double>(seed));
      const auto start = std::chrono::steady_clock::now();
      const auto fast = solveFast(problem, {});
      slowest =
          std::max(slowest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      VERIFY_OK(fast);
      QVERIFY(isWithinLimits(problem, fast->totals));
      // The bound is never above the optimum, so this also shows the distance from the optimum.
      QVERIFY2(fast->gap(problem) < 0.01, qPrintable(QString::number(fast->gap(problem))));
      const auto exact = solveExactly(problem, {.seconds = 5.0, .gap = 1e-4}, {});
      VERIFY_OK(exact);
      QVERIFY(exact->totals[0] <= fast->totals[0] * (1.0 + 1e-12));
      QVERIFY(fast->totals[0] <= 1.01 * exact->totals[0]);
      const auto greedy = solveGreedily(problem, {});
      VERIFY_OK(greedy);
      QVERIFY(greedy->totals[0] >= exact->totals[0] * (1.0 - 1e-3));
    }
    qInfo("500 layers x 8 schemes: %.1f ms at most", slowest * 1e3);
  }

  void frontierIsConvexAndWithinReach() {
    const SearchProblem problem = randomProblem(7, 40, 6, 1);
    const auto frontier = searchFrontier(problem, 1, 24, {});
    VERIFY_OK(frontier);
    QVERIFY(frontier->size() > 10 && frontier->size() <= 24);
    for (std::size_t i = 1; i < frontier->size(); ++i) {
      QVERIFY((*frontier)[i].totals[1] > (*frontier)[i - 1].totals[1]);
      QVERIFY((*frontier)[i].totals[0] < (*frontier)[i - 1].totals[0]);
    }
    QVERIFY(std::abs(frontier->front().totals[1] - extreme(problem, 1, false)) < 1e-6);
    QVERIFY(std::abs(frontier->back().totals[0] - extreme(problem, 0, false)) < 1e-9);
    // Every point on it is the best for its own cost.
    SearchProblem limited = problem;
    const SearchSolution& middle = (*frontier)[frontier->size() / 2];
    limited.limits.push_back({1, middle.totals[1]});
    const auto exact = solveExactly(limited, {}, {});
    VERIFY_OK(exact);
    QVERIFY(std::abs(exact->totals[0] - middle.totals[0]) <= 1e-9 * middle.totals[0]);
  }

  void absurdProblemsAreRefused() {
    SearchProblem problem = randomProblem(1, 5, 3, 1);
    problem.limits.push_back({1, extreme(problem, 1, false) * 0.5});
    for (const auto& answer :
         {solveFast(problem, {}), solveExactly(problem, {}, {}), solveGreedily(problem, {})}) {
      QVERIFY(!answer);
      QCOMPARE(answer.error().kind, ErrorKind::usage);
      QVERIFY(QString::fromStdString(answer.error().what).contains("cost 0"));
    }
    problem.limits.clear();
    problem.items[1].candidates = {{}, {}, {}};
    QVERIFY(!solveFast(problem, {}));
    problem.items[1].candidates = {{1.0}};
    QVERIFY(!solveFast(problem, {}));
    problem.items[1].candidates = {{std::nan(""), 1.0}};
    QVERIFY(!solveExactly(problem, {}, {}));
    problem = randomProblem(1, 5, 3, 1);
    problem.items[0].candidates[0].clear();
    problem.items[0].candidates[1].clear();
    problem.items[1].candidates[2].clear();
    problem.ties = {{0, 1}};
    const auto tied = solveFast(problem, {});
    QVERIFY(!tied);
    QVERIFY(QString::fromStdString(tied.error().what).contains("layer 0"));
    problem.ties = {{0, 99}};
    QVERIFY(!solveFast(problem, {}));
  }

  void searchesStopWhenAsked() {
    SearchProblem problem = randomProblem(3, 200, 6, 3);
    limitTo(problem, 1, 0.3);
    limitTo(problem, 2, 0.35);
    limitTo(problem, 3, 0.32);
    std::stop_source stop;
    stop.request_stop();
    const auto exact = solveExactly(problem, {}, JobContext(stop.get_token()));
    QVERIFY(!exact);
    QCOMPARE(exact.error().kind, ErrorKind::cancelled);
    // Out of time: the best so far, with how far it may be from the optimum.
    const auto hurried = solveExactly(problem, {.seconds = 0.3, .gap = 0.0}, {});
    VERIFY_OK(hurried);
    QVERIFY(isWithinLimits(problem, hurried->totals));
    QVERIFY(hurried->bound <= hurried->totals[0] && hurried->gap(problem) < 0.2);
  }
};

QTEST_GUILESS_MAIN(PlanSearchTest)
#include "tst_plan_search.moc"
