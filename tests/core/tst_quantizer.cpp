// The quantizer against vectors that were computed independently (in plain Python, and by running reference
// implementations); each block names the vector it holds.
#include "core/quant/quantizer.h"
#include "core/quant/range_rules.h"
#include "core/quant/scheme_grammar.h"
#include "tests/support/test_case.h"

#include <cmath>
#include <limits>

using namespace halfstep;

namespace {

using Codes = std::vector<std::int32_t>;

std::shared_ptr<const WeightMatrix> row(std::vector<float> values) {
  return WeightMatrix::fromRows(std::move(values), 1);
}

Scheme scheme(std::string_view text) {
  return parseScheme(text).value();
}

/// Parameters of `text` with one given scale and zero point, for a single row.
QuantizationParameters given(const WeightMatrix& matrix, std::string_view text, float scale, int zeroPoint) {
  QuantizationParameters parameters;
  parameters.scheme = scheme(text);
  parameters.segmentation = Segmentation::of(matrix, parameters.scheme.granularity);
  parameters.scales = {scale};
  parameters.zeroPoints = {zeroPoint};
  parameters.ranges = {{}};
  return parameters;
}

Codes codesOf(const WeightMatrix& matrix, const QuantizationParameters& parameters) {
  return quantizeValues(matrix, parameters, {}).value().codes;
}

QuantizationParameters chosen(const std::vector<float>& values, std::string_view text) {
  return chooseParameters(*row(values), scheme(text), {}).value();
}

/// Parameters from `ranges`, codes of `values`: what a calibrated range does to other values.
Codes codesWithRange(const std::vector<float>& range, std::vector<float> values, std::string_view text) {
  const QuantizationParameters parameters = chosen(range, text);
  const auto matrix = row(std::move(values));
  return codesOf(*matrix, given(*matrix, text, parameters.scales.at(0), parameters.zeroPoints.at(0)));
}

} // namespace

class QuantizerTest : public test::TestCase {
  Q_OBJECT
private slots:
  void affine() { // MV-1
    const std::vector<float> range{-1.0f, 2.55f};
    const QuantizationParameters unsignedOnes = chosen(range, "uint8:tensor");
    QCOMPARE(unsignedOnes.scales.at(0), 0.013921568170189857f);
    QCOMPARE(unsignedOnes.zeroPoints.at(0), 72);
    const std::vector<float> x{-1, -.5f, -.004f, 0, .3f, 1, 2.55f, 3, -2};
    const Codes codes{0, 36, 72, 72, 94, 144, 255, 255, 0};
    QCOMPARE(codesWithRange(range, x, "uint8:tensor"), codes);
    Codes signedCodes;
    for (const int code : codes) {
      signedCodes.push_back(code - 128);
    }
    QCOMPARE(chosen(range, "int8:asym:tensor").zeroPoints.at(0), -56);
    QCOMPARE(codesWithRange(range, x, "int8:asym:tensor"), signedCodes);
    // A zero point that is off by one is another answer.
    const auto matrix = row(x);
    QVERIFY(codesOf(*matrix, given(*matrix, "uint8:tensor", unsignedOnes.scales.at(0), 73)) != codes);
  }

  void rounding() { // MV-2; zero, up: by their definitions
    const auto matrix = row({.25f, .75f, 1.25f, 1.75f, -.25f, -.75f, -1.25f, -1.75f});
    const auto codes = [&](std::string_view text) { return codesOf(*matrix, given(*matrix, text, .5f, 0)); };
    QCOMPARE(codes("int8:tensor"), (Codes{0, 2, 2, 4, 0, -2, -2, -4}));
    QCOMPARE(codes("int8:tensor:away"), (Codes{1, 2, 3, 4, -1, -2, -3, -4}));
    QCOMPARE(codes("int8:tensor:zero"), (Codes{0, 1, 2, 3, 0, -1, -2, -3}));
    QCOMPARE(codes("int8:tensor:up"), (Codes{1, 2, 3, 4, 0, -1, -2, -3}));
  }

  void awayIsExactBelowOneHalf() {
    const auto matrix = row({0.49999997f, -0.49999997f, 0.5f, 8388609.0f});
    QCOMPARE(codesOf(*matrix, given(*matrix, "int16:tensor:away", 1.0f, 0)), (Codes{0, 0, 1, 32767}));
  }

  void stochasticRoundingIsUnbiasedAndRepeatable() {
    const auto matrix = row(std::vector<float>(100000, 0.3f));
    const QuantizationParameters parameters = given(*matrix, "int8:tensor:stochastic", 1.0f, 0);
    const JobContext first({}, {}, {}, 1);
    const JobContext second({}, {}, {}, 2);
    const Codes codes = quantizeValues(*matrix, parameters, first)->codes;
    QCOMPARE(quantizeValues(*matrix, parameters, first)->codes, codes);
    QVERIFY(quantizeValues(*matrix, parameters, second)->codes != codes);
    const auto up = static_cast<double>(std::count(codes.begin(), codes.end(), 1));
    QCOMPARE(static_cast<std::size_t>(up) +
                 static_cast<std::size_t>(std::count(codes.begin(), codes.end(), 0)),
             codes.size());
    QVERIFY(std::abs(up / 1e5 - 0.3) < 5 * std::sqrt(0.21 / 1e5)); // five standard deviations
    // The error figures see the same codes.
    const LayerQuantization errors = evaluateParameters(*matrix, parameters, first).value();
    QVERIFY(std::abs(errors.total.errors - (up - 0.3f * 1e5)) < 1.0);
  }

  void zeroPointTies() { // MV-3
    QCOMPARE(chosen({-126.5f, 128.5f}, "uint8:tensor").zeroPoints.at(0), 126);
    QCOMPARE(chosen({-126.5f, 128.5f}, "uint8:tensor:away").zeroPoints.at(0), 127);
    QCOMPARE(chosen({-126.5f, 128.5f}, "int8:asym:tensor").zeroPoints.at(0), -2);
    QCOMPARE(chosen({-126.5f, 128.5f}, "int8:asym:tensor:away").zeroPoints.at(0), -2);
    QCOMPARE(chosen({-125.5f, 129.5f}, "uint8:tensor").zeroPoints.at(0), 126);
    QCOMPARE(chosen({-125.5f, 129.5f}, "uint8:tensor:away").zeroPoints.at(0), 126);
    QCOMPARE(chosen({-125.5f, 129.5f}, "int8:asym:tensor").zeroPoints.at(0), -2);
    QCOMPARE(chosen({-125.5f, 129.5f}, "int8:asym:tensor:away").zeroPoints.at(0), -3);
  }

  void rangeWithoutZero() { // MV-4
    const QuantizationParameters above = chosen({2, 4}, "uint8:tensor");
    QCOMPARE(above.scales.at(0), 4.0f / 255.0f);
    QCOMPARE(above.zeroPoints.at(0), 0);
    QCOMPARE(codesWithRange({2, 4}, {3}, "uint8:tensor"), Codes{191});
    QCOMPARE(chosen({-4, -2}, "uint8:tensor").zeroPoints.at(0), 255);
    QCOMPARE(codesWithRange({-4, -2}, {-3}, "uint8:tensor"), Codes{64});
  }

  void int8Divisors() { // MV-5
    const std::vector<float> x{1, -1, .5f, .3f, -.0039f, .9961f};
    const auto codes = [&](std::string_view text) { return codesWithRange({-1, 1}, x, text); };
    QCOMPARE(codes("int8:tensor"), (Codes{127, -127, 64, 38, 0, 127}));
    QCOMPARE(codes("int8:halfstep:tensor"), (Codes{127, -127, 64, 38, 0, 127}));
    QCOMPARE(codes("int8:full:tensor"), (Codes{127, -128, 64, 38, 0, 127}));
    const auto decoded = [&](std::string_view text) {
      const auto matrix = row({1, .5f, -1});
      return quantizeValues(*matrix, chooseParameters(*matrix, scheme(text), {}).value(), {})->dequantized;
    };
    QVERIFY(std::abs(decoded("int8:tensor").at(1) - .503937f) < 1e-6f);
    QVERIFY(std::abs(decoded("int8:halfstep:tensor").at(0) - .996078f) < 1e-6f);
    QVERIFY(std::abs(decoded("int8:full:tensor").at(0) - .992188f) < 1e-6f);
  }

  void int4Divisors() { // MV-6, with the quotient in float32 as ONNX defines it
    const std::vector<float> x{.7f, -.7f, .35f, .05f, -.05f, .14f, -.6f};
    const auto codes = [&](std::string_view text) { return codesWithRange({-.7f, .7f}, x, text); };
    QCOMPARE(codes("int4:tensor"), (Codes{7, -7, 4, 0, 0, 1, -6}));
    QCOMPARE(codes("int4:halfstep:tensor"), (Codes{7, -8, 4, 1, -1, 2, -6}));
    QCOMPARE(codes("int4:full:tensor"), (Codes{7, -8, 4, 1, -1, 2, -7}));
    // Signed absmax: the first value of the largest magnitude, 0.7, lands on −8.
    const QuantizationParameters absmax = chosen(x, "int4:absmax:tensor");
    QCOMPARE(absmax.scales.at(0), -.0875f);
    QCOMPARE(chosen({-.7f, .7f}, "int4:absmax:tensor").scales.at(0), .0875f);
    const Codes signedCodes = codesOf(*row(x), absmax);
    QCOMPARE(signedCodes.at(0), -8);
    QCOMPARE(signedCodes.at(1), 7);
  }

  void powersOfTwo() { // MV-7
    const std::tuple<float, int, int> vectors[] = {
        {1.f, -6, 64}, {.9f, -7, 115}, {2.55f, -5, 82}, {6.f, -4, 96}};
    for (const auto& [magnitude, exponent, code] : vectors) {
      QCOMPARE(chosen({magnitude}, "int8:pow2:tensor").scales.at(0), std::ldexp(1.0f, exponent));
      QCOMPARE(codesWithRange({magnitude}, {magnitude}, "int8:pow2:tensor"), Codes{code});
    }
    QCOMPARE(chosen({1.f}, "int8:pow2:full:tensor").scales.at(0), std::ldexp(1.0f, -7));
  }

  void groupSizes() { // MV-8, with groups that the grammar allows: two channels are groups of four
    const std::vector<float> w{.1f, -.2f, .3f, -.4f, 1, -2, .5f, 4};
    const auto whole = row(w);
    const LayerQuantization one = quantizeLayer(*whole, scheme("int4:tensor"), {}).value();
    QVERIFY(std::abs(one.parameters.scales.at(0) - .571429f) < 1e-6f);
    // −2/s is a tie in real numbers (−4); with scale and quotient in float32 it is −3.4999998.
    QCOMPARE(codesOf(*whole, one.parameters), (Codes{0, 0, 1, -1, 2, -3, 1, 7}));
    QVERIFY(std::abs(one.total.mse() - .0325257) < 1e-6);
    const auto halves = WeightMatrix::fromRows(w, 2);
    const LayerQuantization two = quantizeLayer(*halves, scheme("int4:channel"), {}).value();
    QCOMPARE(codesOf(*halves, two.parameters), (Codes{2, -4, 5, -7, 2, -3, 1, 7}));
    QVERIFY(std::abs(two.total.mse() - .0135461) < 1e-6);
  }

  void gptqRules() { // MV-9, the GPTQ half
    QCOMPARE(codesWithRange({.2f, .5f, .8f, 1.1f}, {.2f, .5f, .8f, 1.1f}, "uint4:tensor"),
             (Codes{3, 7, 11, 15}));
    const QuantizationParameters symmetric = chosen({-.3f, .6f, .1f}, "uint4:sym:halfstep:tensor");
    QVERIFY(std::abs(symmetric.scales.at(0) - .08f) < 1e-7f);
    QCOMPARE(symmetric.zeroPoints.at(0), 8);
    // q = round(x/s) + 8 with half to even; the third, 0.1/0.08 = 1.25, → 9.
    QCOMPARE(codesWithRange({-.3f, .6f, .1f}, {-.3f, .6f, .1f}, "uint4:sym:halfstep:tensor"),
             (Codes{4, 15, 9}));
  }

  void zeroPointIsAddedAfterRounding() { // MV-10
    const auto matrix = row({.5f});
    QCOMPARE(codesOf(*matrix, given(*matrix, "uint8:tensor", 1.0f, 1)), Codes{1});
  }

  void klThreshold() { // MV-11
    const std::vector<std::int64_t> h{100, 90, 70, 50, 40, 20, 10, 6, 4, 2, 1, 1, 1, 1, 1, 1};
    const double expected[] = {.103864, .046766, .034839, .039873, .025029, .019123, .024201,
                               .035447, .033516, .054894, .055075, .069472, .06848};
    const std::vector<double> divergences = klDivergences(h, 4, 4);
    QCOMPARE(divergences.size(), std::size(expected));
    for (std::size_t i = 0; i < divergences.size(); ++i) {
      QVERIFY2(std::abs(divergences[i] - expected[i]) < 1e-6, std::to_string(divergences[i]).c_str());
    }
    QCOMPARE(klBins(h, 4, 4), std::size_t{9});
    const std::vector<std::int64_t> gaps{100, 90, 70, 50, 40, 20, 10, 6, 4, 2, 1, 1, 0, 0, 1, 1};
    const std::vector<double> withGaps = klDivergences(gaps, 4, 4);
    QVERIFY(std::isinf(withGaps.at(9)) && std::isinf(withGaps.at(10)));
    QCOMPARE(klBins(gaps, 4, 4), std::size_t{9});
  }

  void percentiles() { // MV-12 on the bins' own left edges, by exact order statistics
    const int counts[] = {500, 300, 100, 50, 30, 10, 5, 3, 1, 1};
    std::vector<float> values;
    for (int bin = 0; bin < 10; ++bin) {
      values.insert(values.end(), static_cast<std::size_t>(counts[bin]), static_cast<float>(bin) / 10.f);
    }
    QCOMPARE(chosen(values, "int8:tensor:pct99").ranges.at(0), (ValueRange{-.5f, .5f}));
    QCOMPARE(chosen(values, "int8:tensor:pct99.9").ranges.at(0), (ValueRange{-.8f, .8f}));
    QCOMPARE(chosen(values, "int8:tensor:pct99.99").ranges.at(0), (ValueRange{-.9f, .9f}));
    // Asymmetric: half of the 2 % at each end; nothing is below 0.
    QCOMPARE(chosen(values, "uint8:tensor:pct98").ranges.at(0), (ValueRange{0.f, .5f}));
  }

  void meanSquaredErrorGrid() { // MV-13
    std::vector<float> x;
    for (int i = -20; i <= 20; ++i) {
      x.push_back(static_cast<float>(i) / 10.f);
    }
    x.push_back(6.f);
    const auto matrix = row(x);
    const LayerQuantization best = quantizeLayer(*matrix, scheme("int4:tensor:mse"), {}).value();
    QVERIFY(std::abs(best.parameters.ranges.at(0).hi - 5.88f) < 1e-6f);
    QVERIFY(std::abs(best.total.mse() - .05500952) < 1e-8);
    const LayerQuantization full = quantizeLayer(*matrix, scheme("int4:tensor"), {}).value();
    QVERIFY(std::abs(full.total.mse() - .05587949) < 1e-8);
  }

  void aciqTable() { // 2.2: the published ratios
    const double laplace[] = {2.83068, 3.89723, 5.02864, 6.20477, 7.41313, 8.64562, 9.89676};
    const double gauss[] = {1.71064, 2.15159, 2.55914, 2.93620, 3.28691, 3.61511, 3.92404};
    for (int bits = 2; bits <= 8; ++bits) {
      QVERIFY(std::abs(aciqLaplaceRatio(bits) - laplace[bits - 2]) < 1e-4);
      QVERIFY(std::abs(aciqGaussRatio(bits) - gauss[bits - 2]) < 1e-4);
    }
  }

  void scaledFloat8() { // MV-20, first half
    const std::vector<float> x{.1f, -.35f, .8f, 1.5f, -2.2f, 3.1f, .02f, -5.9f};
    const auto matrix = row(x);
    const QuantizationParameters parameters = chooseParameters(*matrix, scheme("fp8e4m3:tensor"), {}).value();
    QVERIFY(std::abs(parameters.scales.at(0) - .013169643f) < 1e-9f);
    QCOMPARE(codesOf(*matrix, parameters), (Codes{0x4f, 0xdd, 0x67, 0x6e, 0xf2, 0x77, 0x3c, 0xfe}));
  }

  void castsAndTheirCodes() { // MV-16, MV-17 with scale 1, MV-22
    const auto eight = row({1, -1, .1f, .3f, 1.0625f, 1.1875f, 17, 19, 300, 448, 1000});
    QCOMPARE(codesOf(*eight, given(*eight, "fp8e4m3:tensor", 1.0f, 0)),
             (Codes{0x38, 0xb8, 0x1d, 0x2a, 0x38, 0x3a, 0x58, 0x5a, 0x79, 0x7e, 0x7e}));
    const auto five = row({.1f, .3f, 240, 300, 448, 1000, -.0175f});
    QCOMPARE(codesOf(*five, given(*five, "fp8e5m2:tensor", 1.0f, 0)),
             (Codes{0x2e, 0x35, 0x5c, 0x5d, 0x5f, 0x64, 0xa4}));
    const auto sixteen = row({.1f, 1.00390625f, 65504.f});
    QCOMPARE(codesOf(*sixteen, given(*sixteen, "bf16:tensor", 1.0f, 0)), (Codes{0x3dcd, 0x3f80, 0x4780}));
    const auto half = row({.1f, 1.00390625f, 70000.f, 6e-8f});
    QCOMPARE(codesOf(*half, given(*half, "fp16:tensor", 1.0f, 0)), (Codes{0x2e66, 0x3c04, 0x7c00, 1}));
    // The cast that overflowed is a clipping error without bound.
    const LayerQuantization overflow = quantizeLayer(*half, scheme("fp16"), {}).value();
    QCOMPARE(overflow.total.clipped, std::int64_t{1});
    QVERIFY(std::isinf(overflow.total.mse()) && std::isinf(overflow.total.mseClipping()));
    QVERIFY(std::isfinite(overflow.total.mseRounding()));
  }

  void oddValues() {
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    constexpr float kInf = std::numeric_limits<float>::infinity();
    const auto matrix =
        WeightMatrix::fromRows({0, 0, 0, kNan, kInf, -kInf, 1, -.5f, kNan, 1e-40f, 1e-41f, 0}, 4);
    const LayerQuantization symmetric = quantizeLayer(*matrix, scheme("int8"), {}).value();
    QCOMPARE(symmetric.total.nonFinite, std::int64_t{4});
    QCOMPARE(symmetric.total.count, std::int64_t{8});
    QCOMPARE(symmetric.parameters.scales, (std::vector<float>{1.f, 1.f, 1.f / 127.f, 1.f}));
    QCOMPARE(codesOf(*matrix, symmetric.parameters), (Codes{0, 0, 0, 0, 127, -127, 127, -64, 0, 0, 0, 0}));
    const LayerQuantization asymmetric = quantizeLayer(*matrix, scheme("uint8"), {}).value();
    QCOMPARE(asymmetric.parameters.zeroPoints, (std::vector<std::int32_t>{128, 128, 85, 128}));
    QCOMPARE(codesOf(*matrix, asymmetric.parameters),
             (Codes{128, 128, 128, 128, 255, 0, 255, 0, 85, 128, 128, 128}));
    for (const char* text : {"fp16", "bf16", "fp8e4m3", "int4:mse", "int4:kl", "int4:aciq", "int4:pct99.9",
                             "uint4:group16:mse", "int8:tensor:kl", "fp32"}) {
      const LayerQuantization result = quantizeLayer(*matrix, scheme(text), {}).value();
      QCOMPARE(result.total.nonFinite, std::int64_t{4});
      QVERIFY(quantizeValues(*matrix, result.parameters, {}).has_value());
    }
    const auto empty = WeightMatrix::fromRows({}, 0);
    VERIFY_OK(quantizeLayer(*empty, scheme("int4:group16:mse"), {}));
  }

  void hugeAndTinyValues() {
    const auto huge = row({3e38f, -3e38f, 1e38f});
    const LayerQuantization result = quantizeLayer(*huge, scheme("uint8"), {}).value();
    QVERIFY(std::isfinite(result.parameters.scales.at(0)));
    QVERIFY(std::isfinite(result.total.squaredErrors) && result.total.sqnrDb() > 40.0);
    const auto tiny = row({3e-30f, -2e-30f, 1.3e-30f});
    QVERIFY(quantizeLayer(*tiny, scheme("int8"), {})->total.sqnrDb() > 40.0);
    QVERIFY(quantizeLayer(*tiny, scheme("int8"), {})->total.sqnrDb() < 80.0);
  }

  void bytesAndBits() {
    const auto matrix = WeightMatrix::fromRows(std::vector<float>(3 * 40, 1.0f), 3);
    const auto bytes = [&](std::string_view text) { return quantizeLayer(*matrix, scheme(text), {})->bytes; };
    QCOMPARE(bytes("int8"), 120 + 3 * 4);
    QCOMPARE(bytes("int4:group16"), 60 + 9 * 4); // 16, 16 and 8 values in each channel
    QCOMPARE(bytes("uint4:group16"), 60 + 9 * 4 + 5);
    QCOMPARE(bytes("uint4:sym:group16"), 60 + 9 * 4);
    QCOMPARE(bytes("int3:tensor"), 45 + 4);
    QCOMPARE(bytes("fp16"), 240);
    QCOMPARE(bytes("fp8e4m3:tensor"), 124);
    QCOMPARE(bytes("fp32"), 480);
    QCOMPARE(quantizeLayer(*matrix, scheme("int8"), {})->bitsPerWeight, 8.0 * 132 / 120);
  }

  void unsupportedAndCancelled() {
    const auto matrix = row({1, 2});
    QCOMPARE(quantizeLayer(*matrix, scheme("int8:hqq"), {}).error().kind, ErrorKind::unsupported);
    std::stop_source stop;
    stop.request_stop();
    QCOMPARE(quantizeLayer(*matrix, scheme("int8"), JobContext(stop.get_token())).error().kind,
             ErrorKind::cancelled);
  }
};

QTEST_GUILESS_MAIN(QuantizerTest)
#include "tst_quantizer.moc"
