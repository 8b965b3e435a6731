// The scalar definitions of rounding that every kernel must agree with, bit for bit.
#pragma once

#include "core/kernels/grids.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace halfstep::kernels {

/// A 32-bit mixing step: the finaliser of MurmurHash3 (Austin Appleby, public domain), a bijection in which
/// each input bit flips each output bit with probability close to one half.
constexpr std::uint32_t mixed(std::uint32_t h) {
  h ^= h >> 16;
  h *= 0x85ebca6bu;
  h ^= h >> 13;
  h *= 0xc2b2ae35u;
  return h ^ (h >> 16);
}

/// The key of a block of 2^32 values: everything of (seed, index) but the index's low 32 bits.
constexpr std::uint32_t stochasticKey(std::uint64_t seed, std::uint64_t index) {
  const auto high = static_cast<std::uint32_t>(index >> 32);
  return mixed(mixed(mixed(static_cast<std::uint32_t>(seed)) ^ static_cast<std::uint32_t>(seed >> 32)) ^
               high);
}

/// The threshold in [0, 1), a multiple of 2^-24, that decides about value `index` under `seed`: a pure
/// function of the two, so that no result depends on threads or on the order of work.
constexpr float stochasticThreshold(std::uint64_t seed, std::uint64_t index) {
  const std::uint32_t bits = mixed(mixed(static_cast<std::uint32_t>(index)) ^ stochasticKey(seed, index));
  return static_cast<float>(bits >> 8) * 0x1p-24f;
}

/// Rounds a finite or infinite quotient. `threshold` matters for `stochastic` only: up where the fraction
/// above the floor exceeds it.
inline float rounded(float quotient, Rounding rounding, float threshold = 0.0f) {
  switch (rounding) {
  case Rounding::even:
    return std::nearbyint(quotient);
  case Rounding::away:
    return std::round(quotient);
  case Rounding::zero:
    return std::trunc(quotient);
  case Rounding::up:
    return std::ceil(quotient);
  case Rounding::stochastic: {
    const float below = std::floor(quotient);
    return below + (quotient - below > threshold ? 1.0f : 0.0f);
  }
  }
  return quotient;
}

/// |value| rounded to nearest even on `format`'s grid with an unbounded exponent above; ±∞ and NaN come out
/// as they are. Adding and subtracting 2^(e+23−m), e the value's exponent, leaves m mantissa bits (the sum's
/// last place is then 2^(e−m)); bfloat16 reaches up to float32's own largest exponent and is rounded in its
/// bits.
inline float roundedMagnitude(float value, const FloatFormat& format) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value) & 0x7fffffffu;
  const float magnitude = std::bit_cast<float>(bits);
  if (bits >= 0x7f800000u) {
    return magnitude;
  }
  if (format.minExponent == -126) {
    const unsigned dropped = 23u - static_cast<unsigned>(format.mantissaBits);
    const std::uint32_t up = ((1u << (dropped - 1)) - 1) + ((bits >> dropped) & 1u);
    return std::bit_cast<float>(((bits + up) >> dropped) << dropped);
  }
  const std::uint32_t field = std::max(bits >> 23, static_cast<std::uint32_t>(format.minExponent + 127));
  const std::uint32_t magicField = field + 23u - static_cast<std::uint32_t>(format.mantissaBits);
  if (magicField > 254u) {
    return magnitude; // far beyond any of these formats
  }
  const auto magic = std::bit_cast<float>(magicField << 23);
  return (magnitude + magic) - magic;
}

} // namespace halfstep::kernels
