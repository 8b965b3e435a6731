#include "core/tensor/float_formats.h"
#include "core/tensor/tensor.h"
#include "tests/support/test_case.h"

#include <bit>
#include <cmath>
#include <limits>

using namespace halfstep;

namespace {

std::vector<std::byte> bytesOf(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) {
    bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

} // namespace

class TensorTest : public test::TestCase {
  Q_OBJECT
private slots:
  // Vectors MV-16, MV-17 and MV-22: computed independently by enumeration.
  void encodesSmallFloats() {
    const std::pair<float, int> e4m3[] = {{1, 0x38},
                                          {-1, 0xb8},
                                          {.1f, 0x1d},
                                          {.3f, 0x2a},
                                          {1.0625f, 0x38},
                                          {1.1875f, 0x3a},
                                          {17, 0x58},
                                          {19, 0x5a},
                                          {300, 0x79},
                                          {448, 0x7e},
                                          {1000, 0x7e},
                                          {std::ldexp(1.f, -10), 0},
                                          {std::ldexp(1.f, -9), 1},
                                          {std::ldexp(3.f, -10), 2},
                                          {-.0175f, 0x89}};
    for (const auto& [value, code] : e4m3) {
      QCOMPARE(int(float8e4m3fnFromFloat(value)), code);
    }
    const std::pair<float, int> e5m2[] = {{.1f, 0x2e}, {.3f, 0x35},  {240, 0x5c},    {300, 0x5d},
                                          {448, 0x5f}, {1000, 0x64}, {-.0175f, 0xa4}};
    for (const auto& [value, code] : e5m2) {
      QCOMPARE(int(float8e5m2FromFloat(value)), code);
    }
    QCOMPARE(int(bfloat16FromFloat(.1f)), 0x3dcd);
    QCOMPARE(int(bfloat16FromFloat(1.00390625f)), 0x3f80);
    QCOMPARE(int(bfloat16FromFloat(65504.f)), 0x4780);
    QCOMPARE(int(halfFromFloat(.1f)), 0x2e66);
    QCOMPARE(int(halfFromFloat(1.00390625f)), 0x3c04);
    QCOMPARE(int(halfFromFloat(70000.f)), 0x7c00);
    QCOMPARE(int(halfFromFloat(6e-8f)), 1);
  }

  void smallFloatsRoundTrip() {
    for (int code = 0; code < 65536; ++code) {
      const auto bits = static_cast<std::uint16_t>(code);
      if (!std::isnan(floatFromHalf(bits))) {
        QCOMPARE(int(halfFromFloat(floatFromHalf(bits))), code);
      }
      if (!std::isnan(floatFromBfloat16(bits))) {
        QCOMPARE(int(bfloat16FromFloat(floatFromBfloat16(bits))), code);
      }
    }
    for (int code = 0; code < 256; ++code) {
      const auto bits = static_cast<std::uint8_t>(code);
      if (std::isfinite(floatFromFloat8e4m3fn(bits))) {
        QCOMPARE(int(float8e4m3fnFromFloat(floatFromFloat8e4m3fn(bits))), code);
      }
      if (std::isfinite(floatFromFloat8e5m2(bits))) {
        QCOMPARE(int(float8e5m2FromFloat(floatFromFloat8e5m2(bits))), code);
      }
    }
    QCOMPARE(floatFromFloat8e4m3fnuz(0x7f), 240.f);
    QCOMPARE(floatFromFloat8e5m2fnuz(0x7f), 57344.f);
    QVERIFY(std::isnan(floatFromFloat8e4m3fnuz(0x80)));
    QCOMPARE(floatFromFloat8e8m0(127), 1.f);
    const float levels[] = {0, .5f, 1, 1.5f, 2, 3, 4, 6};
    for (int code = 0; code < 8; ++code) {
      QCOMPARE(floatFromFloat4e2m1(static_cast<std::uint8_t>(code)), levels[code]);
      QCOMPARE(floatFromFloat4e2m1(static_cast<std::uint8_t>(code + 8)), -levels[code]);
    }
  }

  void halfRoundsLikeTheHardware() {
    // Nearest even by comparison with the two neighbours, for values all over the range.
    for (int i = 0; i < 200000; ++i) {
      const auto value = std::bit_cast<float>(0x33000000u + static_cast<std::uint32_t>(i) * 1361u);
      if (!(value < 65504.f)) {
        break;
      }
      const std::uint16_t code = halfFromFloat(value);
      const double error = std::abs(double(floatFromHalf(code)) - value);
      const double below = code > 0 ? std::abs(double(floatFromHalf(code - 1)) - value) : error;
      const double above = std::abs(double(floatFromHalf(code + 1)) - value);
      QVERIFY(error <= below && error <= above);
      if (error == above || (error == below && code > 0)) {
        QCOMPARE(code & 1, 0);
      }
    }
  }

  // Bytes from ONNX's packing rule: element 0 in the low bits, row-major.
  void unpacksSubByteTypes() {
    const Tensor int4 = Tensor::own(ElementType::int4, {3}, bytesOf({0x78, 0x0f})).value();
    QCOMPARE(int4.valueAt(0), -8.);
    QCOMPARE(int4.valueAt(1), 7.);
    QCOMPARE(int4.valueAt(2), -1.);
    const Tensor uint2 = Tensor::own(ElementType::uint2, {2, 4}, bytesOf({0xe4, 0x1b})).value();
    QCOMPARE(toIntegers(uint2).value(), (std::vector<std::int64_t>{0, 1, 2, 3, 3, 2, 1, 0}));
    const Tensor int2 = Tensor::own(ElementType::int2, {4}, bytesOf({0xe4})).value();
    QCOMPARE(toIntegers(int2).value(), (std::vector<std::int64_t>{0, 1, -2, -1}));
  }

  void rejectsWrongSizes() {
    QVERIFY(!Tensor::own(ElementType::float32, {2}, bytesOf({0, 0, 0, 0})));
    QVERIFY(!Tensor::own(ElementType::float32, {-1}, {}));
    QVERIFY(!Tensor::own(ElementType::int8, {std::int64_t{1} << 40, std::int64_t{1} << 40}, {}));
    QVERIFY(!Tensor::own(ElementType::string, {1}, bytesOf({0})));
    VERIFY_OK(Tensor::own(ElementType::int8, {0, std::int64_t{1} << 24, std::int64_t{1} << 24}, {}));
    QVERIFY(!Tensor::own(ElementType::int8, {0, std::int64_t{1} << 62, std::int64_t{1} << 62}, {}));
  }

  void readsMisalignedBytes() {
    auto bytes = std::make_shared<std::vector<std::byte>>(9);
    const float value = 3.5f;
    std::memcpy(bytes->data() + 1, &value, 4);
    std::memcpy(bytes->data() + 5, &value, 4);
    const Tensor tensor =
        Tensor::share(ElementType::float32, {2}, bytes, std::span(*bytes).subspan(1)).value();
    QCOMPARE(toFloats(tensor, {}).value(), (std::vector<float>{3.5f, 3.5f}));
    float one = 0;
    VERIFY_OK(readAsFloat(tensor, 1, std::span(&one, 1)));
    QVERIFY(!readAsFloat(tensor, 2, std::span(&one, 1)));
  }

  void everyTypeHasItsSize() {
    for (int code = 0; code <= 26; ++code) {
      const auto type = elementTypeFromOnnx(code).value();
      QVERIFY(!elementTypeName(type).empty());
      const int bits = elementBits(type);
      QCOMPARE(packedBytes(type, 8), static_cast<std::size_t>(bits));
      QVERIFY(packedBytes(type, 3) * 8 >= static_cast<std::size_t>(3 * bits));
    }
    QVERIFY(!elementTypeFromOnnx(27));
    QVERIFY(!elementTypeFromOnnx(-1));
  }
};

QTEST_GUILESS_MAIN(TensorTest)
#include "tst_tensor.moc"
