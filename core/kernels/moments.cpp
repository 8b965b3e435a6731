#include "core/kernels/moments.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/moments.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace halfstep::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

MomentPartials momentsTarget(std::span<const float> values) {
  return scalar::moments(values);
}

#else

/// Sums of powers of x − center.
struct PowerSums {
  double first = 0.0;
  double second = 0.0;
  double third = 0.0;
  double fourth = 0.0;
  bool finite = false;
};

HWY_INLINE Floats loadOr(const float* values, std::size_t count, Floats filler) {
  const FloatTag d;
  return count >= hn::Lanes(d) ? hn::LoadU(d, values)
                               : hn::IfThenElse(hn::FirstN(d, count), loadFirst(values, count), filler);
}

HWY_INLINE PowerSums powerSums(std::span<const float> block, float center) {
  const FloatTag d;
  const Floats middle = hn::Set(d, center);
  Floats first = hn::Zero(d);
  Floats second = hn::Zero(d);
  Floats third = hn::Zero(d);
  Floats fourth = hn::Zero(d);
  for (std::size_t i = 0; i < block.size(); i += hn::Lanes(d)) {
    const Floats x = hn::Sub(loadOr(block.data() + i, block.size() - i, middle), middle);
    const Floats squared = hn::Mul(x, x);
    first = hn::Add(first, x);
    second = hn::Add(second, squared);
    third = hn::MulAdd(squared, x, third);
    fourth = hn::MulAdd(squared, squared, fourth);
  }
  return {sumOf(promotedSum(first)), sumOf(promotedSum(second)), sumOf(promotedSum(third)),
          sumOf(promotedSum(fourth)), allFinite(fourth)};
}

/// Count, sum, extremes; false where a value (or the sum) is not finite.
HWY_INLINE bool firstPass(std::span<const float> block, MomentPartials& partials) {
  const FloatTag d;
  const UnsignedTag du;
  const Unsigneds magnitudeBits = hn::Set(du, 0x7fffffffu);
  const Floats filler = hn::Set(d, block[0]);
  Floats least = filler;
  Floats greatest = filler;
  Floats sum = hn::Zero(d);
  Unsigneds magnitude = hn::Zero(du);
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < block.size(); i += hn::Lanes(d)) {
    const Floats x = loadOr(block.data() + i, block.size() - i, filler);
    least = hn::Min(least, x);
    greatest = hn::Max(greatest, x);
    sum = hn::Add(sum, x);
    magnitude = hn::Max(magnitude, hn::And(hn::BitCast(du, x), magnitudeBits));
    zeros += hn::CountTrue(d, hn::Eq(x, hn::Zero(d)));
  }
  if (hn::GetLane(hn::MaxOfLanes(du, magnitude)) >= 0x7f800000u || !allFinite(sum)) {
    return false;
  }
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t filled = (block.size() + lanes - 1) / lanes * lanes - block.size();
  partials.finite = static_cast<std::int64_t>(block.size());
  partials.zeros = static_cast<std::int64_t>(zeros - (block[0] == 0.0f ? filled : 0));
  partials.min = hn::GetLane(hn::MinOfLanes(d, least));
  partials.max = hn::GetLane(hn::MaxOfLanes(d, greatest));
  partials.mean = (sumOf(promotedSum(sum)) - static_cast<double>(filled) * static_cast<double>(block[0])) /
                  static_cast<double>(block.size());
  return true;
}

HWY_INLINE MomentPartials blockMomentsTarget(std::span<const float> block) {
  MomentPartials partials;
  if (!firstPass(block, partials)) {
    return scalar::blockMoments(block);
  }
  if (partials.min == partials.max) {
    partials.mean = static_cast<double>(partials.min);
    return partials;
  }
  const auto center = static_cast<float>(partials.mean);
  const PowerSums sums = powerSums(block, center);
  const auto n = static_cast<double>(block.size());
  if (!sums.finite || sums.second < n * 1e-16) {
    return scalar::blockMoments(block); // fourth powers beyond float32's range
  }
  // From around `center` to around the mean, which lies `shift` beside it.
  const double shift = sums.first / n;
  partials.mean = static_cast<double>(center) + shift;
  partials.m2 = sums.second - n * shift * shift;
  partials.m3 = sums.third - 3.0 * shift * sums.second + 2.0 * n * shift * shift * shift;
  partials.m4 = sums.fourth - 4.0 * shift * sums.third + 6.0 * shift * shift * sums.second -
                3.0 * n * shift * shift * shift * shift;
  return partials;
}

MomentPartials momentsTarget(std::span<const float> values) {
  MomentPartials total;
  for (std::size_t at = 0; at < values.size(); at += kMomentBlock) {
    total.merge(blockMomentsTarget(values.subspan(at, std::min(kMomentBlock, values.size() - at))));
  }
  return total;
}

#endif // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
} // namespace HWY_NAMESPACE
} // namespace halfstep::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halfstep::kernels {

HWY_EXPORT(momentsTarget);

MomentPartials moments(std::span<const float> values) {
  return HWY_DYNAMIC_DISPATCH(momentsTarget)(values);
}

} // namespace halfstep::kernels
#endif
