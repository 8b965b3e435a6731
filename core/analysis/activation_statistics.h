// What calibration learns of one value of the graph: its range, moments and histogram over all samples.
// Streams: memory does not grow with the number of values seen; two statistics merge, and all but the moving
// average come out the same whatever the order of the samples.
#pragma once

#include "core/analysis/channel_axes.h"
#include "core/kernels/moments.h"
#include "core/quant/quantizer.h"
#include "core/tensor/tensor.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace halfstep {

/// Counts over bins whose width is a power of two and whose edges are its multiples, so that a grid that has
/// become too narrow is widened, and two grids are merged, without moving a value to a wrong bin. Zeros are
/// not counted here.
class BinaryHistogram {
public:
  static constexpr int kBinsPerSide = 4096;

  /// Adds the finite values other than 0. `magnitude`: the largest |x| among them, or more.
  void add(std::span<const float> values, float magnitude);
  void merge(const BinaryHistogram& other);

  bool empty() const { return m_counts.empty(); }
  /// Of one bin; 0 where empty.
  double width() const;
  /// 2·kBinsPerSide counts; bin k covers [(k − kBinsPerSide)·width, (k + 1 − kBinsPerSide)·width).
  std::span<const std::int64_t> counts() const { return m_counts; }
  int exponent() const { return m_exponent; }
  /// From a file. Precondition: `counts` has 2·kBinsPerSide entries, none negative.
  static BinaryHistogram of(int exponent, std::vector<std::int64_t> counts);
  bool operator==(const BinaryHistogram&) const = default;

private:
  void widen(int exponent);
  int m_exponent = 0; ///< width = 2^exponent
  std::vector<std::int64_t> m_counts;
};

/// The range of one sample's values.
struct SampleRange {
  std::uint32_t sample = 0; ///< its index in the data set
  float min = 0.0f;
  float max = 0.0f;
  bool operator==(const SampleRange&) const = default;
};

class ActivationStatistics {
public:
  std::string name; ///< of the value
  Shape shape;      ///< of the last sample
  ElementType type = ElementType::undefined;
  kernels::MomentPartials moments; ///< over all values of all samples
  BinaryHistogram histogram;
  std::vector<SampleRange> samples; ///< one per sample that had finite values, in the order they were seen
  /// lo ← lo + 0.01·(lo of the sample − lo), and likewise hi, from the first sample's on. Source: PyTorch's
  /// MovingAverageMinMaxObserver.
  ValueRange movingAverage;
  int channelAxis = -1;                  ///< −1 for scalars
  std::vector<ValueRange> channelRanges; ///< of every index on that axis; empty where samples differ in it

  /// Adds one sample's values. `channels`: which axis numbers the channels; where nothing is said the second
  /// of four and more axes, otherwise the last. Errors: a tensor without numbers.
  Result<void> observe(const Tensor& tensor, std::uint32_t sample, std::optional<ChannelAxis> channels = {});
  /// Adds what another one saw of other samples.
  void merge(const ActivationStatistics& other);

  std::int64_t zeros() const { return moments.zeros; }
  double std() const;
  /// Index into `samples` of the one with the smallest minimum, and with the largest maximum.
  std::size_t lowestSample() const;
  std::size_t highestSample() const;
};

/// The clipping range that `scheme`'s range rule finds for the whole value: minmax · ema (moving average) ·
/// pct (of |x| for symmetric mappings; both tails half each otherwise) · mse (the grid of shrunk ranges, over
/// the histogram's bins) · kl · aciq · fixed. Contains 0; −A…A for symmetric mappings. docs/numbers.md.
ValueRange activationRange(const ActivationStatistics& statistics, const Scheme& scheme);

/// Channels whose largest |x| is at least `times` the median channel's, the largest first.
struct OutlierChannel {
  std::size_t channel = 0;
  double magnitude = 0.0;
  double ratio = 0.0; ///< to the median channel's magnitude
};
std::vector<OutlierChannel> outlierChannels(const ActivationStatistics& statistics, double times);

} // namespace halfstep
