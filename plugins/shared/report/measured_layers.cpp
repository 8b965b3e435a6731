#include "plugins/shared/report/measured_layers.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

/// The index of every name; the first one where a name is there twice.
std::map<std::string, std::size_t> indexOf(const std::vector<std::string>& names) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < names.size(); ++i) {
    index.emplace(names[i], i);
  }
  return index;
}

template <class Value>
const Value* findIn(const std::map<std::string, Value>& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

} // namespace

MeasuredLayers::MeasuredLayers(const ExportInput& input)
    : m_input(input) {
  const MeasuredResults& measured = input.measured;
  if (measured.layerErrors) {
    m_errors = indexOf(measured.layerErrors->layers);
  }
  if (measured.sensitivity) {
    m_rows = indexOf(measured.sensitivity->layers);
  }
  if (measured.latency) {
    std::vector<std::string> names;
    for (const LayerLatency& layer : measured.latency->layers) {
      names.push_back(layer.shape.name);
    }
    m_latencies = indexOf(names);
    std::copy_if(
        kLatencyTypes.begin(), kLatencyTypes.end(), std::back_inserter(m_types), [&](LatencyType type) {
          const auto& layers = measured.latency->layers;
          return std::any_of(layers.begin(), layers.end(),
                             [&](const LayerLatency& layer) { return !std::isnan(latencyMs(&layer, type)); });
        });
  }
  if (measured.calibration) {
    for (const ActivationStatistics& value : measured.calibration->values) {
      m_values.emplace(value.name, &value);
    }
  }
}

MeasuredLayer MeasuredLayers::of(const Layer& layer, std::uint64_t seed) const {
  const MeasuredResults& measured = m_input.measured;
  MeasuredLayer result;
  if (const std::size_t* at = findIn(m_errors, layer.name)) {
    const LayerError& error = measured.layerErrors->errors[*at];
    result.errorsLeft = measured.layerErrors->left[*at];
    if (!error.isolated.empty()) {
      result.isolated = LayerErrors::sqnrEstimate(error.isolated, seed);
    }
    if (!error.accumulated.empty()) {
      result.accumulated = LayerErrors::sqnrEstimate(error.accumulated, seed);
    }
  }
  if (const std::size_t* at = findIn(m_rows, layer.name)) {
    const Sensitivity& sweep = *measured.sensitivity;
    result.row = *at;
    result.sensitivitiesLeft = sweep.left[*at];
    for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
      result.sensitivities.push_back(sweep.estimate(*at, scheme));
    }
  }
  if (const std::size_t* at = findIn(m_latencies, layer.name)) {
    result.latency = &measured.latency->layers[*at];
  }
  if (const ActivationStatistics* const* value = findIn(m_values, layer.input)) {
    result.input = *value;
  }
  return result;
}

std::optional<std::size_t> MeasuredLayers::plannedColumn(const std::string& layer) const {
  if (!m_input.measured.sensitivity) {
    return {};
  }
  const Sensitivity& sweep = *m_input.measured.sensitivity;
  const LayerPlan& planned = m_input.plan.forLayer(layer);
  for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
    const bool same = sweep.activations.empty() ? sweep.schemes[scheme] == planned.weights
                                                : sweep.candidate(scheme) == planned;
    if (same) {
      return scheme;
    }
  }
  return {};
}

double latencyMs(const LayerLatency* latency, LatencyType type) {
  constexpr double kMilli = 1e3;
  if (latency == nullptr) {
    return std::nan("");
  }
  const auto timing = latency->types.find(type);
  return timing != latency->types.end() && timing->second.measured() ? timing->second.alone.median * kMilli
                                                                     : std::nan("");
}

} // namespace halfstep
