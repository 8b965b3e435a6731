// What the kernels are told about a quantization grid: plain values, spans and nothing else. The caller owns
// what the spans show; everything may be used from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace halfstep::kernels {

/// How a quotient becomes an integer. even: nearest, ties to even (IEEE 754 roundTiesToEven) · away: nearest,
/// ties away from zero (std::round) · zero: toward zero (std::trunc) · up: toward +∞ (std::ceil) ·
/// stochastic: down or up with the probability that makes the expectation right (see stochastic.h).
enum class Rounding : std::uint8_t { even, away, zero, up, stochastic };

/// Integer codes with one scale per segment: code = saturate(round(x / scale) + zero point),
/// decoded = scale·(code − zero point), all in float32, each operation rounded once. Value i of the span that
/// a kernel is given belongs to segment i / segmentLength: the span starts at a segment's start, or within
/// one when there is only that one.
struct IntegerGrids {
  std::span<const float> scales;            ///< not 0, normal, finite; may be negative
  std::span<const std::int32_t> zeroPoints; ///< the same length
  std::size_t segmentLength = 0;            ///< ≥ 1
  int lowestCode = 0;
  int highestCode = 0;
  Rounding rounding = Rounding::even;
  std::uint64_t seed = 0;       ///< for `stochastic`
  std::uint64_t firstIndex = 0; ///< for `stochastic`: the index of the span's first value
};

/// A small floating-point format: `mantissaBits` stored mantissa bits (at most 22), smallest normal exponent,
/// largest finite number; beyond it values saturate or become infinite.
struct FloatFormat {
  int mantissaBits = 0;
  int minExponent = 0;
  float largest = 0.0f;
  bool saturating = false;
  bool operator==(const FloatFormat&) const = default;
};

inline constexpr FloatFormat kHalf{10, -14, 65504.0f, false};
inline constexpr FloatFormat kBfloat16{7, -126, 3.38953139e38f, false};
inline constexpr FloatFormat kFloat8e4m3fn{3, -6, 448.0f, true};
inline constexpr FloatFormat kFloat8e5m2{2, -14, 57344.0f, true};

/// Scaled floating-point codes: decoded = scale·cast(x / scale), the cast to nearest, ties to even.
struct FloatGrids {
  std::span<const float> scales; ///< as in IntegerGrids
  std::size_t segmentLength = 0;
  FloatFormat format;
};

} // namespace halfstep::kernels
