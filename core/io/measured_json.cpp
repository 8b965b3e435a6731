#include "core/io/measured_json.h"

#include "core/io/json_number.h"
#include "core/quant/scheme_grammar.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

constexpr double kMilli = 1e3;

Json originJson(std::size_t samples, const SampleOrigin& origin) {
  return {{"samples", samples}, {"data", origin.description}, {"synthetic", origin.synthetic}};
}

Json sensitivityJson(const Sensitivity& sweep) {
  Json json = originJson(sweep.samples, sweep.origin);
  json["metric"] = metricName(sweep.metric);
  json["seed"] = sweep.seed;
  json["schemes"] = Json::array();
  for (const std::string& scheme : sweep.candidateNames()) {
    json["schemes"].push_back(scheme);
  }
  json["progress"] = sweep.progress();
  return json;
}

Json latencyJson(const Latency& latency) {
  std::set<LatencyType> types;
  for (const LayerLatency& layer : latency.layers) {
    for (const auto& [type, timing] : layer.types) {
      types.insert(type);
    }
  }
  Json json = {{"device", latency.machine.name}, {"threads", latency.threads}, {"vnni", latency.vnni},
               {"types", Json::array()},         {"total", Json::object()},    {"network", nullptr}};
  for (const LatencyType type : types) {
    json["types"].push_back(latencyTypeName(type));
    json["total"][std::string(latencyTypeName(type))] = jsonNumber(latency.total(type) * kMilli);
  }
  if (latency.network) {
    json["network"] = {
        {"fp32", latency.network->median * kMilli},
        {"spread", {latency.network->lowerQuartile * kMilli, latency.network->upperQuartile * kMilli}},
        {"runs", latency.network->runs}};
    json["network_in"] = Json::object();
    for (const auto& [type, network] : latency.narrowNetworks) {
      json["network_in"][std::string(latencyTypeName(type))] = {
          {"median", network.timing.median * kMilli},
          {"spread", {network.timing.lowerQuartile * kMilli, network.timing.upperQuartile * kMilli}},
          {"runs", network.timing.runs},
          {"nodes", network.nodes}};
    }
  }
  return json;
}

} // namespace

std::string metricKey(OutputMetric metric) {
  std::string key(metricName(metric));
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

Json estimateJson(const Estimate& estimate) {
  return {{"value", jsonNumber(estimate.value)},
          {"low", jsonNumber(estimate.low)},
          {"high", jsonNumber(estimate.high)}};
}

Json evaluationJson(const Evaluation& evaluation, std::uint64_t seed) {
  Json json = originJson(evaluation.samples.size(), evaluation.origin);
  json["metric"] = metricName(evaluation.standard);
  for (const OutputMetric metric : kOutputMetrics) {
    const Estimate estimate = estimateOf(metric, evaluation.samples, seed);
    json[metricKey(metric)] = std::isnan(estimate.value) ? Json() : estimateJson(estimate);
  }
  json["not_finite"] = {{"inputs", evaluation.notFinite.inputs},
                        {"float_outputs", evaluation.notFinite.floatOutputs},
                        {"quantized_outputs", evaluation.notFinite.quantizedOutputs},
                        {"samples", evaluation.notFinite.samples}};
  json["left"] = Json::array();
  for (const auto& [layer, why] : evaluation.left) {
    json["left"].push_back({{"layer", layer}, {"why", why}});
  }
  return json;
}

Json measuredJson(const MeasuredResults& measured, std::uint64_t seed) {
  Json json = {{"calibration", nullptr},
               {"evaluation", nullptr},
               {"layer_errors", nullptr},
               {"sensitivity", nullptr},
               {"latency", nullptr}};
  if (measured.calibration) {
    json["calibration"] = originJson(measured.calibration->sampleNames.size(), measured.calibration->origin);
    json["calibration"]["values"] = measured.calibration->values.size();
  }
  if (measured.evaluation) {
    json["evaluation"] = evaluationJson(*measured.evaluation, seed);
  }
  if (measured.layerErrors) {
    json["layer_errors"] = originJson(measured.layerErrors->samples, measured.layerErrors->origin);
  }
  if (measured.sensitivity) {
    json["sensitivity"] = sensitivityJson(*measured.sensitivity);
  }
  if (measured.latency) {
    json["latency"] = latencyJson(*measured.latency);
  }
  return json;
}

} // namespace halfstep
