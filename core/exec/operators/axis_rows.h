// Rows along one axis, and numbers converted without undefined behaviour: what reductions, normalizations and
// their like share. Internal to core/exec/operators.
#pragma once

#include "core/exec/elements.h"
#include "core/support/parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace halfstep {

/// A tensor seen as outer × length × inner around an axis: a row is what runs along the axis.
struct AxisRows {
  std::size_t outer;
  std::size_t length;
  std::size_t inner; ///< also how far apart the elements of a row lie
  std::size_t rows;  ///< 0 where they have no elements

  /// Where row `row` begins.
  std::size_t start(std::size_t row) const { return row / inner * length * inner + row % inner; }
};

/// The rows of a tensor of `shape` along `axis` and the `count` − 1 axes after it; axis + count must not
/// exceed the rank. Errors: too large.
inline Result<AxisRows> axisRows(const Shape& shape, std::size_t axis, std::size_t count = 1) {
  const auto first = shape.begin() + static_cast<std::ptrdiff_t>(axis);
  const auto last = first + static_cast<std::ptrdiff_t>(count);
  HALFSTEP_TRY(const std::size_t outer, elementCount(Shape(shape.begin(), first)));
  HALFSTEP_TRY(const std::size_t length, elementCount(Shape(first, last)));
  HALFSTEP_TRY(const std::size_t inner, elementCount(Shape(last, shape.end())));
  const Shape around = {static_cast<std::int64_t>(outer), static_cast<std::int64_t>(inner)};
  HALFSTEP_TRY(const std::size_t rows, elementCount(around));
  return AxisRows{outer, length, inner, length == 0 ? 0 : rows};
}

/// body(row) for all rows of `length` elements each, on several threads in pieces that are worth it.
template <class F>
void forRows(std::size_t rows, std::size_t length, F body) {
  constexpr std::size_t kPiece = std::size_t{1} << 15; // elements
  const std::size_t step = std::max<std::size_t>(1, kPiece / std::max<std::size_t>(1, length));
  if (rows <= step) {
    for (std::size_t row = 0; row < rows; ++row) {
      body(row);
    }
    return;
  }
  parallelFor(rows / step + (rows % step != 0 ? 1 : 0), [&](std::size_t piece) {
    const std::size_t end = std::min(rows, (piece + 1) * step);
    for (std::size_t row = piece * step; row < end; ++row) {
      body(row);
    }
  });
}

/// A double as T; integers take the nearest they have (towards zero), and 0 for what is no number.
template <class T>
T fromDouble(double value) {
  if constexpr (std::is_integral_v<T>) {
    if (std::isnan(value)) {
      return T{0};
    }
    // The limits of 64-bit types are not doubles: 2^63 is the first that does not fit.
    if (value >= static_cast<double>(std::numeric_limits<T>::max())) {
      return std::numeric_limits<T>::max();
    }
    if (value <= static_cast<double>(std::numeric_limits<T>::lowest())) {
      return std::numeric_limits<T>::lowest();
    }
  }
  return static_cast<T>(value);
}

} // namespace halfstep
