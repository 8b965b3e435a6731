// Finds the clipping range of one segment by the scheme's range rule. Internal to core/quant.
#pragma once

#include "core/quant/pieces.h"
#include "core/quant/scale_rule.h"

#include <optional>
#include <span>

namespace halfstep {

/// Makes ranges for the segments of one matrix under one scheme. Immutable once made; `estimate` may run on
/// several threads at once (with Threads::one).
class RangeEstimator {
public:
  /// Looks at the whole matrix first where the rule needs that (`kl`). Errors: cancelled.
  static Result<RangeEstimator> forScheme(const WeightMatrix& matrix, const Scheme& scheme,
                                          const Segmentation& segmentation, const JobContext& context);

  /// The range of one segment; {0, 0} where it has no finite value but 0. Symmetric mappings get −A…A,
  /// asymmetric ones a range that contains 0. Errors: cancelled (Threads::several only).
  Result<SegmentRange> estimate(std::span<const float> values, Threads threads,
                                const JobContext& context) const;
  const ScaleRule& scaleRule() const { return m_rule; }

private:
  explicit RangeEstimator(const Scheme& scheme);
  SegmentRange shaped(double lo, double hi, bool negativeExtreme) const;
  SegmentRange shrunk(const SegmentRange& full, double ratio) const;
  Result<SegmentRange> minMax(std::span<const float> values, Threads threads,
                              const JobContext& context) const;
  Result<SegmentRange> percentile(std::span<const float> values, const SegmentRange& full) const;
  Result<SegmentRange> aciq(std::span<const float> values, const SegmentRange& full, Threads threads,
                            const JobContext& context) const;
  Result<SegmentRange> leastSquares(std::span<const float> values, const SegmentRange& full, Threads threads,
                                    const JobContext& context) const;

  Scheme m_scheme;
  ScaleRule m_rule;
  double m_ratio = 1.0; ///< of every segment's own range, for `kl`
};

} // namespace halfstep
