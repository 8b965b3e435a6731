// What was measured of every single layer, looked up by its name: reports show it beside the weight figures.
// Results belong to the ExportInput, which must live as long; any thread.
#pragma once

#include "core/io/exporter.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace halfstep {

/// One layer's. Figures that were not measured are empty or null, with the reason where one is known.
struct MeasuredLayer {
  std::optional<Estimate> isolated;    ///< SQNR of its output in dB, this layer alone quantized
  std::optional<Estimate> accumulated; ///< likewise, with the whole plan applied
  std::string errorsLeft;              ///< why it has no errors
  std::vector<Estimate> sensitivities; ///< one per scheme of the sweep, in the metric's unit; empty: no sweep
  std::string sensitivitiesLeft;       ///< why it has none
  std::optional<std::size_t> row;      ///< its row in the sweep
  const LayerLatency* latency = nullptr;
  const ActivationStatistics* input = nullptr; ///< of the calibrated value that it is applied to
};

class MeasuredLayers {
public:
  explicit MeasuredLayers(const ExportInput& input);

  /// Draws the intervals (1,000 for each figure); `seed` is that of the bootstrap of errors.
  MeasuredLayer of(const Layer& layer, std::uint64_t seed) const;

  /// The column of the sweep that measured the weights' scheme which the plan has for this layer.
  std::optional<std::size_t> plannedColumn(const std::string& layer) const;
  /// The types that any layer was timed in, in the order of kLatencyTypes.
  const std::vector<LatencyType>& latencyTypes() const { return m_types; }

private:
  const ExportInput& m_input;
  std::map<std::string, std::size_t> m_errors;
  std::map<std::string, std::size_t> m_rows;
  std::map<std::string, std::size_t> m_latencies;
  std::map<std::string, const ActivationStatistics*> m_values;
  std::vector<LatencyType> m_types;
};

/// The median of one call in milliseconds; NaN where the layer was not timed in `type`.
double latencyMs(const LayerLatency* latency, LatencyType type);

} // namespace halfstep
