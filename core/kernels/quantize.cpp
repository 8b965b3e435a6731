#include "core/kernels/quantize.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/quantize.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace halfstep::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

void quantizeTarget(std::span<const float> values, const IntegerGrids& grids, std::span<std::int32_t> codes) {
  scalar::quantize(values, grids, codes);
}

void dequantizeTarget(std::span<const std::int32_t> codes, const IntegerGrids& grids,
                      std::span<float> values) {
  scalar::dequantize(codes, grids, values);
}

#else

/// The grid of one segment.
struct SegmentStep {
  Floats scale;
  Floats lowest;
  Floats highest;
  Ints zeroPoint;

  HWY_INLINE SegmentStep(const IntegerGrids& grids, std::size_t segment)
      : scale(hn::Set(FloatTag(), grids.scales[segment]))
      , lowest(hn::Set(FloatTag(), static_cast<float>(grids.lowestCode - grids.zeroPoints[segment])))
      , highest(hn::Set(FloatTag(), static_cast<float>(grids.highestCode - grids.zeroPoints[segment])))
      , zeroPoint(hn::Set(IntTag(), grids.zeroPoints[segment])) {}
};

HWY_INLINE Ints codesOf(Floats x, const SegmentStep& step, Rounding rounding, Floats threshold) {
  const Floats code = roundQuotients(hn::Div(x, step.scale), rounding, threshold);
  const Floats kept = hn::Min(hn::Max(code, step.lowest), step.highest);
  const Floats number = hn::IfThenElseZero(hn::Eq(x, x), kept); // NaN: the zero point
  return hn::Add(hn::ConvertTo(IntTag(), number), step.zeroPoint);
}

void quantizeTarget(std::span<const float> values, const IntegerGrids& grids, std::span<std::int32_t> codes) {
  const FloatTag d;
  const IntTag di;
  const std::size_t lanes = hn::Lanes(d);
  const bool stochastic = grids.rounding == Rounding::stochastic;
  HWY_ALIGN std::int32_t tail[HWY_MAX_BYTES / sizeof(std::int32_t)];
  for (std::size_t at = 0, segment = 0; at < values.size(); ++segment) {
    const std::size_t end = std::min(values.size(), at + grids.segmentLength);
    const SegmentStep step(grids, segment);
    for (std::size_t i = at; i < end; i += lanes) {
      const std::uint64_t index = grids.firstIndex + i;
      if (HWY_UNLIKELY(stochastic && index >> 32 != (index + lanes) >> 32)) {
        IntegerGrids single = grids;
        single.scales = grids.scales.subspan(segment);
        single.zeroPoints = grids.zeroPoints.subspan(segment);
        single.firstIndex = index;
        const std::size_t count = std::min(lanes, end - i);
        scalar::quantize(values.subspan(i, count), single, codes.subspan(i, count));
        continue;
      }
      const Floats threshold =
          stochastic ? thresholds(static_cast<std::uint32_t>(index), stochasticKey(grids.seed, index))
                     : hn::Zero(d);
      if (i + lanes <= end) {
        hn::StoreU(codesOf(hn::LoadU(d, values.data() + i), step, grids.rounding, threshold), di,
                   codes.data() + i);
      } else {
        hn::Store(codesOf(loadFirst(values.data() + i, end - i), step, grids.rounding, threshold), di, tail);
        std::memcpy(codes.data() + i, tail, (end - i) * sizeof(std::int32_t));
      }
    }
    at = end;
  }
}

void dequantizeTarget(std::span<const std::int32_t> codes, const IntegerGrids& grids,
                      std::span<float> values) {
  const FloatTag d;
  const IntTag di;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t at = 0, segment = 0; at < codes.size(); ++segment) {
    const std::size_t end = std::min(codes.size(), at + grids.segmentLength);
    const Floats scale = hn::Set(d, grids.scales[segment]);
    const Ints zeroPoint = hn::Set(di, grids.zeroPoints[segment]);
    std::size_t i = at;
    for (; i + lanes <= end; i += lanes) {
      const Ints steps = hn::Sub(hn::LoadU(di, codes.data() + i), zeroPoint);
      hn::StoreU(hn::Mul(scale, hn::ConvertTo(d, steps)), d, values.data() + i);
    }
    for (; i < end; ++i) {
      values[i] = grids.scales[segment] * static_cast<float>(codes[i] - grids.zeroPoints[segment]);
    }
    at = end;
  }
}

#endif // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
} // namespace HWY_NAMESPACE
} // namespace halfstep::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halfstep::kernels {

HWY_EXPORT(quantizeTarget);
HWY_EXPORT(dequantizeTarget);

void quantize(std::span<const float> values, const IntegerGrids& grids, std::span<std::int32_t> codes) {
  HWY_DYNAMIC_DISPATCH(quantizeTarget)(values, grids, codes);
}

void dequantize(std::span<const std::int32_t> codes, const IntegerGrids& grids, std::span<float> values) {
  HWY_DYNAMIC_DISPATCH(dequantizeTarget)(codes, grids, values);
}

} // namespace halfstep::kernels
#endif
