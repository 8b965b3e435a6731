// What quantization does to a layer's own values ("weight error"): sums that add up from channels to layers
// to plans, and the figures derived from them. x: original, x̂: dequantized value. A value is *clipped* when
// its code was saturated: round(x/scale) + zero point lies outside the code range (for fp8 and the float
// formats: beyond the largest finite number). Its squared error is clipping error; everybody else's is
// rounding error; the two add up to the whole.
#pragma once

#include <cstdint>

namespace halfstep {

/// Additive sums over finite values, accumulated in double. NaN and infinite inputs are only counted.
struct ErrorSums {
  std::int64_t count = 0;         ///< finite values
  std::int64_t nonFinite = 0;     ///< NaN and ±∞ among the inputs; in none of the sums
  std::int64_t clipped = 0;       ///< values whose code was saturated
  double squares = 0.0;           ///< Σ x²
  double decodedSquares = 0.0;    ///< Σ x̂²
  double products = 0.0;          ///< Σ x·x̂
  double errors = 0.0;            ///< Σ (x̂ − x)
  double squaredErrors = 0.0;     ///< Σ (x̂ − x)²
  double squaredClipErrors = 0.0; ///< the part of the above from clipped values
  double maxError = 0.0;          ///< max |x̂ − x|

  ErrorSums& operator+=(const ErrorSums& other) {
    count += other.count;
    nonFinite += other.nonFinite;
    clipped += other.clipped;
    squares += other.squares;
    decodedSquares += other.decodedSquares;
    products += other.products;
    errors += other.errors;
    squaredErrors += other.squaredErrors;
    squaredClipErrors += other.squaredClipErrors;
    maxError = other.maxError > maxError ? other.maxError : maxError;
    return *this;
  }

  double mse() const;         ///< mean squared error; 0 where there are no values
  double mseRounding() const; ///< its part from values that are not clipped (÷ all values)
  double mseClipping() const; ///< its part from clipped values (÷ all values)
  double sqnrDb() const; ///< 10·log10(Σx² / Σ(x−x̂)²); +∞ without error, NaN where all values are 0
  double meanError() const;    ///< the bias, mean of x̂ − x
  double cosine() const;       ///< Σx·x̂ / √(Σx²·Σx̂²); 1 where both are 0
  double clippedShare() const; ///< 0…1
};

} // namespace halfstep
