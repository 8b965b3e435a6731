#include "core/kernels/select.h"

#include <algorithm>
#include <functional>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/select.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace halfstep::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

float kthLargestTarget(std::span<const float> values, std::size_t k, RankedBy key) {
  return scalar::kthLargest(values, k, key);
}

void collectBinTarget(std::span<const float> values, RankedBy key, const HistogramGrid& grid, std::size_t bin,
                      std::size_t bins, std::vector<float>& keys) {
  scalar::collectBin(values, key, grid, bin, bins, keys);
}

#else

HWY_INLINE Floats keysOf(Floats x, RankedBy key) {
  return key == RankedBy::magnitude ? hn::Abs(x) : key == RankedBy::value ? x : hn::Neg(x);
}

/// The largest key of each of `columns` interleaved subsets (a multiple of the lanes); false where a value is
/// not finite. Values beyond the last whole row of columns are left out.
HWY_INLINE bool columnMaxima(std::span<const float> values, RankedBy key, std::size_t columns,
                             float* maxima) {
  const FloatTag d;
  const UnsignedTag du;
  const std::size_t lanes = hn::Lanes(d);
  const Unsigneds magnitudeBits = hn::Set(du, 0x7fffffffu);
  Unsigneds magnitude = hn::Zero(du);
  for (std::size_t column = 0; column < columns; column += lanes) {
    Floats greatest = keysOf(hn::LoadU(d, values.data() + column), key);
    for (std::size_t i = column; i + lanes <= values.size(); i += columns) {
      const Floats x = hn::LoadU(d, values.data() + i);
      greatest = hn::Max(greatest, keysOf(x, key));
      magnitude = hn::Max(magnitude, hn::And(hn::BitCast(du, x), magnitudeBits));
    }
    hn::StoreU(greatest, d, maxima + column);
  }
  return hn::GetLane(hn::MaxOfLanes(du, magnitude)) < 0x7f800000u;
}

/// At least k subsets have a maximum ≥ the k-th largest maximum, so at least k values lie there: only those
/// can be the answer, and they are few.
float kthLargestTarget(std::span<const float> values, std::size_t k, RankedBy key) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  constexpr std::size_t kMaxColumns = 512; // a multiple of all lanes
  const std::size_t useful = std::max(4 * lanes, (16 * k + lanes - 1) / lanes * lanes);
  const std::size_t columns = std::min({kMaxColumns, useful, values.size() / 4 / lanes * lanes});
  if (k > columns / 4) {
    return scalar::kthLargest(values, k, key);
  }
  float maxima[kMaxColumns];
  if (!columnMaxima(values, key, columns, maxima)) {
    return scalar::kthLargest(values, k, key);
  }
  std::nth_element(maxima, maxima + k - 1, maxima + columns, std::greater<>());
  const Floats bound = hn::Set(d, maxima[k - 1]);
  std::vector<float> keys;
  keys.reserve(4 * k + lanes);
  HWY_ALIGN float some[HWY_MAX_BYTES / sizeof(float)];
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    const Floats ranked = keysOf(hn::LoadU(d, values.data() + i), key);
    if (HWY_UNLIKELY(!hn::AllFalse(d, hn::Ge(ranked, bound)))) {
      hn::Store(ranked, d, some);
      std::copy_if(some, some + lanes, std::back_inserter(keys), [&](float x) { return x >= maxima[k - 1]; });
    }
  }
  for (; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return scalar::kthLargest(values, k, key);
    }
    const float ranked = hn::GetLane(keysOf(hn::Set(d, values[i]), key));
    if (ranked >= maxima[k - 1]) {
      keys.push_back(ranked);
    }
  }
  std::nth_element(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(k - 1), keys.end(),
                   std::greater<>());
  return keys[k - 1];
}

void collectBinTarget(std::span<const float> values, RankedBy key, const HistogramGrid& grid, std::size_t bin,
                      std::size_t bins, std::vector<float>& keys) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  const Floats lo = hn::Set(d, grid.lo);
  const Floats perUnit = hn::Set(d, grid.binsPerUnit);
  const Floats last = hn::Set(d, static_cast<float>(bins - 1));
  const Floats wanted = hn::Set(d, static_cast<float>(bin));
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    const Floats place = hn::Mul(hn::Sub(keysOf(hn::LoadU(d, values.data() + i), key), lo), perUnit);
    const Floats kept = hn::Trunc(hn::Min(hn::Max(place, hn::Zero(d)), last));
    if (HWY_UNLIKELY(!hn::AllFalse(d, hn::Eq(kept, wanted)))) {
      scalar::collectBin(values.subspan(i, lanes), key, grid, bin, bins, keys);
    }
  }
  scalar::collectBin(values.subspan(i), key, grid, bin, bins, keys);
}

#endif // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
} // namespace HWY_NAMESPACE
} // namespace halfstep::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halfstep::kernels {

HWY_EXPORT(kthLargestTarget);
HWY_EXPORT(collectBinTarget);

float kthLargest(std::span<const float> values, std::size_t k, RankedBy key) {
  return HWY_DYNAMIC_DISPATCH(kthLargestTarget)(values, k, key);
}

void collectBin(std::span<const float> values, RankedBy key, const HistogramGrid& grid, std::size_t bin,
                std::size_t bins, std::vector<float>& keys) {
  HWY_DYNAMIC_DISPATCH(collectBinTarget)(values, key, grid, bin, bins, keys);
}

} // namespace halfstep::kernels
#endif
