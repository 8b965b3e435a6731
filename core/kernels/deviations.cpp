#include "core/kernels/deviations.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/deviations.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace halfstep::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

double absoluteDeviationsTarget(std::span<const float> values, float center) {
  return scalar::absoluteDeviations(values, center);
}

#else

double absoluteDeviationsTarget(std::span<const float> values, float center) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t block = 64 * lanes;
  const Floats middle = hn::Set(d, center);
  Doubles total = hn::Zero(DoubleTag());
  double rest = 0.0;
  for (std::size_t at = 0; at < values.size(); at += block) {
    const std::size_t end = std::min(values.size(), at + block);
    Floats sum = hn::Zero(d);
    std::size_t i = at;
    for (; i + lanes <= end; i += lanes) {
      sum = hn::Add(sum, hn::Abs(hn::Sub(hn::LoadU(d, values.data() + i), middle)));
    }
    if (!allFinite(sum)) {
      i = at;
    } else {
      total = hn::Add(total, promotedSum(sum));
    }
    rest += scalar::absoluteDeviations(values.subspan(i, end - i), center);
  }
  return sumOf(total) + rest;
}

#endif // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
} // namespace HWY_NAMESPACE
} // namespace halfstep::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halfstep::kernels {

HWY_EXPORT(absoluteDeviationsTarget);

double absoluteDeviations(std::span<const float> values, float center) {
  return HWY_DYNAMIC_DISPATCH(absoluteDeviationsTarget)(values, center);
}

} // namespace halfstep::kernels
#endif
