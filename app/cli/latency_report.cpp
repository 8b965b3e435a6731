#include "app/cli/latency_report.h"

#include "core/support/units.h"

#include <algorithm>
#include <limits>

namespace halfstep::cli {

namespace {

constexpr double kMilli = 1e3;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::string keyOf(LatencyType type) {
  return std::string(latencyTypeName(type));
}

std::string milliseconds(double seconds) {
  return formatReal(seconds * kMilli);
}

std::string medianText(const Timing& timing) {
  return milliseconds(timing.median) + " ±" +
         formatReal((timing.upperQuartile - timing.lowerQuartile) / 2 * kMilli, 1);
}

/// Null for a type that was not measured.
const LayerTiming* measuredIn(const LayerLatency& layer, LatencyType type) {
  const auto timing = layer.types.find(type);
  return timing != layer.types.end() && timing->second.measured() ? &timing->second : nullptr;
}

Json shapeJson(const LayerShape& shape) {
  return {{"name", shape.name},     {"op", shape.op},     {"input", shape.input}, {"weight", shape.weight},
          {"output", shape.output}, {"macs", shape.macs}, {"calls", shape.calls}};
}

Json layerJson(const LatencyReport& report, const LayerLatency& layer) {
  Json json = shapeJson(layer.shape);
  for (const char* key : {"times", "spread", "fastest", "runs", "around", "implementation", "reason"}) {
    json[key] = Json::object();
  }
  for (const LatencyType type : report.types) {
    const std::string key = keyOf(type);
    const LayerTiming* timing = measuredIn(layer, type);
    json["times"][key] = timing != nullptr ? Json(timing->alone.median * kMilli) : Json(nullptr);
    if (timing != nullptr) {
      json["spread"][key] = {timing->alone.lowerQuartile * kMilli, timing->alone.upperQuartile * kMilli};
      json["fastest"][key] = timing->alone.least * kMilli;
      json["runs"][key] = timing->alone.runs;
      json["around"][key] = timing->around * kMilli;
      json["implementation"][key] = timing->implementation;
    }
    const LayerTiming& any = layer.types.at(type);
    if (!any.reason.empty() || !any.left.empty()) {
      json["reason"][key] = any.reason.empty() ? any.left : any.reason;
    }
  }
  return json;
}

Json memoryJson(const LatencyReport& report) {
  Json json = Json::object();
  for (const auto& [type, bytes] : report.memory) {
    json[keyOf(type)] = static_cast<std::int64_t>(bytes);
  }
  return json;
}

Json machineJson(const DeviceProfile& machine) {
  Json peak = Json::object();
  for (const auto& [type, operations] : machine.peak) {
    peak[keyOf(type)] = operations;
  }
  return {{"peak", peak},
          {"bandwidth", machine.bandwidth},
          {"overhead", machine.overhead},
          {"source", machine.source}};
}

std::vector<std::string> headerOf(const LatencyReport& report) {
  std::vector<std::string> header = {"LAYER", "OP", "INPUT", "WEIGHT", "MACS"};
  for (const LatencyType type : report.types) {
    std::string name = keyOf(type);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    header.push_back(name + " MS");
  }
  return header;
}

std::vector<std::string> rowOf(const LayerShape& shape) {
  return {displayText(shape.name), displayText(shape.op), shapeText(shape.input), shapeText(shape.weight),
          formatShortCount(shape.macs)};
}

std::string memoryText(const LatencyReport& report) {
  std::string text = "Memory to load the model:";
  for (const LatencyType type : report.types) {
    text += " " + keyOf(type) + " " + formatBytes(static_cast<std::int64_t>(report.memory.at(type)));
    text += type == report.types.back() ? "\n" : ",";
  }
  return text;
}

std::string machineText(const DeviceProfile& machine) {
  std::string text = formatReal(machine.bandwidth * 1e-9) + " GB/s";
  for (const auto& [type, operations] : machine.peak) {
    text += ", " + keyOf(type) + " " + formatReal(operations * 1e-9) + " Gop/s";
  }
  return text + ", " + formatReal(machine.overhead * 1e6) + " µs a layer";
}

/// Every layer that has the same to say in one type as one line.
std::string reasonsText(const LatencyReport& report, const Latency& latency) {
  std::string text;
  for (const LatencyType type : report.types) {
    std::vector<std::pair<std::string, std::string>> lines; // reason, layers
    for (const LayerLatency& layer : latency.layers) {
      const LayerTiming& timing = layer.types.at(type);
      const std::string& why = timing.reason.empty() ? timing.left : timing.reason;
      if (why.empty()) {
        continue;
      }
      auto line = std::find_if(lines.begin(), lines.end(), [&](const auto& one) { return one.first == why; });
      if (line == lines.end()) {
        line = lines.insert(lines.end(), {why, {}});
      }
      line->second += (line->second.empty() ? "" : ", ") + displayText(layer.shape.name);
    }
    for (const auto& [why, layers] : lines) {
      text.append(keyOf(type)).append(", ").append(layers).append(": ").append(displayText(why)).append("\n");
    }
  }
  return text;
}

std::string spreadText(const Timing& timing) {
  return milliseconds(timing.lowerQuartile) + "…" + milliseconds(timing.upperQuartile) + ", " +
         std::to_string(timing.runs) + " runs";
}

/// The whole network: measured in every type that it ran in, and what it would take without conversions.
std::string networkText(const LatencyReport& report, const Latency& latency) {
  if (!latency.network) {
    return {};
  }
  std::string text = "\nThe whole network in float32: " + milliseconds(latency.network->median) + " ms (" +
                     spreadText(*latency.network) + ")\n";
  for (const auto& [type, network] : latency.narrowNetworks) {
    text += "with its layers in " + keyOf(type) + ": " + milliseconds(network.timing.median) + " ms (" +
            spreadText(network.timing) + "; " + std::to_string(network.nodes) +
            (network.nodes == 1 ? " node" : " nodes") + " in " + keyOf(type) +
            ", everything else and the values between them in float32)\n";
  }
  std::string reckoned;
  for (const LatencyType type : report.types) {
    const auto seconds = latency.networkIn(type);
    if (seconds && type != LatencyType::fp32) {
      reckoned += (reckoned.empty() ? "" : ", ") + keyOf(type) + " " + milliseconds(*seconds) + " ms";
    }
  }
  return reckoned.empty() ? text
                          : text + "Reckoned from its layers, which are " +
                                formatShare(latency.total(LatencyType::fp32) / latency.network->median) +
                                " of it, without conversions between them: " + reckoned + "\n";
}

double estimatedSeconds(const LayerShape& shape, const DeviceProfile& device, LatencyType type) {
  const auto estimate = rooflineEstimate(shape, device, type);
  return estimate ? estimate->seconds() : kNone;
}

/// Like Latency::total(): what has no figure in `type` counts in fp32.
double estimatedTotal(const std::vector<LayerShape>& shapes, const DeviceProfile& device, LatencyType type) {
  double sum = 0.0;
  for (const LayerShape& shape : shapes) {
    auto estimate = rooflineEstimate(shape, device, type);
    estimate = estimate ? estimate : rooflineEstimate(shape, device, LatencyType::fp32);
    sum += estimate ? static_cast<double>(shape.calls) * estimate->seconds() : 0.0;
  }
  return sum;
}

std::string limitName(RooflineLimit limit) {
  return limit == RooflineLimit::compute ? "compute"
                                         : (limit == RooflineLimit::memory ? "memory" : "overhead");
}

} // namespace

std::map<LatencyType, double> memoryOf(const Model& model, const std::vector<LatencyType>& types) {
  std::map<LatencyType, double> memory;
  for (const LatencyType type : types) {
    memory[type] = memoryToLoad(model, type);
  }
  return memory;
}

Json latencyJson(const LatencyReport& report, const Latency& latency) {
  Json json = {{"model", report.file},     {"device", latency.machine.name},
               {"estimate", false},        {"threads", latency.threads},
               {"vnni", latency.vnni},     {"machine", machineJson(latency.machine)},
               {"layers", Json::array()},  {"total", Json::object()},
               {"network", Json(nullptr)}, {"memory", memoryJson(report)}};
  for (const LayerLatency& layer : latency.layers) {
    json["layers"].push_back(layerJson(report, layer));
  }
  json["unmeasured"] = latency.unmeasured();
  for (const LatencyType type : report.types) {
    json["total"][keyOf(type)] = latency.total(type) * kMilli;
  }
  if (latency.network) {
    json["network"] = {
        {"fp32", latency.network->median * kMilli},
        {"spread", {latency.network->lowerQuartile * kMilli, latency.network->upperQuartile * kMilli}},
        {"runs", latency.network->runs}};
    json["network_in"] = Json::object(); // see Latency::narrowNetworks
    for (const auto& [type, network] : latency.narrowNetworks) {
      json["network_in"][keyOf(type)] = {
          {"median", network.timing.median * kMilli},
          {"spread", {network.timing.lowerQuartile * kMilli, network.timing.upperQuartile * kMilli}},
          {"runs", network.timing.runs},
          {"nodes", network.nodes}};
    }
    json["network_reckoned"] = Json::object(); // see Latency::networkIn()
    for (const LatencyType type : report.types) {
      const auto reckoned = latency.networkIn(type);
      if (reckoned && type != LatencyType::fp32) {
        json["network_reckoned"][keyOf(type)] = *reckoned * kMilli;
      }
    }
  }
  return json;
}

std::string latencyText(const LatencyReport& report, const Latency& latency) {
  std::string text = "Measured on " + displayText(latency.machine.name) + ", " +
                     std::to_string(latency.threads) + (latency.threads == 1 ? " thread" : " threads") +
                     (latency.vnni ? ", VNNI" : "") + ": " + machineText(latency.machine) + "\n\n";
  std::vector<std::vector<std::string>> rows = {headerOf(report)};
  std::size_t disturbed = 0;
  for (const LayerLatency& layer : latency.layers) {
    rows.push_back(rowOf(layer.shape));
    for (const LatencyType type : report.types) {
      const LayerTiming* timing = measuredIn(layer, type);
      rows.back().push_back(timing != nullptr ? medianText(timing->alone) : "–");
      disturbed += timing != nullptr && isDisturbed(timing->alone) ? 1 : 0;
    }
  }
  rows.push_back({"all layers", "", "", "", ""});
  for (const LatencyType type : report.types) {
    rows.back().push_back(milliseconds(latency.total(type)));
  }
  text += tableText(rows, 4) + "Medians ± half the distance between the quartiles, of one call.\n";
  if (disturbed > 0) {
    text += "Other programs slowed " + std::to_string(disturbed) +
            " of these: run it again on a quiet machine.\n";
  }
  if (const std::vector<std::string> names = latency.unmeasured(); !names.empty()) {
    text += "Not measured, and in no sum: ";
    for (const std::string& name : names) {
      text += displayText(name) + (name == names.back() ? ".\n" : ", ");
    }
  }
  text += networkText(report, latency);
  if (const std::string remark = remarkOnSum(latency); !remark.empty()) {
    text += remark + ".\n";
  }
  return text + memoryText(report) + "\n" + reasonsText(report, latency);
}

Json estimateJson(const LatencyReport& report, const std::vector<LayerShape>& shapes,
                  const DeviceProfile& device) {
  Json json = {{"model", report.file},           {"device", device.name},   {"estimate", true},
               {"machine", machineJson(device)}, {"layers", Json::array()}, {"total", Json::object()},
               {"memory", memoryJson(report)}};
  for (const LayerShape& shape : shapes) {
    Json layer = shapeJson(shape);
    layer["times"] = Json::object();
    layer["limit"] = Json::object();
    for (const LatencyType type : report.types) {
      const auto estimate = rooflineEstimate(shape, device, type);
      layer["times"][keyOf(type)] = estimate ? Json(estimate->seconds() * kMilli) : Json(nullptr);
      layer["limit"][keyOf(type)] = estimate ? Json(limitName(estimate->limit())) : Json(nullptr);
    }
    json["layers"].push_back(std::move(layer));
  }
  for (const LatencyType type : report.types) {
    json["total"][keyOf(type)] = estimatedTotal(shapes, device, type) * kMilli;
  }
  return json;
}

std::string estimateText(const LatencyReport& report, const std::vector<LayerShape>& shapes,
                         const DeviceProfile& device) {
  std::string text = "Estimated for " + displayText(device.name) +
                     ", not measured (roofline): " + machineText(device) +
                     "\nSource: " + displayText(device.source) + "\n\n";
  std::vector<std::vector<std::string>> rows = {headerOf(report)};
  for (const LayerShape& shape : shapes) {
    rows.push_back(rowOf(shape));
    for (const LatencyType type : report.types) {
      rows.back().push_back(milliseconds(estimatedSeconds(shape, device, type)));
    }
  }
  rows.push_back({"all layers", "", "", "", ""});
  for (const LatencyType type : report.types) {
    rows.back().push_back(milliseconds(estimatedTotal(shapes, device, type)));
  }
  return text + tableText(rows, 4) + "\n" + memoryText(report);
}

} // namespace halfstep::cli
