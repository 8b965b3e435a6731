// What `halfstep-cli latency` says: its JSON document and its table, of measurements and of estimates.
#pragma once

#include "app/cli/output.h"
#include "core/analysis/latency.h"

#include <map>
#include <string>
#include <vector>

namespace halfstep::cli {

struct LatencyReport {
  std::string file;
  std::vector<LatencyType> types;       ///< in the order asked for
  std::map<LatencyType, double> memory; ///< bytes to load the model
};

std::map<LatencyType, double> memoryOf(const Model& model, const std::vector<LatencyType>& types);

/// Times in milliseconds of one call of the layer; null where there is none.
Json latencyJson(const LatencyReport& report, const Latency& latency);
std::string latencyText(const LatencyReport& report, const Latency& latency);

/// The same keys with what the profile promises, marked "estimate".
Json estimateJson(const LatencyReport& report, const std::vector<LayerShape>& shapes,
                  const DeviceProfile& device);
std::string estimateText(const LatencyReport& report, const std::vector<LayerShape>& shapes,
                         const DeviceProfile& device);

} // namespace halfstep::cli
