// exp, the logistic function, tanh and the error function for rows of floats, written without branches so
// that loops over them are vectorized; the library's functions take one value at a time. Errors: exp at most
// 2 units in the last place between −87.3 and 88.7 (0 below, infinity above), the others 3·10⁻⁷ of their
// value. NaN stays NaN. Source of the polynomials: S. L. Moshier, Cephes Mathematical Library, expf and
// tanhf; those of erf and ln erfc were fitted here, by least squares reweighted towards the smallest largest
// error.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace halfstep {

inline float fastExp(float x) {
  constexpr float kLeast = -87.33654f;
  constexpr float kMost = 88.72283f;
  constexpr float kRounder = 12582912.0f; // 1.5·2²³: adding it leaves the nearest integer in the low bits
  const float bounded = x < kLeast ? kLeast : (x > kMost ? kMost : x);
  const float shifted = bounded * 1.44269504f + kRounder;
  const float whole = shifted - kRounder;
  const float r = bounded - whole * 0.693359375f - whole * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // 2^whole in two halves, as 2^128 is no float.
  const std::int32_t power = std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kRounder);
  const std::int32_t half = power >> 1;
  const float first = std::bit_cast<float>((half + 127) << 23);
  const float second = std::bit_cast<float>((power - half + 127) << 23);
  const float result = p * first * second;
  const float upper = x > kMost ? std::numeric_limits<float>::infinity() : result;
  return x < kLeast ? 0.0f : (x != x ? x : upper);
}

inline float fastSigmoid(float x) {
  return 1.0f / (1.0f + fastExp(-x));
}

inline float fastTanh(float x) {
  const float square = x * x;
  float p = -5.70498872745e-3f;
  p = p * square + 2.06390887954e-2f;
  p = p * square + -5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square + -3.33332819422e-1f;
  const float small = p * square * x + x;
  const float large = 1.0f - 2.0f / (fastExp(2.0f * x) + 1.0f);
  return std::abs(x) < 0.625f ? small : large;
}

/// 1 − erf(t) for t ≥ 0.9, within 3·10⁻⁶ of its value up to 4, and 0 from there on (it is below 2·10⁻⁸).
inline float fastErrorTail(float t) {
  float p = -2.8229968e-8f;
  p = p * t + 2.2245472e-6f;
  p = p * t + -5.130684e-5f;
  p = p * t + 6.2312215e-4f;
  p = p * t + -4.840727e-3f;
  p = p * t + 2.657946e-2f;
  p = p * t + -0.1102737f;
  p = p * t + -0.63168514f;
  p = p * t + -1.1302873f;
  p = p * t + 3.2791012e-4f;
  const float tail = fastExp(p);
  return t < 4.0f ? tail : 0.0f;
}

/// erf(t) for |t| ≤ 0.95, within 8·10⁻⁸ of its value.
inline float fastErrorNearZero(float t) {
  const float square = t * t;
  float p = 8.215425e-5f;
  p = p * square + -8.105965e-4f;
  p = p * square + 5.197797e-3f;
  p = p * square + -2.6858104e-2f;
  p = p * square + 0.112836726f;
  p = p * square + -0.37612632f;
  p = p * square + 0.12837917f;
  return p * t + t;
}

/// erf(x) within 10⁻⁷.
inline float fastErf(float x) {
  const float t = std::abs(x);
  const float large = std::copysign(1.0f - fastErrorTail(t), x);
  const float result = t < 0.92f ? fastErrorNearZero(x) : large;
  return x != x ? x : result;
}

/// x·Φ(x), Φ the normal distribution function: within 2·10⁻⁷ of |x|, and 5·10⁻⁶ of its own value from −5.6
/// on.
inline float fastGelu(float x) {
  const float z = x * 0.70710678f;
  const float t = std::abs(z);
  const float tail = 0.5f * fastErrorTail(t);
  const float far = x < 0.0f ? tail : 1.0f - tail;
  const float near = 0.5f + 0.5f * fastErrorNearZero(z);
  return x * (t < 0.92f ? near : far);
}

} // namespace halfstep
