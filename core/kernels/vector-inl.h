// What the Highway kernels share; included once per target (foreach_target.h). Kernels keep vectors in
// structs, which targets with vectors of unknown size (SVE, RVV) do not allow: CMake switches those off.
#if defined(HALFSTEP_CORE_KERNELS_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HALFSTEP_CORE_KERNELS_VECTOR_INL_H_
#undef HALFSTEP_CORE_KERNELS_VECTOR_INL_H_
#else
#define HALFSTEP_CORE_KERNELS_VECTOR_INL_H_
#endif

#include "core/kernels/grids.h"
#include "core/kernels/rounding.h"

#include <cstring>
#include <limits>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace halfstep::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR // where there are no vectors kernels call their scalar twins

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using IntTag = hn::RebindToSigned<FloatTag>;
using UnsignedTag = hn::RebindToUnsigned<FloatTag>;
using DoubleTag = hn::RepartitionToWide<FloatTag>;
using HalfFloatTag = hn::Half<FloatTag>;
using Floats = hn::Vec<FloatTag>;
using Ints = hn::Vec<IntTag>;
using Unsigneds = hn::Vec<UnsignedTag>;
using Doubles = hn::Vec<DoubleTag>;
using FloatMask = hn::Mask<FloatTag>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLeastNormal = std::numeric_limits<float>::min();

/// The first `count` (below the number of lanes) floats at `from`, zeros after them; reads nothing beyond.
HWY_INLINE Floats loadFirst(const float* HWY_RESTRICT from, std::size_t count) {
  const FloatTag d;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  return hn::MaskedLoad(hn::FirstN(d, count), d, from); // masked-out lanes do not fault
#else
  HWY_ALIGN float lanes[HWY_MAX_BYTES / sizeof(float)] = {};
  std::memcpy(lanes, from, count * sizeof(float));
  return hn::Load(d, lanes);
#endif
}

HWY_INLINE Doubles promotedSum(Floats values) {
  const DoubleTag dd;
  const HalfFloatTag half;
  return hn::Add(hn::PromoteTo(dd, hn::LowerHalf(half, values)),
                 hn::PromoteTo(dd, hn::UpperHalf(half, values)));
}

HWY_INLINE double sumOf(Doubles values) {
  return hn::GetLane(hn::SumOfLanes(DoubleTag(), values));
}

HWY_INLINE bool allFinite(Floats values) {
  const FloatTag d;
  return hn::AllTrue(d, hn::Lt(hn::Abs(values), hn::Set(d, kInfinity)));
}

/// roundedMagnitude of rounding.h.
HWY_INLINE Floats roundMagnitudes(Floats magnitude, const FloatFormat& format) {
  const FloatTag d;
  const UnsignedTag du;
  const Unsigneds bits = hn::BitCast(du, magnitude);
  const FloatMask finite = hn::Lt(magnitude, hn::Set(d, kInfinity));
  if (format.minExponent == -126) {
    const int dropped = 23 - format.mantissaBits;
    const Unsigneds odd = hn::And(hn::ShiftRightSame(bits, dropped), hn::Set(du, 1u));
    const Unsigneds up = hn::Add(odd, hn::Set(du, (1u << (dropped - 1)) - 1));
    const Unsigneds kept = hn::ShiftLeftSame(hn::ShiftRightSame(hn::Add(bits, up), dropped), dropped);
    return hn::IfThenElse(finite, hn::BitCast(d, kept), magnitude);
  }
  const Unsigneds field =
      hn::Max(hn::ShiftRight<23>(bits), hn::Set(du, static_cast<std::uint32_t>(format.minExponent + 127)));
  const Unsigneds magicField =
      hn::Add(field, hn::Set(du, 23u - static_cast<std::uint32_t>(format.mantissaBits)));
  // Capped: beyond 2^254 the sum would not be a number; such values lie far outside these formats.
  const Floats magic = hn::BitCast(d, hn::ShiftLeft<23>(hn::Min(magicField, hn::Set(du, 254u))));
  return hn::IfThenElse(finite, hn::Sub(hn::Add(magnitude, magic), magic), magnitude);
}

/// mixed() of rounding.h.
HWY_INLINE Unsigneds mixedLanes(Unsigneds h) {
  const UnsignedTag du;
  h = hn::Xor(h, hn::ShiftRight<16>(h));
  h = hn::Mul(h, hn::Set(du, 0x85ebca6bu));
  h = hn::Xor(h, hn::ShiftRight<13>(h));
  h = hn::Mul(h, hn::Set(du, 0xc2b2ae35u));
  return hn::Xor(h, hn::ShiftRight<16>(h));
}

/// stochasticThreshold() of rounding.h for the values from `index` on; all have the same `key`.
HWY_INLINE Floats thresholds(std::uint32_t index, std::uint32_t key) {
  const FloatTag d;
  const UnsignedTag du;
  const IntTag di;
  const Unsigneds bits = mixedLanes(hn::Xor(mixedLanes(hn::Iota(du, index)), hn::Set(du, key)));
  return hn::Mul(hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<8>(bits))), hn::Set(d, 0x1p-24f));
}

/// rounded() of rounding.h; `threshold` is used by `stochastic` only.
HWY_INLINE Floats roundQuotients(Floats quotient, Rounding rounding, Floats threshold) {
  const FloatTag d;
  const Floats one = hn::Set(d, 1.0f);
  switch (rounding) {
  case Rounding::even:
    return hn::Round(quotient);
  case Rounding::away: {
    const Floats whole = hn::Trunc(quotient);
    const FloatMask away = hn::Ge(hn::Abs(hn::Sub(quotient, whole)), hn::Set(d, 0.5f));
    return hn::Add(whole, hn::IfThenElseZero(away, hn::CopySign(one, quotient)));
  }
  case Rounding::zero:
    return hn::Trunc(quotient);
  case Rounding::up:
    return hn::Ceil(quotient);
  case Rounding::stochastic: {
    const Floats below = hn::Floor(quotient);
    return hn::Add(below, hn::IfThenElseZero(hn::Gt(hn::Sub(quotient, below), threshold), one));
  }
  }
  return quotient;
}

#endif

// NOLINTNEXTLINE(google-readability-namespace-comments)
} // namespace HWY_NAMESPACE
} // namespace halfstep::kernels
HWY_AFTER_NAMESPACE();

#endif // HALFSTEP_CORE_KERNELS_VECTOR_INL_H_
