#include "core/tensor/float_formats.h"

#include <bit>
#include <cmath>
#include <limits>

namespace halfstep {

namespace {

/// Decodes sign/exponent/mantissa with the given widths and bias; specials are the caller's.
float decode(std::uint32_t bits, int exponentBits, int mantissaBits, int bias) {
  const std::uint32_t mantissa = bits & ((1u << mantissaBits) - 1);
  const std::uint32_t exponent = (bits >> mantissaBits) & ((1u << exponentBits) - 1);
  const bool negative = ((bits >> (mantissaBits + exponentBits)) & 1) != 0;
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), 1 - bias - mantissaBits)
                                        : std::ldexp(static_cast<float>(mantissa | (1u << mantissaBits)),
                                                     static_cast<int>(exponent) - bias - mantissaBits);
  return negative ? -magnitude : magnitude;
}

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// The magnitude (sign bit clear) of finite |value| rounded to nearest even with the given widths; may come
/// out one above the format's largest number, which the caller turns into saturation or infinity.
std::uint32_t encodeMagnitude(float magnitude, int mantissaBits, int bias) {
  const auto bits = std::bit_cast<std::uint32_t>(magnitude);
  const int exponent = static_cast<int>(bits >> 23) - 127;
  const std::uint32_t full = (bits & 0x7fffffu) | (exponent == -127 ? 0 : 0x800000u);
  if (full == 0) {
    return 0;
  }
  const int minimumExponent = 1 - bias;
  int shift = 23 - mantissaBits;
  std::uint32_t base = 0;
  if (exponent < minimumExponent) {
    shift += minimumExponent - (exponent == -127 ? -126 : exponent); // subnormal in the small format
    if (shift > 25) {
      return 0;
    }
  } else {
    // The implicit bit of `full` adds one to the exponent field, so start one below.
    base = static_cast<std::uint32_t>(exponent - minimumExponent) << mantissaBits;
  }
  const std::uint32_t half = 1u << (shift - 1);
  const std::uint32_t kept = full >> shift;
  const std::uint32_t rest = full & ((1u << shift) - 1);
  const bool up = rest > half || (rest == half && (kept & 1) != 0);
  return base + kept + (up ? 1 : 0);
}

//                                   mantissa, bias, largest, overflow, NaN, sign
constexpr SmallFloatFormat kE4m3fn = {3, 7, 0x7e, 0x7f, 0x7f, 0x80, false};
constexpr SmallFloatFormat kE4m3fnuz = {3, 8, 0x7f, 0x80, 0x80, 0x80, true};
constexpr SmallFloatFormat kE5m2 = {2, 15, 0x7b, 0x7c, 0x7f, 0x80, false};
constexpr SmallFloatFormat kE5m2fnuz = {2, 16, 0x7f, 0x80, 0x80, 0x80, true};
constexpr SmallFloatFormat kE2m1 = {1, 1, 0x7, 0x7, 0x7, 0x8, false};

} // namespace

float floatFromHalf(std::uint16_t bits) {
  if ((bits & 0x7c00u) == 0x7c00u) {
    if ((bits & 0x3ffu) != 0) {
      return kNan;
    }
    return (bits & 0x8000u) != 0 ? -kInfinity : kInfinity;
  }
  return decode(bits, 5, 10, 15);
}

float floatFromBfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

float floatFromFloat8e4m3fn(std::uint8_t bits) {
  return (bits & 0x7fu) == 0x7fu ? kNan : decode(bits, 4, 3, 7);
}

float floatFromFloat8e4m3fnuz(std::uint8_t bits) {
  return bits == 0x80u ? kNan : decode(bits, 4, 3, 8);
}

float floatFromFloat8e5m2(std::uint8_t bits) {
  if ((bits & 0x7cu) == 0x7cu) {
    if ((bits & 3u) != 0) {
      return kNan;
    }
    return (bits & 0x80u) != 0 ? -kInfinity : kInfinity;
  }
  return decode(bits, 5, 2, 15);
}

float floatFromFloat8e5m2fnuz(std::uint8_t bits) {
  return bits == 0x80u ? kNan : decode(bits, 5, 2, 16);
}

float floatFromFloat8e8m0(std::uint8_t bits) {
  return bits == 0xffu ? kNan : std::ldexp(1.0f, static_cast<int>(bits) - 127);
}

float floatFromFloat4e2m1(std::uint8_t bits) {
  return decode(bits & 0xfu, 2, 1, 1);
}

std::uint16_t halfFromFloat(float value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000u : 0u;
  if (std::isnan(value)) {
    return sign | 0x7e00u;
  }
  if (std::isinf(value)) {
    return sign | 0x7c00u;
  }
  const std::uint32_t magnitude = encodeMagnitude(std::abs(value), 10, 15);
  return static_cast<std::uint16_t>(sign | (magnitude > 0x7c00u ? 0x7c00u : magnitude));
}

std::uint16_t bfloat16FromFloat(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) {
    return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  }
  const std::uint32_t rounding = 0x7fffu + ((bits >> 16) & 1u);
  return static_cast<std::uint16_t>((bits + rounding) >> 16);
}

std::uint8_t float8e4m3fnFromFloat(float value) {
  return smallFloatFromFloat(kE4m3fn, value, true);
}

std::uint8_t float8e5m2FromFloat(float value) {
  return smallFloatFromFloat(kE5m2, value, true);
}

const SmallFloatFormat* smallFloatFormatOf(ElementType type) {
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

std::uint8_t smallFloatFromFloat(const SmallFloatFormat& format, float value, bool saturate) {
  const std::uint8_t sign = std::signbit(value) ? format.sign : 0;
  if (std::isnan(value)) {
    return format.unsignedSpecial ? format.nan : static_cast<std::uint8_t>(sign | format.nan);
  }
  std::uint32_t code = encodeMagnitude(std::abs(value), format.mantissaBits, format.bias);
  if (code > format.largest) {
    if (!saturate) {
      return format.unsignedSpecial ? format.overflow : static_cast<std::uint8_t>(sign | format.overflow);
    }
    code = format.largest;
  }
  return static_cast<std::uint8_t>(code == 0 && format.unsignedSpecial ? 0 : (sign | code));
}

std::uint8_t float8e8m0FromFloat(float value, bool saturate, PowerRounding rounding) {
  constexpr std::uint8_t kNanCode = 0xff;
  constexpr int kBias = 127;
  const float largest = std::ldexp(1.0f, kBias);
  if (std::isnan(value)) {
    return kNanCode;
  }
  if (value < std::ldexp(1.0f, -kBias)) {
    return saturate ? 0 : kNanCode;
  }
  if (value > largest) {
    return saturate ? 2 * kBias : kNanCode;
  }
  int exponent = 0;
  const float fraction = std::frexp(value, &exponent); // 0.5 … 1
  const bool isUp = (rounding == PowerRounding::up && fraction > 0.5f) ||
                    (rounding == PowerRounding::nearest && fraction >= 0.75f);
  return static_cast<std::uint8_t>(exponent - 1 + kBias + (isUp ? 1 : 0));
}

} // namespace halfstep
