// Activation statistics: streaming, merging, the range rules; and calibration on a running network.
#include "core/analysis/activation_figures.h"
#include "core/analysis/calibration.h"
#include "core/quant/scheme_grammar.h"
#include "tests/analysis/small_network.h"
#include "tests/support/test_case.h"

#include <cmath>
#include <numeric>
#include <random>
#include <tuple>

using namespace halfstep;
using test::randomTensor;
using test::tensorOf;

namespace {

ActivationStatistics statisticsOf(const std::vector<std::vector<float>>& samples) {
  ActivationStatistics statistics;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Tensor tensor = tensorOf({static_cast<std::int64_t>(samples[i].size())}, samples[i]);
    if (!statistics.observe(tensor, static_cast<std::uint32_t>(i))) {
      qFatal("does not observe");
    }
  }
  return statistics;
}

ValueRange rangeBy(const ActivationStatistics& statistics, const char* scheme) {
  return activationRange(statistics, parseScheme(scheme).value());
}

} // namespace

class CalibrationTest : public test::TestCase {
  Q_OBJECT

private slots:
  /// From the histogram, against the quantizer on the very values.
  void figuresAreTheQuantizers_data() {
    QTest::addColumn<QString>("scheme");
    QTest::addColumn<bool>("positive");
    for (const char* scheme :
         {"uint8:tensor", "int8:tensor:fixed(-1.5,1.5)", "uint4:tensor:fixed(-0.5,2)", "uint8:tensor:pct99",
          "int4:tensor:full", "int8:tensor:pow2:mse", "int16:tensor"}) {
      QTest::newRow(scheme) << scheme << false;
      QTest::newRow((std::string(scheme) + " behind a Relu").c_str()) << scheme << true;
    }
  }
  void figuresAreTheQuantizers() {
    QFETCH(QString, scheme);
    QFETCH(bool, positive);
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0.2f, 0.8f);
    std::vector<float> values(200000);
    for (float& value : values) {
      value = positive ? std::max(normal(random), 0.0f) : normal(random);
    }
    const ActivationStatistics statistics = statisticsOf({values});
    const Scheme own = parseScheme(scheme.toStdString()).value();
    const ValueRange range = activationRange(statistics, own);
    Scheme fixed = own;
    fixed.range = {RangeRule::Kind::fixed, 0.0, static_cast<double>(range.lo), static_cast<double>(range.hi)};
    const auto matrix = WeightMatrix::fromRows(std::vector<float>(values), 1);
    const LayerQuantization exact = quantizeLayer(*matrix, fixed, {}).value();
    const ActivationFigures figures = activationFigures(statistics, own, range);
    const auto isNear = [](double found, double expected, double tolerance) {
      return std::abs(found - expected) <= tolerance * std::abs(expected) + 1e-12;
    };
    QVERIFY2(isNear(figures.rounding, exact.total.mseRounding(), 0.02),
             qPrintable(QStringLiteral("%1 %2").arg(figures.rounding).arg(exact.total.mseRounding())));
    QVERIFY2(isNear(figures.clipping, exact.total.mseClipping(), 0.02),
             qPrintable(QStringLiteral("%1 %2").arg(figures.clipping).arg(exact.total.mseClipping())));
    QVERIFY(std::abs(figures.sqnrDb - exact.total.sqnrDb()) < 0.1);
    QVERIFY(std::abs(figures.clippedShare - exact.total.clippedShare()) < 1e-3);
    const auto& counts = figures.levelCounts;
    QCOMPARE(counts.empty(), own.format == NumberFormat::int16);
    if (!counts.empty()) {
      QVERIFY(isNear(std::accumulate(counts.begin(), counts.end(), 0.0), 200000.0, 1e-9));
      QVERIFY(std::is_sorted(figures.levels.begin(), figures.levels.end()));
    }
    const ClippingCurve curve = activationCurve(statistics, own);
    QCOMPARE(curve.marks.size(), std::size_t{6});
    const double best = curve.rounding[curve.best] + curve.clipping[curve.best];
    QVERIFY(best <= curve.rounding.back() + curve.clipping.back());
    QVERIFY(isNear(curve.marks[3].mse, best, 0.1) || curve.marks[3].mse < best); // mse
  }

  void histogramPutsEveryValueIntoItsBin() {
    BinaryHistogram histogram;
    const std::vector<float> values = {0.0f, 1.0f, -1.0f, 0.999f, -1e-30f, NAN, INFINITY};
    histogram.add(values, 1.0f);
    const double width = histogram.width();
    QCOMPARE(std::log2(width), std::round(std::log2(width)));
    const auto countAt = [&](double x) {
      const auto bin = static_cast<std::size_t>(std::floor(x / width) + BinaryHistogram::kBinsPerSide);
      return histogram.counts()[bin];
    };
    QCOMPARE(countAt(1.0), 1);
    QCOMPARE(countAt(-1.0), 1);
    QCOMPARE(countAt(-1e-30), 1); // just below zero is not zero
    QCOMPARE(countAt(1e-30), 0);
    const auto counts = histogram.counts();
    QCOMPARE(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}), 4);
  }

  void orderAndMergingDoNotMatter() {
    std::vector<std::vector<float>> samples;
    std::mt19937 random(3);
    for (const float scale : {0.01f, 5.0f, 1.0f, 300.0f, 0.2f}) {
      std::normal_distribution<float> normal(0.0f, scale);
      samples.emplace_back(1000);
      for (float& value : samples.back()) {
        value = normal(random);
      }
    }
    const ActivationStatistics forwards = statisticsOf(samples);
    const ActivationStatistics backwards = statisticsOf({samples.rbegin(), samples.rend()});
    QVERIFY(forwards.histogram == backwards.histogram);
    QCOMPARE(forwards.moments.max, backwards.moments.max);

    ActivationStatistics merged = statisticsOf({samples[0], samples[1]});
    merged.merge(statisticsOf({samples[2], samples[3], samples[4]}));
    QVERIFY(merged.histogram == forwards.histogram);
    QCOMPARE(merged.moments.finite, forwards.moments.finite);
    QVERIFY(std::abs(merged.std() - forwards.std()) < 1e-9 * forwards.std());
    const auto other = statisticsOf({samples[0], samples[1], samples[2], samples[3]});
    QVERIFY(!(other.histogram == forwards.histogram)); // a missing sample shows
  }

  void movingAverageAsPyTorchHasIt() { // MV-14 of the method notes
    const ActivationStatistics statistics = statisticsOf({{-1, 2}, {-1.5, 4}, {-0.5, 1}});
    const ValueRange range = rangeBy(statistics, "uint8:tensor:ema");
    QVERIFY(std::abs(range.lo + 0.99995f) < 1e-6f);
    QVERIFY(std::abs(range.hi - 2.0098f) < 1e-6f);
    QCOMPARE(statistics.lowestSample(), std::size_t{1});
    QCOMPARE(statistics.highestSample(), std::size_t{1});
  }

  void rangesBySchemes() {
    std::vector<float> values;
    for (int i = 0; i < 10000; ++i) {
      values.push_back(static_cast<float>(i) / 10000.0f); // 0 … 0.9999
    }
    values.push_back(8.0f);
    const ActivationStatistics statistics = statisticsOf({values});
    QCOMPARE(rangeBy(statistics, "uint8:tensor").hi, 8.0f);
    QCOMPARE(rangeBy(statistics, "int8:tensor").lo, -8.0f);
    const double width = statistics.histogram.width();
    QVERIFY(std::abs(rangeBy(statistics, "int8:tensor:pct99").hi - 0.99) <= width);
    QVERIFY(std::abs(rangeBy(statistics, "uint8:tensor:pct98").hi - 0.99) <= width); // half of 2 % on top
    QCOMPARE(rangeBy(statistics, "uint8:tensor:pct98").lo, 0.0f);
    QCOMPARE(rangeBy(statistics, "uint8:tensor:fixed(-1,2)").hi, 2.0f);
    for (const char* scheme : {"uint4:tensor:mse", "int8:tensor:aciq"}) {
      const ValueRange range = rangeBy(statistics, scheme);
      QVERIFY2(range.hi > 0.9f && range.hi < 8.0f, scheme); // the outlier is cut off
    }
    std::vector<float> normal = toFloats(randomTensor({20000}, 4), {}).value();
    normal.push_back(40.0f);
    const ValueRange divergence = rangeBy(statisticsOf({normal}), "int8:tensor:kl");
    QVERIFY(divergence.hi > 2.0f && divergence.hi < 20.0f && divergence.lo == -divergence.hi);
  }

  void mseRangeIsTheBestOfItsGrid() {
    const Tensor tensor = randomTensor({5000}, 11);
    ActivationStatistics statistics;
    VERIFY_OK(statistics.observe(tensor, 0));
    const std::vector<float> values = toFloats(tensor, {}).value();
    const auto errorOf = [&](double bound) { // int4: codes −7…7
      double sum = 0.0;
      for (const float x : values) {
        const double scale = bound / 7.0;
        const double decoded = std::clamp(std::nearbyint(x / scale), -7.0, 7.0) * scale;
        sum += (x - decoded) * (x - decoded);
      }
      return sum;
    };
    const double full = std::max(-statistics.moments.min, statistics.moments.max);
    double least = INFINITY;
    for (int percent = 20; percent <= 100; ++percent) {
      least = std::min(least, errorOf(full * percent / 100.0));
    }
    const double found = errorOf(rangeBy(statistics, "int4:tensor:mse").hi);
    QVERIFY(found <= least * 1.005); // the histogram's bins are not the values
    QVERIFY(errorOf(full) > least * 1.05);
  }

  void channelsAndOutliers() {
    std::vector<float> values(2 * 6, 1.0f); // [1, 2, 6] and the last axis are channels
    values[4] = -50.0f;
    ActivationStatistics statistics;
    VERIFY_OK(statistics.observe(tensorOf({1, 2, 6}, values), 0));
    QCOMPARE(statistics.channelAxis, 2);
    const auto outliers = outlierChannels(statistics, 10.0);
    QCOMPARE(outliers.size(), std::size_t{1});
    QCOMPARE(outliers[0].channel, std::size_t{4});
    QCOMPARE(outliers[0].ratio, 50.0);
    ActivationStatistics image;
    VERIFY_OK(image.observe(randomTensor({2, 3, 4, 4}, 1), 0));
    QCOMPARE(image.channelAxis, 1);
    QCOMPARE(image.channelRanges.size(), std::size_t{3});
  }

  void theOperatorTellsTheChannels() {
    // x [1,4,64] → Conv → Relu → Conv → Transpose → LayerNormalization → Add: the first convolution's third
    // channel is forty times as large.
    auto model = std::make_shared<Model>();
    model->opsets[""] = 17;
    Graph& graph = model->graph;
    std::vector<float> weights = toFloats(randomTensor({6, 4, 3}, 1), {}).value();
    for (std::size_t i = 2 * 4 * 3; i < 3 * 4 * 3; ++i) {
      weights[i] *= 40.0f;
    }
    graph.addInitializer("w1", tensorOf({6, 4, 3}, weights));
    graph.addInitializer("w2", randomTensor({3, 6, 3}, 2));
    graph.addInitializer("g", randomTensor({3}, 3));
    graph.addInitializer("b", randomTensor({3}, 4));
    Node transpose = test::operation("Transpose", "transpose", {"y"}, {"t"});
    transpose.attributes["perm"] = std::vector<std::int64_t>{0, 2, 1};
    graph.nodes = {test::operation("Conv", "c1", {"x", "w1"}, {"a"}),
                   test::operation("Relu", "relu", {"a"}, {"r"}),
                   test::operation("Conv", "c2", {"r", "w2"}, {"y"}),
                   transpose,
                   test::operation("LayerNormalization", "norm", {"t", "g"}, {"n"}),
                   test::operation("Add", "add", {"n", "b"}, {"s"}),
                   test::operation("Sigmoid", "sigmoid", {"z"}, {"q"})};
    graph.inputs = {test::floatValue("x", {1, 4, 64}), test::floatValue("z", {2, 3, 4, 5})};
    graph.outputs = {test::floatValue("s", {1, 60, 3}), test::floatValue("q", {2, 3, 4, 5})};
    graph.indexConstants();
    class Rows : public test::SmallSamples {
    public:
      using SmallSamples::SmallSamples;
      Result<std::map<std::string, Value>> inputs(std::size_t index) const override {
        return std::map<std::string, Value>{{"x", randomTensor({1, 4, 64}, unsigned(index))},
                                            {"z", randomTensor({2, 3, 4, 5}, unsigned(index))}};
      }
    };
    const auto calibration = calibrate(Executor::create(model).value(), Rows(2), {}, {});
    VERIFY_OK(calibration);
    for (const auto& [name, axis, channels] : {std::tuple("x", 1, 4),
                                               {"a", 1, 6},
                                               {"r", 1, 6},
                                               {"y", 1, 3},
                                               {"t", 2, 3},
                                               {"n", 2, 3},
                                               {"s", 2, 3},
                                               {"z", 1, 3}}) { // nothing is known of it: four axes
      const ActivationStatistics* value = (*calibration)->find(name);
      QVERIFY2(value != nullptr && value->channelAxis == axis, name);
      QCOMPARE(value->channelRanges.size(), std::size_t(channels));
    }
    const auto outliers = outlierChannels(*(*calibration)->find("r"), 10.0);
    QCOMPARE(outliers.size(), std::size_t{1});
    QCOMPARE(outliers[0].channel, std::size_t{2});
  }

  void oddValuesAreCounted() {
    const ActivationStatistics statistics = statisticsOf({{NAN, INFINITY, 1.0f, 0.0f}, {NAN, NAN}});
    QCOMPARE(statistics.moments.nan, 3);
    QCOMPARE(statistics.moments.infinite, 1);
    QCOMPARE(statistics.samples.size(), std::size_t{1}); // the other has no finite value
    QCOMPARE(rangeBy(statistics, "int8:tensor").hi, 1.0f);
    QCOMPARE(rangeBy(statisticsOf({{0.0f, 0.0f}}), "int8:tensor:kl").hi, 0.0f);
  }

  void calibratesANetwork() {
    const auto model = test::smallNetwork();
    const auto executor = Executor::create(model).value();
    const test::SmallSamples samples(6);
    std::size_t told = 0;
    CalibrationOptions options;
    options.onSample = [&](const Calibration& so) { told += so.sampleNames.size() == told + 1 ? 1 : 0; };
    const auto calibration = calibrate(executor, samples, options, {});
    VERIFY_OK(calibration);
    QCOMPARE(told, std::size_t{6});
    QStringList names;
    for (const ActivationStatistics& one : (*calibration)->values) {
      names << QString::fromStdString(one.name);
    }
    QCOMPARE(names.join(' '), QStringLiteral("x a b c d e f g y"));
    const ActivationStatistics& x = *(*calibration)->find("x");
    QCOMPARE(x.moments.finite, 6 * 3 * 64);
    QCOMPARE(x.highestSample(), std::size_t{2}); // the bright one
    QVERIFY(growthInLastHalf(x) == 0.0);
    QCOMPARE((*calibration)->find("b")->moments.min, 0.0f); // behind a Relu

    CalibrationOptions two;
    two.samples = 2;
    const auto first = calibrate(executor, samples, two, {});
    const auto drifts = driftBetween(**first, **calibration);
    QCOMPARE(drifts.size(), (*calibration)->values.size());
    const auto same = driftBetween(**calibration, **calibration);
    QCOMPARE(same[0].distance, 0.0);
    QVERIFY(drifts[0].distance > 0.02);
  }
};

QTEST_GUILESS_MAIN(CalibrationTest)
#include "tst_calibration.moc"
