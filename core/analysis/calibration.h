// Calibration: runs samples through the float network and learns every value's range and distribution.
// Streams: what is kept does not grow with the number of samples but for one range per value and sample.
#pragma once

#include "core/analysis/activation_statistics.h"
#include "core/analysis/samples.h"
#include "core/exec/executor.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace halfstep {

/// Immutable once made; shared.
struct Calibration {
  SampleOrigin origin;
  std::vector<std::string> sampleNames;     ///< of the samples that were run, in order
  std::vector<ActivationStatistics> values; ///< the floating-point values of the main graph, in its order

  /// Null if there is none.
  const ActivationStatistics* find(std::string_view value) const;
};

/// What tells calibrations apart by the ranges that they give: a hash of every value's name, bounds, moving
/// average and histogram, in hexadecimal. Errors: cancelled.
Result<std::string> rangesFingerprint(const Calibration& calibration, const JobContext& job);

struct CalibrationOptions {
  std::size_t samples = 0; ///< the first so many; 0 for all
  /// Called after every sample, on the job's thread, with what there is so far.
  std::function<void(const Calibration&)> onSample;
};

/// Statistics of the graph's inputs and of every floating-point value that its nodes make from them (values
/// made from constants alone are left out). Errors: what reading and running a sample gives, naming it;
/// cancelled.
Result<std::shared_ptr<const Calibration>> calibrate(const Executor& executor, const SampleSource& samples,
                                                     const CalibrationOptions& options,
                                                     const JobContext& job);

/// How much another set of samples differs in one value: the shift of its mean in standard deviations, and
/// the share of its values outside the first set's range.
struct Drift {
  std::string value;
  double meanShift = 0.0;
  double outside = 0.0;  ///< 0…1, to the resolution of the histograms
  double distance = 0.0; ///< total variation distance of the two histograms, 0…1
};
/// Of every value that both have, the largest distance first.
std::vector<Drift> driftBetween(const Calibration& first, const Calibration& second);

/// Whether more samples would still change the bounds of a value: the share by which its range grew over the
/// last half of the samples (0: not at all).
double growthInLastHalf(const ActivationStatistics& statistics);

} // namespace halfstep
