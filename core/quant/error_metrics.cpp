#include "core/quant/error_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace halfstep {

ErrorSums& ErrorSums::operator+=(const ErrorSums& other) {
  count += other.count;
  nonFinite += other.nonFinite;
  clipped += other.clipped;
  squares += other.squares;
  decodedSquares += other.decodedSquares;
  products += other.products;
  errors += other.errors;
  squaredErrors += other.squaredErrors;
  squaredClipErrors += other.squaredClipErrors;
  maxError = std::max(maxError, other.maxError);
  return *this;
}

double ErrorSums::mse() const {
  return count == 0 ? 0.0 : squaredErrors / static_cast<double>(count);
}

double ErrorSums::mseRounding() const {
  if (count == 0) {
    return 0.0;
  }
  if (!std::isfinite(squaredErrors)) {
    // An infinite clipping error (a cast that overflowed) says nothing about the others; ∞ − ∞ would be NaN.
    return std::isfinite(squaredClipErrors) ? squaredErrors : 0.0;
  }
  return std::max(squaredErrors - squaredClipErrors, 0.0) / static_cast<double>(count);
}

double ErrorSums::mseClipping() const {
  return count == 0 ? 0.0 : squaredClipErrors / static_cast<double>(count);
}

double ErrorSums::sqnrDb() const {
  if (squares == 0.0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (squaredErrors == 0.0) {
    return std::numeric_limits<double>::infinity();
  }
  return 10.0 * std::log10(squares / squaredErrors);
}

double ErrorSums::meanError() const {
  return count == 0 ? 0.0 : errors / static_cast<double>(count);
}

double ErrorSums::cosine() const {
  if (squares == 0.0 && decodedSquares == 0.0) {
    return 1.0;
  }
  if (squares == 0.0 || decodedSquares == 0.0) {
    return 0.0; // a zero vector beside another one has no direction
  }
  return products / (std::sqrt(squares) * std::sqrt(decodedSquares));
}

double ErrorSums::clippedShare() const {
  return count == 0 ? 0.0 : static_cast<double>(clipped) / static_cast<double>(count);
}

} // namespace halfstep
