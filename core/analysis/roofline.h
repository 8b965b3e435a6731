// How fast a layer can be at best on a device of which only a few figures are known: the roofline model
// (Williams, Waterman, Patterson, "Roofline: An Insightful Visual Performance Model for Multicore
// Architectures", CACM 52(4), 2009). Estimates, never measurements. Values; any thread.
#pragma once

#include "core/analysis/layer_shapes.h"

#include <array>
#include <map>
#include <optional>
#include <string_view>

namespace halfstep {

/// How a layer computes.
enum class LatencyType {
  fp32,
  bf16, ///< weights and values in bfloat16
  int8, ///< weights and values in 8 bits, sums in 32
  int4, ///< weights alone, in groups of kInt4Group along the depth; values and sums in float32
};
inline constexpr std::array kLatencyTypes = {LatencyType::fp32, LatencyType::bf16, LatencyType::int8,
                                             LatencyType::int4};
inline constexpr std::int64_t kInt4Group = 64;

/// "fp32", …
std::string_view latencyTypeName(LatencyType type);
/// Error (usage): none of the above; it names them.
Result<LatencyType> parseLatencyType(std::string_view name);

/// Bytes of `parameters` weights with their scales: fp32 4, bf16 2 a weight; int8 1 and 4 a channel; int4 ½
/// and 5 (scale and zero point) a group.
double weightBytes(LatencyType type, std::int64_t parameters, std::int64_t channels);
/// Bytes that one call of the layer must move: weights, input and output, each once.
double movedBytes(const LayerShape& shape, LatencyType type);

/// What a device is said, or was measured, to do. Operations are counted as 2 for a multiply-accumulate.
struct DeviceProfile {
  std::string name;
  std::string source;                 ///< where the figures are from, for people
  std::map<LatencyType, double> peak; ///< operations a second; types it has no arithmetic for are left out
  double bandwidth = 0.0;             ///< bytes a second
  double overhead = 0.0;              ///< seconds a layer costs whatever its size
  double sharing = 0.0; ///< and what it costs beside that if threads share it; measured machines only
  bool operator==(const DeviceProfile&) const = default;
};

enum class RooflineLimit { compute, memory, overhead };

/// Seconds of one call. An estimate: no cache, no shape that does not fit the hardware.
struct RooflineEstimate {
  double compute = 0.0;
  double memory = 0.0;
  double overhead = 0.0;
  double seconds() const { return std::max(compute, memory) + overhead; }
  RooflineLimit limit() const;
};

/// overhead + max(2·MACs / peak, bytes / bandwidth). int4 computes at the peak of fp32 where the profile has
/// none of its own. Nothing where the profile has no figure for `type`, or the layer's work is not known.
std::optional<RooflineEstimate> rooflineEstimate(const LayerShape& shape, const DeviceProfile& profile,
                                                 LatencyType type);

/// Bytes to hold the model's constants with all its layers at `type`, the others as float32. Values in
/// between and a program's own needs are not counted.
double memoryToLoad(const Model& model, LatencyType type);

} // namespace halfstep
