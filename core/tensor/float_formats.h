// Bit-level conversions between float32 and the small floating-point formats. Sources: IEEE 754-2008
// (binary16), OCP "8-bit Floating Point Specification" 1.0 (E4M3, E5M2), ONNX's FNUZ variants, OCP MX 1.0
// (E2M1, E8M0); out of range as ONNX's Cast. Decoding is exact. Encoding rounds to nearest, ties to even.
#pragma once

#include "core/tensor/element_type.h"

#include <cstdint>

namespace halfstep {

float floatFromHalf(std::uint16_t bits);
float floatFromBfloat16(std::uint16_t bits);
float floatFromFloat8e4m3fn(std::uint8_t bits);
float floatFromFloat8e4m3fnuz(std::uint8_t bits);
float floatFromFloat8e5m2(std::uint8_t bits);
float floatFromFloat8e5m2fnuz(std::uint8_t bits);
float floatFromFloat8e8m0(std::uint8_t bits);
/// `bits` in 0…15.
float floatFromFloat4e2m1(std::uint8_t bits);

/// Overflow gives infinity; NaN stays a (quiet) NaN; denormals are kept.
std::uint16_t halfFromFloat(float value);
std::uint16_t bfloat16FromFloat(float value);
/// Saturating: beyond ±448 (also ±∞) gives ±448; NaN gives 0x7f with the sign.
std::uint8_t float8e4m3fnFromFloat(float value);
/// Saturating: beyond ±57344 (also ±∞) gives ±57344; NaN gives 0x7f with the sign.
std::uint8_t float8e5m2FromFloat(float value);

/// A format of 4 or 8 bits with sign, exponent and mantissa.
struct SmallFloatFormat {
  int mantissaBits;
  int bias;
  std::uint8_t largest;  ///< the code of the largest number
  std::uint8_t overflow; ///< beyond it without saturation; the sign is added
  std::uint8_t nan;
  std::uint8_t sign;    ///< the bit of the sign
  bool unsignedSpecial; ///< one zero and one NaN only (the FNUZ kinds)
};

/// Null for other types, also for float8e8m0, whose codes are exponents. float4e2m1 has no specials: overflow
/// and NaN give its largest number.
const SmallFloatFormat* smallFloatFormatOf(ElementType type);

/// Out of range, also ±∞: the largest number where `saturate`, else infinity or NaN.
std::uint8_t smallFloatFromFloat(const SmallFloatFormat& format, float value, bool saturate);

/// Which power of two a float8e8m0 becomes where the value lies between two.
enum class PowerRounding : std::uint8_t { up, down, nearest }; ///< nearest: 1.5 goes up

/// The exponent of a power of two, 2^−127 … 2^127. Outside, also for zero and what is negative: the nearer
/// end where `saturate`, else NaN.
std::uint8_t float8e8m0FromFloat(float value, bool saturate, PowerRounding rounding);

} // namespace halfstep
