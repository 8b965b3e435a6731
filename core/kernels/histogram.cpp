#include "core/kernels/histogram.h"

#include <array>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/histogram.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace halfstep::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

void addToHistogramTarget(std::span<const float> values, const HistogramGrid& grid,
                          const HistogramBins& bins) {
  scalar::addToHistogram(values, grid, bins);
}

void addMagnitudesTarget(std::span<const float> values, const HistogramGrid& grid,
                         const HistogramBins& bins) {
  scalar::addMagnitudesToHistogram(values, grid, bins);
}

#else

/// The bins of one vector of values are found together; counting them is done one by one, because two of them
/// may be the same bin.
template <bool kMagnitudes, bool kMoments>
HWY_INLINE void addAll(std::span<const float> values, const HistogramGrid& grid, const HistogramBins& bins) {
  const FloatTag d;
  const IntTag di;
  const std::size_t lanes = hn::Lanes(d);
  const Floats lo = hn::Set(d, grid.lo);
  const Floats perUnit = hn::Set(d, grid.binsPerUnit);
  const Floats last = hn::Set(d, static_cast<float>(bins.counts.size() - 1));
  const Floats infinity = hn::Set(d, kInfinity);
  constexpr std::size_t kMaxLanes = HWY_MAX_BYTES / sizeof(float);
  HWY_ALIGN std::array<std::int32_t, kMaxLanes> places;
  std::int64_t* HWY_RESTRICT counts = bins.counts.data();
  BinMoments* HWY_RESTRICT moments = bins.moments.data();
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    const Floats loaded = hn::LoadU(d, values.data() + i);
    const Floats magnitude = hn::Abs(loaded);
    if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Lt(magnitude, infinity)))) {
      const std::span<const float> some = values.subspan(i, lanes);
      kMagnitudes ? scalar::addMagnitudesToHistogram(some, grid, bins)
                  : scalar::addToHistogram(some, grid, bins);
      continue;
    }
    const Floats x = kMagnitudes ? magnitude : loaded;
    const Floats place = hn::Mul(hn::Sub(x, lo), perUnit);
    hn::Store(hn::ConvertTo(di, hn::Min(hn::Max(place, hn::Zero(d)), last)), di, places.data());
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const auto bin = static_cast<std::size_t>(places[lane]);
      ++counts[bin];
      if (kMoments) {
        const float one = values[i + lane];
        const auto value = static_cast<double>(kMagnitudes && one < 0.0f ? -one : one);
        moments[bin].sum += value;
        moments[bin].squares += value * value;
      }
    }
  }
  const std::span<const float> rest = values.subspan(i);
  kMagnitudes ? scalar::addMagnitudesToHistogram(rest, grid, bins) : scalar::addToHistogram(rest, grid, bins);
}

void addToHistogramTarget(std::span<const float> values, const HistogramGrid& grid,
                          const HistogramBins& bins) {
  bins.moments.empty() ? addAll<false, false>(values, grid, bins) : addAll<false, true>(values, grid, bins);
}

void addMagnitudesTarget(std::span<const float> values, const HistogramGrid& grid,
                         const HistogramBins& bins) {
  bins.moments.empty() ? addAll<true, false>(values, grid, bins) : addAll<true, true>(values, grid, bins);
}

#endif // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
} // namespace HWY_NAMESPACE
} // namespace halfstep::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halfstep::kernels {

HWY_EXPORT(addToHistogramTarget);
HWY_EXPORT(addMagnitudesTarget);

void addToHistogram(std::span<const float> values, const HistogramGrid& grid, const HistogramBins& bins) {
  HWY_DYNAMIC_DISPATCH(addToHistogramTarget)(values, grid, bins);
}

void addMagnitudesToHistogram(std::span<const float> values, const HistogramGrid& grid,
                              const HistogramBins& bins) {
  HWY_DYNAMIC_DISPATCH(addMagnitudesTarget)(values, grid, bins);
}

} // namespace halfstep::kernels
#endif
