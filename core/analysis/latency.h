// Latency measured on this CPU: every layer alone in float32, bfloat16 and int8 with oneDNN's kernels, in
// weight-only int4 with our own, and the whole network in float32 and with its layers in bfloat16 and int8.
// Results are values.
#pragma once

#include "core/analysis/machine_speed.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace halfstep {

/// One layer in one type. Seconds of one call.
struct LayerTiming {
  Timing alone;               ///< its weights and its input are in place; `runs` 0 where it was not measured
  double around = 0.0;        ///< median of converting its input from and its output to row-major float32
  std::string implementation; ///< which kernel ran
  std::string left;           ///< why it was not measured; empty where it was
  std::string reason;         ///< why it is not faster than fp32; see slowReason()
  bool measured() const { return alone.runs > 0; }
};

struct LayerLatency {
  LayerShape shape; ///< of a recurrence: times are its share of the node's, see LayerRecurrence
  std::map<LatencyType, LayerTiming> types; ///< those asked for, and fp32
};

/// The whole network with its layers in one type.
struct NetworkTiming {
  Timing timing;
  std::size_t nodes = 0; ///< that ran in the type; the others stayed in float32
};

struct Latency {
  DeviceProfile machine; ///< this one, measured in the same run
  int threads = 0;
  bool vnni = false;                ///< int8 products run on VNNI instructions
  std::vector<LayerLatency> layers; ///< the first ones while it is being measured, or where it was stopped
  std::size_t layerCount = 0;       ///< of the network
  std::optional<Timing> network;    ///< the whole network in float32, everything included
  /// The whole network with convolutions and products of weights in bf16 and in int8, everything else and the
  /// values between them in float32; without the types that none of them ran in.
  std::map<LatencyType, NetworkTiming> narrowNetworks;

  /// Σ calls × median over the layers; a layer that was not measured in `type` counts in fp32, one that was
  /// not measured at all with nothing.
  double total(LatencyType type) const;
  /// What the network would take with its layers in `type`, reckoned and not measured: its time in float32,
  /// less the layers' in float32, plus theirs in `type`. Nothing where the network was not measured, or takes
  /// no longer than its layers alone.
  std::optional<double> networkIn(LatencyType type) const;
  bool isComplete() const { return layers.size() == layerCount; }
  /// Layers that take part in a run and were not measured at all, in the model's order.
  std::vector<std::string> unmeasured() const;
};

struct LatencyOptions {
  std::vector<LatencyType> types{kLatencyTypes.begin(), kLatencyTypes.end()};
  int runs = 50;          ///< of every layer and type
  int warmUp = 5;         ///< runs before them that do not count
  double seconds = 2.0;   ///< a layer that takes longer is run fewer times, at least three (or `runs`)
  std::uint64_t seed = 0; ///< of the made-up values
  Clock clock;
  /// Called after every layer, on the job's thread: all there is so far.
  std::function<void(const Latency&)> onLayer;
};

/// The median is more than 1.5 times the fastest run: something else kept the processor busy.
bool isDisturbed(const Timing& timing);

/// Why `timing` of a layer in `type` is not at least 1.1 times as fast as `fp32`, with the conversions around
/// it counted: one sentence for people; empty where it is that fast. Pure. In this order: no kernel on this
/// CPU; faster alone, but not with the conversions; too small (fp32 takes less than four times what a call
/// costs, with waking the threads where they share it);
/// memory-bound (moving its bytes takes at least half its time, and longer than computing at the peak); a
/// shape that the kernel does not get near its peak on.
std::string slowReason(const LayerShape& shape, LatencyType type, const LayerTiming& timing,
                       const LayerTiming& fp32, const DeviceProfile& machine);

/// Where the layers measured alone add up to far more than the whole network takes: that they do, and why;
/// otherwise empty. For people.
std::string remarkOnSum(const Latency& latency);

/// Measures every layer of `shapes` alone, with made-up values, and this machine's speed. The types of a
/// layer take turns, ten runs each, so that what else the machine does slows all alike. Caches are as the run
/// before left them. Errors: not enough memory; cancelled (what is done has been told to `onLayer`). A kernel
/// that is missing is no error.
Result<Latency> measureLatency(const std::vector<LayerShape>& shapes, const LatencyOptions& options,
                               const JobContext& job);

/// The same with the network's own time on `inputs`: layers seen, measured, and whole runs by `executor`, and
/// by others in the types asked for that it can run in, in turns. Those hold the weights again, in their
/// type.
Result<Latency> measureLatency(const Executor& executor, const std::map<std::string, Value>& inputs,
                               const LatencyOptions& options, const JobContext& job);

} // namespace halfstep
