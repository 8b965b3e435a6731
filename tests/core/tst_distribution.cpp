// What the Distribution page draws, against sums over all values.
#include "core/quant/distribution.h"
#include "core/quant/estimate.h"
#include "core/quant/scheme_grammar.h"
#include "tests/support/test_case.h"

#include <cmath>
#include <limits>
#include <random>

using namespace halfstep;

namespace {

std::shared_ptr<const WeightMatrix> laplaceMatrix(std::size_t channels, std::size_t length) {
  std::mt19937 generator(3);
  std::exponential_distribution<float> exponential(20.0f);
  std::vector<float> values(channels * length);
  for (float& value : values) {
    value = exponential(generator) * ((generator() & 1) != 0 ? 1.0f : -1.0f);
  }
  return WeightMatrix::fromRows(std::move(values), channels);
}

Scheme scheme(std::string_view text) {
  return parseScheme(text).value();
}

std::int64_t total(const std::vector<std::int64_t>& counts) {
  std::int64_t sum = 0;
  for (const std::int64_t count : counts) {
    sum += count;
  }
  return sum;
}

} // namespace

class DistributionTest : public test::TestCase {
  Q_OBJECT
private slots:
  void profileHoldsTheSums() {
    const auto matrix = laplaceMatrix(7, 90000); // rows longer than a piece
    const WeightProfile profile = profileWeights(*matrix, {}).value();
    double sum = 0.0;
    double squares = 0.0;
    for (const float x : matrix->values()) {
      sum += static_cast<double>(x);
      squares += static_cast<double>(x) * static_cast<double>(x);
    }
    const auto n = static_cast<double>(matrix->count());
    const double std = std::sqrt(squares / n - sum / n * sum / n);
    QVERIFY(std::abs(profile.moments.mean - sum / n) < 1e-6 * std);
    QVERIFY(std::abs(profile.moments.std - std) < 1e-6 * std);
    QVERIFY(std::abs(profile.moments.kurtosis - 6.0) < 0.2); // of a Laplace distribution
    QCOMPARE(total(profile.histogram.counts), static_cast<std::int64_t>(matrix->count()));
    QCOMPARE(profile.histogram.counts.size(), std::size_t{2048});
    double binned = 0.0;
    for (const double square : profile.histogram.squares) {
      binned += square;
    }
    QVERIFY(std::abs(binned - squares) < 1e-9 * squares);
    QCOMPARE(profile.channelRanges.size(), std::size_t{7});
    const auto row = matrix->row(3);
    QCOMPARE(profile.channelRanges[3].lo, *std::min_element(row.begin(), row.end()));
    QCOMPARE(profile.channelRanges[3].hi, *std::max_element(row.begin(), row.end()));
    const Moments moments = momentsOf(*matrix, {}).value();
    QVERIFY(std::abs(moments.kurtosis - profile.moments.kurtosis) < 1e-5); // other blocks, other float32 sums
  }

  void oddMomentsAreDefined() {
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    constexpr float kInf = std::numeric_limits<float>::infinity();
    const auto constant = WeightMatrix::fromRows(std::vector<float>(100, 0.1f), 4);
    const WeightProfile flat = profileWeights(*constant, {}).value();
    QCOMPARE(flat.moments.std, 0.0);
    QVERIFY(std::isnan(flat.moments.kurtosis));
    QCOMPARE(total(flat.histogram.counts), std::int64_t{100});
    const auto wild = WeightMatrix::fromRows({kNan, kInf, 1, 0, -kInf, 2}, 2);
    const WeightProfile profile = profileWeights(*wild, {}).value();
    QCOMPARE(profile.moments.count, std::int64_t{3});
    QCOMPARE(profile.moments.nan, std::int64_t{1});
    QCOMPARE(profile.moments.infinite, std::int64_t{2});
    QCOMPARE(profile.moments.zeros, std::int64_t{1});
    const auto none = WeightMatrix::fromRows({kNan, kNan}, 1);
    VERIFY_OK(profileWeights(*none, {}));
    VERIFY_OK(profileWeights(*WeightMatrix::fromRows({}, 0), {}));
  }

  void shapesAgreeWithTheCodes() {
    const auto matrix = laplaceMatrix(16, 640);
    const WeightProfile profile = profileWeights(*matrix, {}).value();
    for (const char* text : {"int4", "uint4:group64", "int8:tensor", "int4:absmax:tensor", "fp8e4m3:tensor",
                             "fp16", "fp32", "int16"}) {
      const LayerQuantization layer = quantizeLayer(*matrix, scheme(text), {}).value();
      const QuantizedShape shape = shapeOf(*matrix, profile, layer.parameters, 0, 100, {}).value();
      QCOMPARE(shape.sampled, matrix->count());
      QCOMPARE(total(shape.dequantized.counts), static_cast<std::int64_t>(matrix->count()));
      QVERIFY(std::is_sorted(shape.levels.begin(), shape.levels.end()));
      QCOMPARE(shape.levels.size(), shape.levelCounts.size());
      if (shape.levels.empty()) {
        continue;
      }
      // Counts of the first segment's levels, from its decoded values.
      const std::vector<float> decoded = quantizeValues(*matrix, layer.parameters, {})->dequantized;
      const std::size_t length = layer.parameters.segmentation.segmentLength;
      for (std::size_t level = 0; level < shape.levels.size(); ++level) {
        QCOMPARE(shape.levelCounts[level],
                 std::count(decoded.begin(), decoded.begin() + static_cast<std::ptrdiff_t>(length),
                            shape.levels[level]));
      }
    }
    const QuantizationParameters parameters = chooseParameters(*matrix, scheme("int4"), {}).value();
    QVERIFY(!shapeOf(*matrix, profile, parameters, 16, 100, {}).has_value());
    QVERIFY(!shapeOf(*matrix, profile, parameters, 0, 0, {}).has_value());
  }

  void largeLayersAreSampled() {
    const auto matrix = laplaceMatrix(600, 1000);
    const WeightProfile profile = profileWeights(*matrix, {}).value();
    const LayerQuantization layer = quantizeLayer(*matrix, scheme("int8:tensor"), {}).value();
    const QuantizedShape shape = shapeOf(*matrix, profile, layer.parameters, 0, 256, {}).value();
    QVERIFY(shape.sampled < matrix->count() && shape.sampled > 100000);
    const double ratio = static_cast<double>(total(shape.levelCounts)) / static_cast<double>(matrix->count());
    QVERIFY(std::abs(ratio - 1.0) < 1e-3);
    QVERIFY(total(shape.roundingError.counts) > 0);
  }

  void estimatesAreNearTheExactFigures_data() {
    QTest::addColumn<QString>("text");
    for (const char* text : {"int4:group32", "int4:group32:mse", "int4:group48:asym", "int8:channel:kl",
                             "int8:channel:pct99.9", "int8:tensor:mse", "fp8e4m3:tensor:aciq"}) {
      QTest::newRow(text) << QString::fromLatin1(text);
    }
  }

  void estimatesAreNearTheExactFigures() {
    QFETCH(QString, text);
    const Scheme wanted = scheme(text.toUtf8().constData());
    const auto matrix = laplaceMatrix(1000, 9999);
    const WeightProfile profile = profileWeights(*matrix, {}).value();
    const auto sample = thinned(*matrix, wanted.granularity, {}).value();
    QVERIFY(sample->count() < matrix->count() / 5);
    QCOMPARE(sample->channels(), matrix->channels());
    const LayerQuantization exact = quantizeLayer(*matrix, wanted, {}).value();
    const LayerQuantization estimate =
        estimateLayer(*matrix, *sample, wanted, {}, profile.channelRanges).value();
    QCOMPARE(estimate.bytes, exact.bytes);
    QVERIFY(std::abs(estimate.total.count - exact.total.count) <= 1);
    QVERIFY2(std::abs(estimate.total.sqnrDb() - exact.total.sqnrDb()) < 0.8,
             qPrintable(QStringLiteral("%1 %2").arg(estimate.total.sqnrDb()).arg(exact.total.sqnrDb())));
    QVERIFY(estimate.total.maxError <= exact.total.maxError * 1.2);
    QCOMPARE(estimate.channels.size(), exact.channels.size());
  }

  void onlyLongWorkIsEstimated() {
    const auto small = laplaceMatrix(100, 100);
    const auto large = laplaceMatrix(4000, 1500);
    QVERIFY(!isWorthEstimating(*small, scheme("int4:group32:mse"), true));
    QVERIFY(isWorthEstimating(*large, scheme("int4:group32:mse"), true));
    QVERIFY(!isWorthEstimating(*large, scheme("int8"), true));
    QVERIFY(!isWorthEstimating(*large, scheme("fp32"), true));
  }

  void curveMatchesTheQuantizer() {
    const auto matrix = laplaceMatrix(32, 2048);
    const WeightProfile profile = profileWeights(*matrix, {}).value();
    for (const char* text : {"int4", "uint4:group64", "int8:tensor", "int3:tensor"}) {
      const ClippingCurve curve = clippingCurve(*matrix, profile, scheme(text), {}).value();
      QCOMPARE(curve.ratio.back(), 1.0);
      const LayerQuantization full = quantizeLayer(*matrix, scheme(text), {}).value();
      const double atFull = curve.rounding.back() + curve.clipping.back();
      QVERIFY(std::abs(atFull - full.total.mse()) < 1e-6 * full.total.mse());
      // Less range: more clipping, and the best is no worse than either end.
      QVERIFY(std::is_sorted(curve.clipping.rbegin(), curve.clipping.rend()));
      const double best = curve.rounding[curve.best] + curve.clipping[curve.best];
      QVERIFY(best <= atFull && best <= curve.rounding.front() + curve.clipping.front());
      QCOMPARE(curve.marks.size(), std::size_t{5});
    }
    // One range for all channels, at a ratio of the curve, is what a fixed range of that size does.
    const ClippingCurve curve = clippingCurve(*matrix, profile, scheme("int4:tensor"), {}).value();
    const double magnitude = std::max(-profile.moments.min, profile.moments.max) * curve.ratio[39];
    Scheme fixed = scheme("int4:tensor");
    fixed.range = {RangeRule::Kind::fixed, 0.0, -magnitude, magnitude};
    const LayerQuantization clipped = quantizeLayer(*matrix, fixed, {}).value();
    QVERIFY(std::abs(curve.rounding[39] - clipped.total.mseRounding()) < 1e-4 * clipped.total.mseRounding());
    QVERIFY(std::abs(curve.clipping[39] - clipped.total.mseClipping()) < 1e-4 * clipped.total.mseClipping());
  }

  void marksAreWhatTheEstimatorsDo() {
    const auto base = laplaceMatrix(16, 2048);
    std::vector<float> values(base->values().begin(), base->values().end());
    for (float& value : values) { // lopsided: the two ends of a range are not alike
      value = value > 0.0f ? 3.0f * value : value;
    }
    const auto matrix = WeightMatrix::fromRows(std::move(values), 16);
    const WeightProfile profile = profileWeights(*matrix, {}).value();
    for (const std::string text : {"uint4:tensor", "uint4", "int4:group64", "int8"}) {
      const ClippingCurve curve =
          clippingCurve(*matrix, profile, scheme((text + ":pct99").c_str()), {}).value();
      const auto full = quantizeLayer(*matrix, scheme(text.c_str()), {}).value().parameters.ranges;
      QCOMPARE(curve.marks.size(), std::size_t{5});
      for (const ClippingCurve::Mark& mark : curve.marks) {
        const LayerQuantization own =
            quantizeLayer(*matrix, scheme((text + ':' + mark.estimator).c_str()), {}).value();
        QCOMPARE(mark.mse, own.total.mse());
        double share = 0.0;
        for (std::size_t i = 0; i < full.size(); ++i) {
          share += static_cast<double>(own.parameters.ranges[i].hi - own.parameters.ranges[i].lo) /
                   static_cast<double>(full[i].hi - full[i].lo) / static_cast<double>(full.size());
        }
        QVERIFY2(std::abs(mark.ratio - share) < 1e-5, mark.estimator.c_str());
      }
      QCOMPARE(curve.marks[2].estimator, std::string("pct99"));
    }
  }

  void curveOfALargeTensorSeesRareExtremes() {
    auto base = laplaceMatrix(200, 1000);
    std::vector<float> values(base->values().begin(), base->values().end());
    values[77] = 30.0f;
    const auto matrix = WeightMatrix::fromRows(std::move(values), 200);
    const WeightProfile profile = profileWeights(*matrix, {}).value();
    const ClippingCurve curve = clippingCurve(*matrix, profile, scheme("int8:tensor"), {}).value();
    Scheme fixed = scheme("int8:tensor");
    const double magnitude = 30.0 * curve.ratio[39];
    fixed.range = {RangeRule::Kind::fixed, 0.0, -magnitude, magnitude};
    const LayerQuantization clipped = quantizeLayer(*matrix, fixed, {}).value();
    QVERIFY(std::abs(curve.clipping[39] - clipped.total.mseClipping()) < 1e-3 * clipped.total.mseClipping());
  }

  void transferIsAStaircase() {
    const auto matrix = laplaceMatrix(4, 64);
    const QuantizationParameters parameters = chooseParameters(*matrix, scheme("int2"), {}).value();
    const float scale = parameters.scales[1];
    const std::vector<float> steps = transferFunction(parameters, 1, -3 * scale, 3 * scale, 601);
    QCOMPARE(steps.size(), std::size_t{601});
    QCOMPARE(steps.front(), -scale);
    QCOMPARE(steps.back(), scale);
    QVERIFY(std::is_sorted(steps.begin(), steps.end()));
    QCOMPARE(steps[300], 0.0f);
  }

  void largeSearchesAgreeWithSmallOnes() {
    // Above 2^21 values the search goes from coarse to fine: it must find what trying everything finds,
    // within what a curve that is flat there makes of it.
    const auto large = laplaceMatrix(2100, 1024);
    QVERIFY(large->count() > std::size_t{1} << 21);
    const auto some =
        WeightMatrix::fromRows({large->values().begin(), large->values().begin() + 20 * 1024}, 20);
    for (const char* text : {"int4:mse", "int8:mse", "int4:group64:mse", "uint3:group128:mse"}) {
      const LayerQuantization fine = quantizeLayer(*large, scheme(text), {}).value();
      const LayerQuantization exact = quantizeLayer(*some, scheme(text), {}).value();
      double searched = 0.0;
      double tried = 0.0;
      for (std::size_t channel = 0; channel < 20; ++channel) {
        searched += fine.channels[channel].squaredErrors;
        tried += exact.channels[channel].squaredErrors;
        QVERIFY(fine.channels[channel].squaredErrors >= exact.channels[channel].squaredErrors * (1 - 1e-5));
      }
      QVERIFY2(searched < tried * 1.002,
               (std::string(text) + " " + std::to_string(searched / tried)).c_str());
    }
    const LayerQuantization tensor = quantizeLayer(*large, scheme("int4:tensor:mse"), {}).value();
    const double magnitude =
        static_cast<double>(chooseParameters(*large, scheme("int4:tensor"), {})->ranges[0].hi);
    const double percent =
        std::round(100.0 * static_cast<double>(tensor.parameters.ranges[0].hi) / magnitude);
    for (const int step : {-4, -3, -2, -1, 1, 2, 3, 4}) { // its neighbours on the grid of percents
      Scheme fixed = scheme("int4:tensor");
      const double hi = magnitude * (percent + step) / 100.0;
      fixed.range = {RangeRule::Kind::fixed, 0.0, -hi, hi};
      QVERIFY(quantizeLayer(*large, fixed, {})->total.mse() > tensor.total.mse());
    }
    // The same percentile whether one segment is large or small.
    const QuantizationParameters whole = chooseParameters(*large, scheme("uint8:tensor:pct99.9"), {}).value();
    std::vector<float> sorted(large->values().begin(), large->values().end());
    std::sort(sorted.begin(), sorted.end());
    const auto rank = static_cast<std::size_t>(std::ceil(0.9995 * static_cast<double>(sorted.size())));
    QCOMPARE(whole.ranges[0].hi, sorted[rank - 1]);
    QCOMPARE(whole.ranges[0].lo, sorted[sorted.size() - rank]);
  }
};

QTEST_GUILESS_MAIN(DistributionTest)
#include "tst_distribution.moc"
