// Why low precision is not faster: from figures to a sentence.
#include "core/analysis/latency.h"
#include "core/support/units.h"

#include <algorithm>

namespace halfstep {

namespace {

constexpr double kFaster = 1.1;
constexpr double kCallsOfTooSmall = 4.0;
constexpr double kShareOfMemory = 0.5;
constexpr double kDisturbed = 1.5;
constexpr double kFarMore = 1.25;

std::string durationText(double seconds) {
  return seconds < 1e-3 ? formatReal(seconds * 1e6) + " µs" : formatReal(seconds * 1e3) + " ms";
}

std::string timesText(double ratio) {
  return formatReal(ratio, 2) + " times as fast";
}

} // namespace

bool isDisturbed(const Timing& timing) {
  return timing.median > kDisturbed * timing.least;
}

std::string slowReason(const LayerShape& shape, LatencyType type, const LayerTiming& timing,
                       const LayerTiming& fp32, const DeviceProfile& machine) {
  if (type == LatencyType::fp32 || !fp32.measured()) {
    return {};
  }
  if (!timing.measured()) {
    return timing.left;
  }
  for (const LayerTiming* one : {&timing, &fp32}) {
    if (isDisturbed(one->alone)) {
      return "cannot be told: other programs slowed it; " + one->implementation + " took " +
             durationText(one->alone.median) + " at the median, " + durationText(one->alone.least) +
             " at best";
    }
  }
  const double seconds = timing.alone.median;
  const double floatSeconds = fp32.alone.median;
  if (seconds * kFaster <= floatSeconds) {
    if ((seconds + timing.around) * kFaster <= floatSeconds) {
      return {};
    }
    return "reorders around it: alone it is " + timesText(floatSeconds / seconds) +
           ", but converting its input and output takes " + durationText(timing.around) +
           "; it pays between layers of the same type";
  }
  const bool isShared = shape.isWorthSharing();
  const double call = machine.overhead + (isShared ? machine.sharing : 0.0);
  if (floatSeconds < kCallsOfTooSmall * call) {
    return "too small: float32 takes " + durationText(floatSeconds) + ", of which the call itself is about " +
           durationText(call);
  }
  const auto roof = rooflineEstimate(shape, machine, type);
  if (!roof) {
    return "slower than float32 with " + timing.implementation;
  }
  if (roof->memory >= kShareOfMemory * seconds && roof->memory >= roof->compute) {
    return "memory-bound: it moves " + formatBytes(static_cast<std::int64_t>(movedBytes(shape, type))) +
           ", which takes " + durationText(roof->memory) + " of its " + durationText(seconds) + " at " +
           formatReal(machine.bandwidth * 1e-9) + " GB/s";
  }
  return "its shape does not suit " + timing.implementation + ": it reaches " +
         formatShare(roof->compute / seconds) + " of the peak measured here" +
         (isShared ? "" : ", on one thread, because sharing so little work takes longer");
}

std::string remarkOnSum(const Latency& latency) {
  const double sum = latency.total(LatencyType::fp32);
  if (!latency.network || sum <= kFarMore * latency.network->median) {
    return {};
  }
  return "The layers alone add up to " + durationText(sum) + " in float32, the whole network takes " +
         durationText(latency.network->median) +
         ": alone, a layer pays for a call of its own and finds its weights no longer in the caches. The "
         "network's time is the one that counts";
}

} // namespace halfstep
