// From a clipping range to scale and zero point: the one definition of that arithmetic, in float32, one
// rounding per operation.
#pragma once

#include <cstdint>

namespace halfstep::kernels {

/// How a format under a scheme turns ranges into grids. A = max(|lo|, |hi|).
struct MappingRule {
  bool asymmetric = false;
  bool powerOfTwo = false;    ///< symmetric only: the scale is rounded up to a power of two
  bool zeroPointAway = false; ///< asymmetric only: a zero point halfway rounds away from zero, not to even
  float divisor = 1.0f;       ///< symmetric: scale = A / divisor
  int lowestCode = 0;
  int highestCode = 0;
  int middleCode = 0; ///< the zero point of symmetric grids, and of segments without a usable scale
  bool operator==(const MappingRule&) const = default;
};

/// A clipping range. `negativeScale`: the scale gets a minus sign (symmetric only).
struct GridRange {
  float lo = 0.0f;
  float hi = 0.0f;
  bool negativeScale = false;
};

struct Grid {
  float scale = 1.0f;
  std::int32_t zeroPoint = 0;
  bool operator==(const Grid&) const = default;
};

/// Symmetric: scale = A / divisor. Asymmetric: lo and hi widened to contain 0; scale = (hi − lo)/(highest −
/// lowest code), or hi/… − lo/… where the difference overflows; zero point = saturate(round(lowest −
/// lo/scale)). Where the scale comes out below the smallest normal float32, infinite or NaN: scale 1 and the
/// middle code.
Grid gridFor(const MappingRule& rule, const GridRange& range);

} // namespace halfstep::kernels
