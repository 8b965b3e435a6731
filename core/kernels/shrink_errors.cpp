#include "core/kernels/shrink_errors.h"

#include "core/kernels/errors.h"

#include <algorithm>
#include <array>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/shrink_errors.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace halfstep::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

void shrinkErrorsTarget(std::span<const float> values, const GridRange& range, const MappingRule& rule,
                        std::span<const float> factors, std::span<double> squaredErrors) {
  scalar::shrinkErrors(values, range, rule, factors, squaredErrors);
}

#else

/// One candidate grid per lane.
struct LaneGrids {
  Floats scale;
  Floats reciprocal;
  Floats lowest; ///< codes relative to the zero point
  Floats highest;
};

/// gridFor of mapping_rule.h, lane by lane, for the range times `factor`.
HWY_INLINE LaneGrids laneGrids(const GridRange& range, const MappingRule& rule, Floats factor) {
  const FloatTag d;
  const UnsignedTag du;
  const Floats zero = hn::Zero(d);
  const Floats one = hn::Set(d, 1.0f);
  const Floats least = hn::Set(d, kLeastNormal);
  const Floats infinity = hn::Set(d, kInfinity);
  const Floats lowest = hn::Set(d, static_cast<float>(rule.lowestCode));
  const Floats highest = hn::Set(d, static_cast<float>(rule.highestCode));
  const Floats middle = hn::Set(d, static_cast<float>(rule.middleCode));
  Floats lo = hn::Mul(hn::Set(d, range.lo), factor);
  Floats hi = hn::Mul(hn::Set(d, range.hi), factor);
  Floats scale;
  Floats zeroPoint = middle;
  if (rule.asymmetric) {
    lo = hn::Min(lo, zero);
    hi = hn::Max(hi, zero);
    const Floats steps = hn::Set(d, static_cast<float>(rule.highestCode - rule.lowestCode));
    scale = hn::Div(hn::Sub(hi, lo), steps);
    scale = hn::IfThenElse(hn::Lt(scale, infinity), scale, hn::Sub(hn::Div(hi, steps), hn::Div(lo, steps)));
    const Floats exact = hn::Sub(lowest, hn::Div(lo, scale));
    const Floats nearest =
        rule.zeroPointAway ? roundQuotients(exact, Rounding::away, zero) : hn::Round(exact);
    zeroPoint = hn::Min(hn::Max(nearest, lowest), highest);
  } else {
    scale = hn::Div(hn::Max(hn::Abs(lo), hn::Abs(hi)), hn::Set(d, rule.divisor));
    if (rule.powerOfTwo) { // the next exponent unless the mantissa is zero
      const Unsigneds up = hn::Add(hn::BitCast(du, scale), hn::Set(du, 0x7fffffu));
      const Floats power = hn::BitCast(d, hn::And(up, hn::Set(du, 0xff800000u)));
      scale = hn::IfThenElse(hn::Ge(scale, least), power, scale);
    }
  }
  const FloatMask usable = hn::And(hn::Ge(scale, least), hn::Lt(scale, infinity));
  scale = hn::IfThenElse(usable, scale, one);
  zeroPoint = hn::IfThenElse(usable, zeroPoint, middle);
  if (range.negativeScale && !rule.asymmetric) {
    scale = hn::IfThenElse(usable, hn::Neg(scale), scale);
  }
  return {scale, hn::Div(one, scale), hn::Sub(lowest, zeroPoint), hn::Sub(highest, zeroPoint)};
}

HWY_INLINE Floats errorOf(Floats x, const LaneGrids& grids) {
  const Floats code = hn::Round(hn::Mul(x, grids.reciprocal));
  const Floats kept = hn::Min(hn::Max(code, grids.lowest), grids.highest);
  return hn::MulSub(kept, grids.scale, x);
}

/// True where all squares stay far from float32's smallest numbers.
HWY_INLINE bool safe(const LaneGrids& grids) {
  const FloatTag d;
  const Floats magnitude = hn::Abs(grids.scale);
  return hn::AllTrue(d, hn::And(hn::Ge(magnitude, hn::Set(d, kSafeScale)),
                                hn::Le(magnitude, hn::Set(d, 1.0f / kSafeScale))));
}

/// Runs this short have the candidates in the lanes, and each value in all of them: no sums across lanes.
constexpr std::size_t kShortRun = 512;
/// Float32 partial sums over so many values.
constexpr std::size_t kFold = 64;

/// Σe² of one vector of candidates; false where that is not finite.
HWY_INLINE bool shortRunErrors(std::span<const float> values, const LaneGrids& grids, Floats& total) {
  const FloatTag d;
  total = hn::Zero(d);
  const float* HWY_RESTRICT x = values.data();
  std::size_t i = 0;
  while (i < values.size()) {
    const std::size_t end = std::min(values.size(), i + kFold);
    Floats even = hn::Zero(d);
    Floats odd = hn::Zero(d);
    for (; i + 2 <= end; i += 2) {
      const Floats first = errorOf(hn::Set(d, x[i]), grids);
      const Floats second = errorOf(hn::Set(d, x[i + 1]), grids);
      even = hn::MulAdd(first, first, even);
      odd = hn::MulAdd(second, second, odd);
    }
    if (i < end) {
      const Floats last = errorOf(hn::Set(d, x[i]), grids);
      even = hn::MulAdd(last, last, even);
      ++i;
    }
    total = hn::Add(total, hn::Add(even, odd));
  }
  return allFinite(total);
}

/// Σe² of one candidate over a block of values, the values in the lanes.
HWY_INLINE Floats blockErrors(const float* HWY_RESTRICT values, std::size_t count, const LaneGrids& grids) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  Floats even = hn::Zero(d);
  Floats odd = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    const Floats first = errorOf(hn::LoadU(d, values + i), grids);
    const Floats second = errorOf(hn::LoadU(d, values + i + lanes), grids);
    even = hn::MulAdd(first, first, even);
    odd = hn::MulAdd(second, second, odd);
  }
  for (; i < count; i += lanes) {
    // Zeros beyond the end have no error on any grid.
    const Floats x = i + lanes <= count ? hn::LoadU(d, values + i) : loadFirst(values + i, count - i);
    const Floats error = errorOf(x, grids);
    even = hn::MulAdd(error, error, even);
  }
  return hn::Add(even, odd);
}

/// Candidates of one vector over a long run.
HWY_INLINE void longRunErrors(std::span<const float> values, const GridRange& range, const MappingRule& rule,
                              const LaneGrids& grids, std::span<const float> factors,
                              std::span<double> errors) {
  const FloatTag d;
  constexpr std::size_t kMaxLanes = HWY_MAX_BYTES / sizeof(float);
  HWY_ALIGN std::array<float, kMaxLanes> scales;
  HWY_ALIGN std::array<float, kMaxLanes> reciprocals;
  HWY_ALIGN std::array<float, kMaxLanes> lowest;
  HWY_ALIGN std::array<float, kMaxLanes> highest;
  hn::Store(grids.scale, d, scales.data());
  hn::Store(grids.reciprocal, d, reciprocals.data());
  hn::Store(grids.lowest, d, lowest.data());
  hn::Store(grids.highest, d, highest.data());
  const std::size_t block = 64 * hn::Lanes(d);
  for (std::size_t c = 0; c < factors.size(); ++c) {
    const LaneGrids one{hn::Set(d, scales[c]), hn::Set(d, reciprocals[c]), hn::Set(d, lowest[c]),
                        hn::Set(d, highest[c])};
    Doubles total = hn::Zero(DoubleTag());
    double rest = 0.0;
    for (std::size_t at = 0; at < values.size(); at += block) {
      const std::size_t count = std::min(block, values.size() - at);
      const Floats sum = blockErrors(values.data() + at, count, one);
      if (allFinite(sum)) {
        total = hn::Add(total, promotedSum(sum));
      } else {
        double exact = 0.0;
        scalar::shrinkErrors(values.subspan(at, count), range, rule, factors.subspan(c, 1), {&exact, 1});
        rest += exact;
      }
    }
    errors[c] = sumOf(total) + rest;
  }
}

/// `count` floats, the last one in all lanes after them.
HWY_INLINE Floats lastRepeated(const float* values, std::size_t count) {
  const FloatTag d;
  if (count >= hn::Lanes(d)) {
    return hn::LoadU(d, values);
  }
  return hn::IfThenElse(hn::FirstN(d, count), loadFirst(values, count), hn::Set(d, values[count - 1]));
}

void shrinkErrorsTarget(std::span<const float> values, const GridRange& range, const MappingRule& rule,
                        std::span<const float> factors, std::span<double> squaredErrors) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  constexpr std::size_t kMaxLanes = HWY_MAX_BYTES / sizeof(float);
  for (std::size_t c = 0; c < factors.size(); c += lanes) {
    const std::size_t count = std::min(lanes, factors.size() - c);
    const LaneGrids grids = laneGrids(range, rule, lastRepeated(factors.data() + c, count));
    const std::span<const float> some = factors.subspan(c, count);
    const std::span<double> out = squaredErrors.subspan(c, count);
    Floats total;
    if (!safe(grids)) {
      scalar::shrinkErrors(values, range, rule, some, out);
    } else if (values.size() > kShortRun) {
      longRunErrors(values, range, rule, grids, some, out);
    } else if (shortRunErrors(values, grids, total)) {
      HWY_ALIGN std::array<float, kMaxLanes> sums;
      hn::Store(total, d, sums.data());
      std::copy_n(sums.begin(), count, out.begin());
    } else {
      scalar::shrinkErrors(values, range, rule, some, out);
    }
  }
}

#endif // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
} // namespace HWY_NAMESPACE
} // namespace halfstep::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halfstep::kernels {

HWY_EXPORT(shrinkErrorsTarget);

void shrinkErrors(std::span<const float> values, const GridRange& range, const MappingRule& rule,
                  std::span<const float> factors, std::span<double> squaredErrors) {
  HWY_DYNAMIC_DISPATCH(shrinkErrorsTarget)(values, range, rule, factors, squaredErrors);
}

} // namespace halfstep::kernels
#endif
