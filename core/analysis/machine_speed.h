// What this machine can do at best, measured: the roof that measured layers are held against. Values.
#pragma once

#include "core/analysis/roofline.h"

#include <functional>
#include <string>
#include <vector>

namespace halfstep {

/// Seconds since some moment, never going back; given by the caller, so that core reads no clock of its own.
using Clock = std::function<double()>;

/// Seconds of repeated runs.
struct Timing {
  double median = 0.0;
  double lowerQuartile = 0.0;
  double upperQuartile = 0.0;
  double least = 0.0;
  int runs = 0;
  bool operator==(const Timing&) const = default;
};
/// Quantiles by linear interpolation between order statistics (Hyndman and Fan's type 7). Of no seconds:
/// zeros.
Timing timingOf(std::vector<double> seconds);

/// As the system calls it ("AMD EPYC"); "this CPU" where it does not say.
std::string cpuName();

/// Peak operations a second of every type that oneDNN has a kernel for (the best of several products of
/// 1024 × 1024 matrices; int4 computes in float32 and has none of its own), read bandwidth (the best of
/// several passes over 96 MiB), what a call costs (the median of a product of 16 × 16 matrices, on one
/// thread, as layers that small run), and what sharing it between threads does (the median of loops of
/// nothing). On parallelThreads() threads; takes about half a second. Errors: not enough memory; cancelled.
Result<DeviceProfile> measureMachine(const Clock& clock, const JobContext& job);

} // namespace halfstep
