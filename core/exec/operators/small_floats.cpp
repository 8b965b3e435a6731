#include "core/exec/operators/small_floats.h"

#include "core/tensor/float_formats.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

SmallFormat smallFormat(float (*decode)(std::uint8_t), unsigned largest, std::uint8_t overflow,
                        std::uint8_t nan, std::uint8_t sign, bool unsignedSpecial) {
  SmallFormat format{{}, overflow, nan, sign, unsignedSpecial};
  for (unsigned code = 0; code <= largest; ++code) {
    format.magnitudes.push_back(decode(static_cast<std::uint8_t>(code)));
  }
  format.magnitudes.push_back(2 * format.magnitudes[largest] - format.magnitudes[largest - 1]);
  return format;
}

} // namespace

const SmallFormat* smallFormatOf(ElementType type) {
  static const SmallFormat kE4m3fn = smallFormat(floatFromFloat8e4m3fn, 0x7e, 0x7f, 0x7f, 0x80, false);
  static const SmallFormat kE4m3fnuz = smallFormat(floatFromFloat8e4m3fnuz, 0x7f, 0x80, 0x80, 0x80, true);
  static const SmallFormat kE5m2 = smallFormat(floatFromFloat8e5m2, 0x7b, 0x7c, 0x7f, 0x80, false);
  static const SmallFormat kE5m2fnuz = smallFormat(floatFromFloat8e5m2fnuz, 0x7f, 0x80, 0x80, 0x80, true);
  static const SmallFormat kE2m1 = smallFormat(floatFromFloat4e2m1, 0x7, 0x7, 0x7, 0x8, false);
  switch (type) {
  case ElementType::float8e4m3fn:
    return &kE4m3fn;
  case ElementType::float8e4m3fnuz:
    return &kE4m3fnuz;
  case ElementType::float8e5m2:
    return &kE5m2;
  case ElementType::float8e5m2fnuz:
    return &kE5m2fnuz;
  case ElementType::float4e2m1:
    return &kE2m1;
  default:
    return nullptr;
  }
}

std::uint8_t smallFloat(const SmallFormat& format, float value, bool saturate) {
  const std::uint8_t sign = std::signbit(value) ? format.sign : 0;
  if (std::isnan(value)) {
    return format.unsignedSpecial ? format.nan : static_cast<std::uint8_t>(sign | format.nan);
  }
  const float magnitude = std::abs(value);
  const auto& numbers = format.magnitudes;
  const auto above = std::lower_bound(numbers.begin(), numbers.end(), magnitude);
  auto code = static_cast<std::size_t>(above - numbers.begin());
  if (code > 0 && code < numbers.size()) {
    const float up = numbers[code] - magnitude;
    const float down = magnitude - numbers[code - 1];
    code -= down < up || (down == up && (code - 1) % 2 == 0) ? 1 : 0;
  }
  if (code + 1 >= numbers.size()) {
    if (!saturate) {
      return format.unsignedSpecial ? format.overflow : static_cast<std::uint8_t>(sign | format.overflow);
    }
    code = numbers.size() - 2;
  }
  return static_cast<std::uint8_t>(code == 0 && format.unsignedSpecial ? 0 : (sign | code));
}

std::uint8_t powerOfTwoCode(float value, bool saturate, PowerRounding rounding) {
  constexpr std::uint8_t kNan = 0xff;
  constexpr int kBias = 127;
  const float largest = std::ldexp(1.0f, kBias);
  if (std::isnan(value)) {
    return kNan;
  }
  if (value < std::ldexp(1.0f, -kBias)) {
    return saturate ? 0 : kNan;
  }
  if (value > largest) {
    return saturate ? 2 * kBias : kNan;
  }
  int exponent = 0;
  const float fraction = std::frexp(value, &exponent); // 0.5 … 1
  const bool isUp = (rounding == PowerRounding::up && fraction > 0.5f) ||
                    (rounding == PowerRounding::nearest && fraction >= 0.75f);
  return static_cast<std::uint8_t>(exponent - 1 + kBias + (isUp ? 1 : 0));
}

Result<Tensor> packedCodes(const Shape& shape, ElementType type, std::span<const std::uint8_t> codes) {
  const auto bits = static_cast<std::size_t>(elementBits(type));
  const std::size_t perByte = 8 / bits;
  std::vector<std::byte> bytes(packedBytes(type, codes.size()));
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const unsigned code = codes[i] & ((1u << bits) - 1u);
    bytes[i / perByte] |= static_cast<std::byte>(code << (i % perByte * bits));
  }
  return Tensor::own(type, shape, std::move(bytes));
}

} // namespace halfstep
