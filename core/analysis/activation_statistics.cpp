#include "core/analysis/activation_statistics.h"

#include "core/kernels/value_range.h"
#include "core/quant/pieces.h"
#include "core/quant/range_statistics.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace halfstep {

namespace {

constexpr int kBins = 2 * BinaryHistogram::kBinsPerSide;
constexpr float kAveragingConstant = 0.01f;
constexpr int kLowestExponent = -149; // of the smallest denormal

/// The smallest e with magnitude ≤ kBinsPerSide·2^e, the end excluded.
int exponentFor(float magnitude) {
  int exponent = 0;
  std::frexp(magnitude, &exponent); // magnitude < 2^exponent
  constexpr int kSideBits = 12;
  static_assert(1 << kSideBits == BinaryHistogram::kBinsPerSide);
  return std::max(exponent - kSideBits, kLowestExponent);
}

ValueRange joined(const ValueRange& a, const ValueRange& b) {
  return {std::min(a.lo, b.lo), std::max(a.hi, b.hi)};
}

/// The ranges along `axis` of a row-major tensor.
std::vector<ValueRange> rangesAlong(std::span<const float> values, const Shape& shape, std::size_t axis) {
  const auto channels = static_cast<std::size_t>(shape[axis]);
  std::size_t inner = 1;
  for (std::size_t i = axis + 1; i < shape.size(); ++i) {
    inner *= static_cast<std::size_t>(shape[i]);
  }
  std::vector<kernels::RangePartials> ranges(channels);
  if (inner == 1) {
    for (std::size_t at = 0; at + channels <= values.size(); at += channels) {
      for (std::size_t c = 0; c < channels; ++c) {
        const float x = values[at + c];
        if (std::isfinite(x)) {
          ranges[c].min = std::min(ranges[c].min, x);
          ranges[c].max = std::max(ranges[c].max, x);
        }
      }
    }
  } else {
    for (std::size_t at = 0; at < values.size(); at += inner) {
      ranges[at / inner % channels].merge(kernels::valueRange(values.subspan(at, inner)));
    }
  }
  std::vector<ValueRange> result;
  for (const kernels::RangePartials& range : ranges) {
    result.push_back(range.empty() ? ValueRange{} : ValueRange{range.min, range.max});
  }
  return result;
}

} // namespace

double BinaryHistogram::width() const {
  return m_counts.empty() ? 0.0 : std::ldexp(1.0, m_exponent);
}

BinaryHistogram BinaryHistogram::of(int exponent, std::vector<std::int64_t> counts) {
  assert(counts.empty() || counts.size() == kBins);
  BinaryHistogram made;
  made.m_exponent = counts.empty() ? 0 : exponent;
  made.m_counts = std::move(counts);
  return made;
}

void BinaryHistogram::widen(int exponent) {
  while (m_exponent < exponent) {
    std::vector<std::int64_t> wider(kBins, 0);
    for (int k = 0; k < kBins; ++k) {
      const int signedBin = k - kBinsPerSide;
      wider[static_cast<std::size_t>((signedBin >> 1) + kBinsPerSide)] +=
          m_counts[static_cast<std::size_t>(k)];
    }
    m_counts = std::move(wider);
    ++m_exponent;
  }
}

void BinaryHistogram::add(std::span<const float> values, float magnitude) {
  if (!(magnitude > 0.0f)) {
    return;
  }
  const int exponent = exponentFor(magnitude);
  if (m_counts.empty()) {
    m_counts.assign(kBins, 0);
    m_exponent = exponent;
  }
  widen(exponent);
  // In double the product with a power of two is exact for every float.
  const double perUnit = std::ldexp(1.0, -m_exponent);
  for (const float x : values) {
    if (x != 0.0f && std::isfinite(x)) {
      const double place = std::floor(static_cast<double>(x) * perUnit) + kBinsPerSide;
      const auto bin = static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(kBins - 1)));
      ++m_counts[bin];
    }
  }
}

void BinaryHistogram::merge(const BinaryHistogram& other) {
  if (other.empty()) {
    return;
  }
  if (empty()) {
    *this = other;
    return;
  }
  BinaryHistogram second = other;
  second.widen(m_exponent);
  widen(second.m_exponent);
  for (std::size_t k = 0; k < m_counts.size(); ++k) {
    m_counts[k] += second.m_counts[k];
  }
}

Result<void> ActivationStatistics::observe(const Tensor& tensor, std::uint32_t sample,
                                           std::optional<ChannelAxis> channels) {
  HALFSTEP_TRY(const std::vector<float> values, toFloats(tensor, {}));
  const bool first = samples.empty();
  const Shape before = std::exchange(shape, tensor.shape());
  type = tensor.type();
  HALFSTEP_TRY(const kernels::MomentPartials seen, momentPartialsOf(values, Threads::several, {}));
  moments.merge(seen);
  if (seen.finite == 0) {
    return {};
  }
  histogram.add(values, std::max(std::abs(seen.min), std::abs(seen.max)));
  samples.push_back({sample, seen.min, seen.max});
  if (first) {
    movingAverage = {seen.min, seen.max};
  } else {
    movingAverage.lo += kAveragingConstant * (seen.min - movingAverage.lo);
    movingAverage.hi += kAveragingConstant * (seen.max - movingAverage.hi);
  }
  const std::size_t rank = shape.size();
  const bool isSecond = rank >= 2 && channels.value_or(rank >= 4 ? ChannelAxis::second : ChannelAxis::last) ==
                                         ChannelAxis::second;
  channelAxis = isSecond ? 1 : static_cast<int>(rank) - 1;
  if (rank > 0) {
    const auto axis = static_cast<std::size_t>(channelAxis);
    std::vector<ValueRange> ranges = rangesAlong(values, shape, axis);
    if (first) {
      channelRanges = std::move(ranges);
    } else if (before.size() == rank && ranges.size() == channelRanges.size()) {
      for (std::size_t c = 0; c < ranges.size(); ++c) {
        channelRanges[c] = joined(channelRanges[c], ranges[c]);
      }
    } else {
      channelRanges.clear();
    }
  }
  return {};
}

void ActivationStatistics::merge(const ActivationStatistics& other) {
  if (other.samples.empty()) {
    moments.merge(other.moments);
    return;
  }
  if (samples.empty()) {
    kernels::MomentPartials own = moments;
    *this = other;
    own.merge(other.moments);
    moments = own;
    return;
  }
  moments.merge(other.moments);
  histogram.merge(other.histogram);
  for (const SampleRange& range : other.samples) {
    samples.push_back(range);
    movingAverage.lo += kAveragingConstant * (range.min - movingAverage.lo);
    movingAverage.hi += kAveragingConstant * (range.max - movingAverage.hi);
  }
  if (channelRanges.size() == other.channelRanges.size()) {
    for (std::size_t c = 0; c < channelRanges.size(); ++c) {
      channelRanges[c] = joined(channelRanges[c], other.channelRanges[c]);
    }
  } else {
    channelRanges.clear();
  }
  shape = other.shape;
}

double ActivationStatistics::std() const {
  return moments.finite > 0 ? std::sqrt(moments.m2 / static_cast<double>(moments.finite)) : 0.0;
}

std::size_t ActivationStatistics::lowestSample() const {
  const auto least = std::min_element(samples.begin(), samples.end(),
                                      [](const auto& a, const auto& b) { return a.min < b.min; });
  return static_cast<std::size_t>(least - samples.begin());
}

std::size_t ActivationStatistics::highestSample() const {
  const auto most = std::max_element(samples.begin(), samples.end(),
                                     [](const auto& a, const auto& b) { return a.max < b.max; });
  return static_cast<std::size_t>(most - samples.begin());
}

std::vector<OutlierChannel> outlierChannels(const ActivationStatistics& statistics, double times) {
  std::vector<double> magnitudes;
  for (const ValueRange& range : statistics.channelRanges) {
    magnitudes.push_back(std::max(std::abs(double(range.lo)), std::abs(double(range.hi))));
  }
  if (magnitudes.size() < 2) {
    return {};
  }
  std::vector<double> sorted = magnitudes;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  const double median = *middle;
  std::vector<OutlierChannel> outliers;
  for (std::size_t c = 0; c < magnitudes.size(); ++c) {
    if (median > 0.0 && magnitudes[c] >= times * median) {
      outliers.push_back({c, magnitudes[c], magnitudes[c] / median});
    }
  }
  std::stable_sort(outliers.begin(), outliers.end(),
                   [](const auto& a, const auto& b) { return a.magnitude > b.magnitude; });
  return outliers;
}

} // namespace halfstep
