// What was measured of a network, as JSON: the same objects in reports and in what the command line prints.
// Pure; any thread. Keys are ordered, figures that are not finite are null.
#pragma once

#include "core/io/exporter.h"

#include <nlohmann/json.hpp>

#include <cstdint>

namespace halfstep {

/// "kl", "relative_error": the metric's name as a key.
std::string metricKey(OutputMetric metric);

/// {"value", "low", "high"}: null where a figure does not apply or has no interval.
nlohmann::ordered_json estimateJson(const Estimate& estimate);

/// {"samples", "data", "synthetic", "metric", kl, sqnr, …: estimates, "left": […]}. `seed`: of the bootstrap.
nlohmann::ordered_json evaluationJson(const Evaluation& evaluation, std::uint64_t seed);

/// Where the figures of the network come from, without those of single layers:
///   {"calibration": {"samples", "data", "synthetic", "values"},
///    "evaluation": as evaluationJson,
///    "layer_errors": {"samples", "data", "synthetic"},
///    "sensitivity": {"samples", "data", "synthetic", "metric", "seed", "schemes", "progress"},
///    "latency": {"device", "threads", "vnni", "types", "total": {type: ms}, "network": {"fp32", "spread",
///    "runs"}}}
/// Null for what was not measured.
nlohmann::ordered_json measuredJson(const MeasuredResults& measured, std::uint64_t seed);

} // namespace halfstep
