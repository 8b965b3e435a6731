// Finds the clipping range of one segment by the scheme's range rule. Internal to core/quant.
#pragma once

#include "core/kernels/value_range.h"
#include "core/quant/pieces.h"
#include "core/quant/scale_rule.h"

#include <span>
#include <vector>

namespace halfstep {

/// Makes ranges for the segments of one matrix (which must outlive it) under one scheme. Immutable once made;
/// `estimate` may run on several threads at once (with Threads::one).
class RangeEstimator {
public:
  /// Looks at the whole matrix first where the rule needs that (`kl`). `channelRanges`: as for quantizeLayer.
  /// Errors: cancelled.
  static Result<RangeEstimator> forScheme(const WeightMatrix& matrix, const Scheme& scheme,
                                          const Segmentation& segmentation,
                                          std::span<const ValueRange> channelRanges,
                                          const JobContext& context);

  /// The range of segment `index`; {0, 0} where it has no finite value but 0. Symmetric mappings get −A…A,
  /// asymmetric ones a range that contains 0. Errors: cancelled (Threads::several only).
  Result<SegmentRange> estimate(std::size_t index, Threads threads, const JobContext& context) const;
  /// The ranges of the segments `first`… (whole ones of one channel, or of several), with Threads::one.
  void estimateRun(std::size_t first, std::span<SegmentRange> ranges) const;
  const ScaleRule& scaleRule() const { return m_rule; }

private:
  RangeEstimator(const WeightMatrix& matrix, const Scheme& scheme, const Segmentation& segmentation);
  void useChannelRanges(std::span<const ValueRange> channelRanges);
  SegmentRange shaped(double lo, double hi, bool negativeExtreme) const;
  bool searchesShortSegments() const;
  void searchRow(std::size_t first, std::span<SegmentRange> ranges) const;
  SegmentRange minMax(std::span<const float> values, const kernels::RangePartials& range) const;
  Result<SegmentRange> percentile(std::span<const float> values, const kernels::RangePartials& range,
                                  bool negativeExtreme, Threads threads, const JobContext& context) const;
  Result<SegmentRange> aciq(std::span<const float> values, const SegmentRange& full, Threads threads,
                            const JobContext& context) const;

  const WeightMatrix& m_matrix;
  Scheme m_scheme;
  Segmentation m_segmentation;
  ScaleRule m_rule;
  double m_laplace = 0.0;                       ///< for `aciq`: the range in mean absolute deviations
  double m_gauss = 0.0;                         ///< … in standard deviations
  float m_ratio = 1.0f;                         ///< of every segment's own range, for `kl`
  std::vector<kernels::RangePartials> m_ranges; ///< of every segment, where they are known already
};

} // namespace halfstep
