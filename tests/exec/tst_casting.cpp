// Cast, CastLike and BitCast to the types that NumPy does not have. Expected values: the tables of ONNX's
// Cast (opsets 19 to 24), as ONNX Runtime 1.30 computes them too.
#include "core/exec/elements.h"
#include "core/exec/executor.h"
#include "tests/support/test_case.h"

#include <cmath>
#include <limits>

using namespace halfstep;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// x through one node, to the type with ONNX's number `to`.
Result<Tensor> castOf(const Tensor& x, std::int64_t to, std::map<std::string, Attribute> attributes = {},
                      const char* opType = "Cast") {
  auto model = std::make_shared<Model>();
  model->opsets[""] = 26;
  Node node;
  node.opType = opType;
  node.inputs = {"x"};
  node.outputs = {"y"};
  node.attributes = std::move(attributes);
  node.attributes["to"] = to;
  model->graph.nodes = {node};
  model->graph.inputs.resize(1);
  model->graph.inputs[0].name = "x";
  model->graph.outputs.resize(1);
  model->graph.outputs[0].name = "y";
  HALFSTEP_TRY(const Executor executor, Executor::create(model));
  HALFSTEP_TRY(const auto outputs, executor.run({{"x", x}}, {}));
  return outputs.at("y").tensor();
}

template <class T>
Tensor tensorOf(const std::vector<T>& values) {
  const auto made = newTensor<T>({static_cast<std::int64_t>(values.size())}).value();
  std::copy(values.begin(), values.end(), made.values.begin());
  return made.finish();
}

/// The same numbers, signs of zero included, NaN where NaN is expected.
bool isSame(const std::vector<float>& got, const std::vector<float>& expected) {
  return std::equal(got.begin(), got.end(), expected.begin(), expected.end(), [](float a, float b) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
  });
}

} // namespace

class CastingTest : public test::TestCase {
  Q_OBJECT
private slots:
  void roundsToSmallFloats_data() {
    QTest::addColumn<int>("to");
    QTest::addColumn<bool>("saturate");
    QTest::addColumn<QList<float>>("expected");
    // of 0, −0, 1.0625, 464, 465, 61439, 240, 248, NaN, ∞, −∞, 2^−10
    QTest::newRow("e4m3fn") << 17 << true
                            << QList<float>{0, -0.0f, 1, 448, 448, 448, 240, 256, kNan, 448, -448, 0};
    QTest::newRow("e4m3fn, overflowing")
        << 17 << false << QList<float>{0, -0.0f, 1, 448, kNan, kNan, 240, 256, kNan, kNan, kNan, 0};
    QTest::newRow("e4m3fnuz") << 18 << true << QList<float>{0,   0,   1,    240, 240,  240,
                                                            240, 240, kNan, 240, -240, 0.0009765625f};
    QTest::newRow("e4m3fnuz, overflowing")
        << 18 << false << QList<float>{0, 0, 1, kNan, kNan, kNan, 240, kNan, kNan, kNan, kNan, 0.0009765625f};
    QTest::newRow("e5m2") << 19 << true << QList<float>{0,   -0.0f, 1,    448,   448,    57344,
                                                        256, 256,   kNan, 57344, -57344, 0.0009765625f};
    QTest::newRow("e5m2, overflowing")
        << 19 << false
        << QList<float>{0, -0.0f, 1, 448, 448, 57344, 256, 256, kNan, kInfinity, -kInfinity, 0.0009765625f};
    QTest::newRow("e5m2fnuz") << 20 << true << QList<float>{0,   0,   1,    448,   448,    57344,
                                                            256, 256, kNan, 57344, -57344, 0.0009765625f};
    QTest::newRow("e5m2fnuz, overflowing")
        << 20 << false << QList<float>{0, 0, 1, 448, 448, 57344, 256, 256, kNan, kNan, kNan, 0.0009765625f};
    QTest::newRow("e2m1") << 23 << true << QList<float>{0, -0.0f, 1, 6, 6, 6, 6, 6, 6, 6, -6, 0};
  }
  void roundsToSmallFloats() {
    QFETCH(int, to);
    QFETCH(bool, saturate);
    QFETCH(QList<float>, expected);
    const Tensor x = tensorOf<float>(
        {0, -0.0f, 1.0625f, 464, 465, 61439, 240, 248, kNan, kInfinity, -kInfinity, 0.0009765625f});
    const auto y = castOf(x, to, {{"saturate", std::int64_t{saturate ? 1 : 0}}});
    QVERIFY2(y.has_value(), y ? "" : y.error().message().c_str());
    QCOMPARE(static_cast<int>(y->type()), to);
    const std::vector<float> values = toFloats(*y, {}).value();
    QStringList shown;
    for (const float value : values) {
      shown << QString::number(static_cast<double>(value));
    }
    QVERIFY2(isSame(values, {expected.begin(), expected.end()}), qPrintable(shown.join(' ')));
    QVERIFY(!isSame(values, {kNan, -0.0f, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}));
  }

  void roundsToPowersOfTwo_data() {
    QTest::addColumn<std::string>("rounding");
    QTest::addColumn<QList<int>>("exponents"); // of 0.75, 1.25, 1.5, 5, 2^−127, 0, −1, 1.8e38
    QTest::newRow("up") << std::string("up") << QList<int>{0, 1, 1, 3, -127, -127, -127, 127};
    QTest::newRow("down") << std::string("down") << QList<int>{-1, 0, 0, 2, -127, -127, -127, 127};
    QTest::newRow("nearest") << std::string("nearest") << QList<int>{0, 0, 1, 2, -127, -127, -127, 127};
  }
  void roundsToPowersOfTwo() {
    QFETCH(std::string, rounding);
    QFETCH(QList<int>, exponents);
    const Tensor x = tensorOf<float>({0.75f, 1.25f, 1.5f, 5, std::ldexp(1.0f, -127), 0, -1, 1.8e38f});
    const auto y = castOf(x, 24, {{"round_mode", rounding}});
    QVERIFY2(y.has_value(), y ? "" : y.error().message().c_str());
    const std::vector<float> values = toFloats(*y, {}).value();
    for (qsizetype i = 0; i < exponents.size(); ++i) {
      QCOMPARE(values[static_cast<std::size_t>(i)], std::ldexp(1.0f, exponents[i]));
    }
    const auto strict = castOf(x, 24, {{"round_mode", rounding}, {"saturate", std::int64_t{0}}});
    QVERIFY(strict.has_value());
    const std::vector<float> kept = toFloats(*strict, {}).value();
    QVERIFY(kept[4] == values[4] && std::isnan(kept[5]) && std::isnan(kept[6]) && std::isnan(kept[7]));
    QVERIFY(!castOf(x, 24, {{"round_mode", std::string("sideways")}}).has_value());
  }

  void integersKeepTheirLowBits_data() {
    QTest::addColumn<int>("to");
    QTest::addColumn<QList<int>>("expected"); // of 1, 7, 8, 15, 16, 200, −1, −9
    QTest::newRow("int4") << 22 << QList<int>{1, 7, -8, -1, 0, -8, -1, 7};
    QTest::newRow("uint4") << 21 << QList<int>{1, 7, 8, 15, 0, 8, 15, 7};
    QTest::newRow("int2") << 26 << QList<int>{1, -1, 0, -1, 0, 0, -1, -1};
    QTest::newRow("uint2") << 25 << QList<int>{1, 3, 0, 3, 0, 0, 3, 3};
    QTest::newRow("int8") << 3 << QList<int>{1, 7, 8, 15, 16, -56, -1, -9};
  }
  void integersKeepTheirLowBits() {
    QFETCH(int, to);
    QFETCH(QList<int>, expected);
    const auto y = castOf(tensorOf<std::int32_t>({1, 7, 8, 15, 16, 200, -1, -9}), to);
    QVERIFY2(y.has_value(), y ? "" : y.error().message().c_str());
    const std::vector<std::int64_t> values = toIntegers(*y).value();
    QCOMPARE(QList<int>(values.begin(), values.end()), expected);
  }

  void bitsStayAsTheyAre() {
    const auto y = castOf(tensorOf<float>({1.0f, -0.0f}), 6, {}, "BitCast");
    QVERIFY2(y.has_value(), y ? "" : y.error().message().c_str());
    QCOMPARE(toIntegers(*y).value(),
             (std::vector<std::int64_t>{0x3f800000, std::numeric_limits<std::int32_t>::min()}));
    const auto wider = castOf(tensorOf<float>({1.0f}), 7, {}, "BitCast");
    QVERIFY(!wider && wider.error().message().find("bits") != std::string::npos);
  }
};

QTEST_GUILESS_MAIN(CastingTest)
#include "tst_casting.moc"
