#include "core/kernels/errors.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/errors.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace halfstep::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

ErrorPartials integerErrorsTarget(std::span<const float> values, const IntegerGrids& grids) {
  return scalar::integerErrors(values, grids);
}

ErrorPartials floatErrorsTarget(std::span<const float> values, const FloatGrids& grids) {
  return scalar::floatErrors(values, grids);
}

#else

/// x̂ of a vector of values, and which of them are clipped.
struct Decoded {
  Floats values;
  FloatMask clipped;
};

/// The grid of one segment with integer codes. `kEven` compiles the common rounding by itself.
template <bool kEven>
struct IntegerStep {
  Floats scale;
  Floats lowest;
  Floats highest;
  Rounding rounding;
  std::uint32_t key;

  HWY_INLINE IntegerStep(const IntegerGrids& grids, std::size_t segment, std::size_t)
      : scale(hn::Set(FloatTag(), grids.scales[segment]))
      , lowest(hn::Set(FloatTag(), static_cast<float>(grids.lowestCode - grids.zeroPoints[segment])))
      , highest(hn::Set(FloatTag(), static_cast<float>(grids.highestCode - grids.zeroPoints[segment])))
      , rounding(grids.rounding)
      , key(stochasticKey(grids.seed, grids.firstIndex)) {}

  HWY_INLINE Decoded decode(Floats x, std::uint32_t index) const {
    const Floats quotient = hn::Div(x, scale);
    Floats code;
    if (kEven) {
      code = hn::Round(quotient);
    } else {
      const Floats threshold =
          rounding == Rounding::stochastic ? thresholds(index, key) : hn::Zero(FloatTag());
      code = roundQuotients(quotient, rounding, threshold);
    }
    const Floats kept = hn::Min(hn::Max(code, lowest), highest);
    return {hn::Mul(scale, kept), hn::Ne(kept, code)};
  }
};

/// The grid of one segment with floating-point codes.
struct FloatStep {
  Floats scale;
  Floats largest;
  Floats beyond; ///< what larger values become
  FloatFormat format;

  HWY_INLINE FloatStep(const FloatGrids& grids, std::size_t segment, std::size_t)
      : scale(hn::Set(FloatTag(), grids.scales[segment]))
      , largest(hn::Set(FloatTag(), grids.format.largest))
      , beyond(hn::Set(FloatTag(), grids.format.saturating ? grids.format.largest : kInfinity))
      , format(grids.format) {}

  HWY_INLINE Decoded decode(Floats x, std::uint32_t) const {
    const Floats quotient = hn::Div(x, scale);
    const Floats magnitude = roundMagnitudes(hn::Abs(quotient), format);
    const FloatMask clipped = hn::Gt(magnitude, largest);
    const Floats kept = hn::IfThenElse(clipped, beyond, magnitude);
    return {hn::Mul(scale, hn::CopySign(kept, quotient)), clipped};
  }
};

/// Partial sums of one block, lane by lane.
struct BlockSums {
  Floats squares;
  Floats decodedSquares;
  Floats errors;
  Floats squaredErrors;
  Floats squaredClipErrors;
  Floats maxSquaredError;
  std::size_t clipped = 0;

  // Written out, because an implicit constructor would not be compiled for the target.
  HWY_INLINE BlockSums()
      : squares(hn::Zero(FloatTag()))
      , decodedSquares(squares)
      , errors(squares)
      , squaredErrors(squares)
      , squaredClipErrors(squares)
      , maxSquaredError(squares) {}

  HWY_INLINE void add(Floats x, const Decoded& decoded) {
    const FloatTag d;
    const Floats error = hn::Sub(decoded.values, x);
    const Floats squared = hn::Mul(error, error);
    squares = hn::MulAdd(x, x, squares);
    decodedSquares = hn::MulAdd(decoded.values, decoded.values, decodedSquares);
    errors = hn::Add(errors, error);
    squaredErrors = hn::Add(squaredErrors, squared);
    squaredClipErrors = hn::Add(squaredClipErrors, hn::IfThenElseZero(decoded.clipped, squared));
    maxSquaredError = hn::Max(maxSquaredError, squared);
    clipped += hn::CountTrue(d, decoded.clipped);
  }
};

/// Below this in every lane squares may have vanished.
constexpr float kSmallSquares = 1e-25f;

/// Sums of all blocks so far.
struct TotalSums {
  Doubles squares;
  Doubles decodedSquares;
  Doubles errors;
  Doubles squaredErrors;
  Doubles squaredClipErrors;
  Floats maxSquaredError;
  std::size_t clipped = 0;
  std::size_t count = 0;

  HWY_INLINE TotalSums()
      : squares(hn::Zero(DoubleTag()))
      , decodedSquares(squares)
      , errors(squares)
      , squaredErrors(squares)
      , squaredClipErrors(squares)
      , maxSquaredError(hn::Zero(FloatTag())) {}

  /// False, and nothing is added, where a sum of the block is not finite, or where its values are so small
  /// that their squares may have vanished.
  HWY_INLINE bool add(const BlockSums& block, std::span<const float> values) {
    if (!allFinite(hn::Add(hn::Add(block.squares, block.decodedSquares), block.squaredErrors))) {
      return false;
    }
    const FloatTag d;
    if (HWY_UNLIKELY(hn::AllTrue(d, hn::Lt(block.squares, hn::Set(d, kSmallSquares)))) &&
        std::any_of(values.begin(), values.end(), [](float x) { return x != 0.0f; })) {
      return false;
    }
    squares = hn::Add(squares, promotedSum(block.squares));
    decodedSquares = hn::Add(decodedSquares, promotedSum(block.decodedSquares));
    errors = hn::Add(errors, promotedSum(block.errors));
    squaredErrors = hn::Add(squaredErrors, promotedSum(block.squaredErrors));
    squaredClipErrors = hn::Add(squaredClipErrors, promotedSum(block.squaredClipErrors));
    maxSquaredError = hn::Max(maxSquaredError, block.maxSquaredError);
    clipped += block.clipped;
    count += values.size();
    return true;
  }

  HWY_INLINE ErrorPartials folded() const {
    ErrorPartials sums;
    sums.count = static_cast<std::int64_t>(count);
    sums.clipped = static_cast<std::int64_t>(clipped);
    sums.squares = sumOf(squares);
    sums.decodedSquares = sumOf(decodedSquares);
    sums.errors = sumOf(errors);
    sums.squaredErrors = sumOf(squaredErrors);
    sums.squaredClipErrors = sumOf(squaredClipErrors);
    // 2·x·x̂ = x² + x̂² − e²: one operation a value less.
    sums.products = 0.5 * (sums.squares + sums.decodedSquares - sums.squaredErrors);
    // The root of the rounded square of a float is that float again (radix 2, no over- or underflow).
    sums.maxError = std::sqrt(hn::GetLane(hn::MaxOfLanes(FloatTag(), maxSquaredError)));
    return sums;
  }
};

/// Adds `count` values of one segment. A tail is filled up with zeros, whose code is the zero point whatever
/// the grid: they add nothing and are not clipped.
template <class Step>
HWY_INLINE void addValues(const float* HWY_RESTRICT values, std::size_t count, const Step& step,
                          std::uint32_t index, BlockSums& sums) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const Floats x = hn::LoadU(d, values + i);
    sums.add(x, step.decode(x, index + static_cast<std::uint32_t>(i)));
  }
  if (i < count) {
    const Floats x = loadFirst(values + i, count - i);
    sums.add(x, step.decode(x, index + static_cast<std::uint32_t>(i)));
  }
}

inline ErrorPartials scalarErrors(std::span<const float> values, IntegerGrids grids, std::size_t segment,
                                  std::size_t at) {
  grids.scales = grids.scales.subspan(segment);
  grids.zeroPoints = grids.zeroPoints.subspan(segment);
  grids.firstIndex += at;
  return scalar::integerErrors(values, grids);
}

inline ErrorPartials scalarErrors(std::span<const float> values, FloatGrids grids, std::size_t segment,
                                  std::size_t) {
  grids.scales = grids.scales.subspan(segment);
  return scalar::floatErrors(values, grids);
}

/// Whether the squares of all segments from `first` to `last` stay far from float32's smallest numbers.
inline bool safeScales(std::span<const float> scales, std::size_t first, std::size_t last) {
  for (std::size_t segment = first; segment <= last; ++segment) {
    const float magnitude = std::abs(scales[segment]);
    if (!(magnitude >= kSafeScale && magnitude <= 1.0f / kSafeScale)) {
      return false;
    }
  }
  return true;
}

/// Blocks of 64 vectors: within a segment, or several whole segments.
template <class Step, class Grids>
HWY_INLINE ErrorPartials allErrors(std::span<const float> values, const Grids& grids,
                                   std::uint64_t firstIndex) {
  const std::size_t block = 64 * hn::Lanes(FloatTag());
  const std::size_t length = std::max<std::size_t>(1, grids.segmentLength);
  const std::size_t perBlock = std::max<std::size_t>(1, block / length); // segments
  TotalSums total;
  ErrorPartials rest;
  std::size_t at = 0;
  while (at < values.size()) {
    const std::size_t segment = at / length;
    const std::size_t end =
        std::min(values.size(), length <= block ? (segment + perBlock) * length
                                                : std::min((segment + 1) * length, at + block));
    BlockSums sums;
    std::size_t i = at;
    for (std::size_t s = segment; i < end; ++s) {
      const std::size_t segmentEnd = std::min(end, (s + 1) * length);
      const Step step(grids, s, i);
      addValues(values.data() + i, segmentEnd - i, step, static_cast<std::uint32_t>(firstIndex + i), sums);
      i = segmentEnd;
    }
    const bool sameKey = (firstIndex + at) >> 32 == (firstIndex + end - 1) >> 32 &&
                         (firstIndex + at) >> 32 == firstIndex >> 32;
    if (!sameKey || !safeScales(grids.scales, segment, (end - 1) / length) ||
        !total.add(sums, values.subspan(at, end - at))) {
      rest.merge(scalarErrors(values.subspan(at, end - at), grids, segment, at));
    }
    at = end;
  }
  rest.merge(total.folded());
  return rest;
}

ErrorPartials integerErrorsTarget(std::span<const float> values, const IntegerGrids& grids) {
  return grids.rounding == Rounding::even ? allErrors<IntegerStep<true>>(values, grids, 0)
                                          : allErrors<IntegerStep<false>>(values, grids, grids.firstIndex);
}

ErrorPartials floatErrorsTarget(std::span<const float> values, const FloatGrids& grids) {
  return allErrors<FloatStep>(values, grids, 0);
}

#endif // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
} // namespace HWY_NAMESPACE
} // namespace halfstep::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halfstep::kernels {

HWY_EXPORT(integerErrorsTarget);
HWY_EXPORT(floatErrorsTarget);

ErrorPartials integerErrors(std::span<const float> values, const IntegerGrids& grids) {
  return HWY_DYNAMIC_DISPATCH(integerErrorsTarget)(values, grids);
}

ErrorPartials floatErrors(std::span<const float> values, const FloatGrids& grids) {
  return HWY_DYNAMIC_DISPATCH(floatErrorsTarget)(values, grids);
}

} // namespace halfstep::kernels
#endif
