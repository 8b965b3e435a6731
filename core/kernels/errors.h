// The fused pass: every error sum of given grids in one reading of the values, nothing written.
#pragma once

#include "core/kernels/grids.h"

#include <cstdint>
#include <span>

namespace halfstep::kernels {

/// Sums over finite values; x̂ is the decoded value, e = x̂ − x in float32. "Clipped": the rounded code lies
/// outside the code range (floating-point formats: the rounded magnitude lies beyond the largest number).
struct ErrorPartials {
  std::int64_t count = 0;         ///< finite values
  std::int64_t nonFinite = 0;     ///< NaN and ±∞, in none of the sums
  std::int64_t clipped = 0;       ///< exact
  double squares = 0.0;           ///< Σ x²
  double decodedSquares = 0.0;    ///< Σ x̂²
  double products = 0.0;          ///< Σ x·x̂
  double errors = 0.0;            ///< Σ e
  double squaredErrors = 0.0;     ///< Σ e²
  double squaredClipErrors = 0.0; ///< Σ e² of clipped values
  float maxError = 0.0f;          ///< max |e|

  void merge(const ErrorPartials& other);
};

/// Counts and maxError are exact on every target (errors below 1e-19 beside larger values may count as 0);
/// the sums agree within 1e-6 (Σe: of Σ|e|; Σx·x̂: of Σx² + Σx̂²). Partial sums are float32 over at most
/// `kErrorBlock` values and are then folded into double; a block in which one of them overflows, or meets NaN
/// or ±∞, or whose Σ x² is below about 1e-24, is summed again in double, and segments whose |scale| is
/// outside `kSafeScale`…1/`kSafeScale`, whose squares could vanish below the smallest float32, always are.
inline constexpr std::size_t kErrorBlock = 1024;
inline constexpr float kSafeScale = 1e-12f;
ErrorPartials integerErrors(std::span<const float> values, const IntegerGrids& grids);
ErrorPartials floatErrors(std::span<const float> values, const FloatGrids& grids);

namespace scalar {
ErrorPartials integerErrors(std::span<const float> values, const IntegerGrids& grids);
ErrorPartials floatErrors(std::span<const float> values, const FloatGrids& grids);
} // namespace scalar

} // namespace halfstep::kernels
