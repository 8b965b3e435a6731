// Bit-level conversions between float32 and the small floating-point formats. Sources: IEEE 754-2008
// (binary16), OCP "8-bit Floating Point Specification" 1.0 (E4M3, E5M2), ONNX's FNUZ variants, OCP MX 1.0
// (E2M1, E8M0). Decoding is exact. Encoding rounds to nearest, ties to even.
#pragma once

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

} // namespace halfstep
