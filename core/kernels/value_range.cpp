#include "core/kernels/value_range.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/value_range.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace halfstep::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

RangePartials valueRangeTarget(std::span<const float> values) {
  return scalar::valueRange(values);
}

#else

RangePartials valueRangeTarget(std::span<const float> values) {
  const FloatTag d;
  const UnsignedTag du;
  const std::size_t lanes = hn::Lanes(d);
  if (values.size() < lanes) {
    return scalar::valueRange(values);
  }
  const Unsigneds magnitudeBits = hn::Set(du, 0x7fffffffu);
  Floats least = hn::LoadU(d, values.data());
  Floats greatest = least;
  Unsigneds magnitude = hn::Zero(du);
  const std::size_t last = values.size() - lanes;
  for (std::size_t i = 0;; i += lanes) {
    // The last vector overlaps the one before: a value may be looked at twice.
    const Floats x = hn::LoadU(d, values.data() + std::min(i, last));
    least = hn::Min(least, x);
    greatest = hn::Max(greatest, x);
    magnitude = hn::Max(magnitude, hn::And(hn::BitCast(du, x), magnitudeBits));
    if (i >= last) {
      break;
    }
  }
  if (hn::GetLane(hn::MaxOfLanes(du, magnitude)) >= 0x7f800000u) {
    return scalar::valueRange(values); // NaN or ±∞
  }
  return {hn::GetLane(hn::MinOfLanes(d, least)), hn::GetLane(hn::MaxOfLanes(d, greatest)), 0};
}

#endif // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
} // namespace HWY_NAMESPACE
} // namespace halfstep::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halfstep::kernels {

HWY_EXPORT(valueRangeTarget);

RangePartials valueRange(std::span<const float> values) {
  return HWY_DYNAMIC_DISPATCH(valueRangeTarget)(values);
}

} // namespace halfstep::kernels
#endif
