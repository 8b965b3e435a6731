#include "plugins/exporters/report/csv_report.h"

#include "core/io/atomic_file.h"
#include "core/io/measured_json.h"
#include "core/quant/scheme_grammar.h"
#include "plugins/shared/report/measured_layers.h"
#include "plugins/shared/report/report_figures.h"

#include <charconv>
#include <cmath>

namespace halfstep {

namespace {

constexpr const char* kEndOfLine = "\r\n";

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) {
    return text;
  }
  std::string result = "\"";
  for (const char c : text) {
    result += c == '"' ? std::string("\"\"") : std::string(1, c);
  }
  return result + "\"";
}

std::string number(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

std::string headerRow() {
  std::string row = "layer,op,weight,shape,dtype,parameters,scheme,bits_per_weight,bytes";
  for (const ErrorFigure& figure : errorFigures()) {
    row += std::string(",") + figure.name;
  }
  return row + ",non_finite";
}

/// The columns of one estimate.
std::string estimateColumns(const std::string& name) {
  return "," + quoted(name) + "," + quoted(name + "_low") + "," + quoted(name + "_high");
}

/// Three cells, empty where nothing was measured.
std::string estimateCells(const std::optional<Estimate>& estimate) {
  return estimate ? "," + number(estimate->value) + "," + number(estimate->low) + "," + number(estimate->high)
                  : ",,,";
}

/// The columns of what was measured; none for what was not.
std::string measuredHeader(const MeasuredResults& measured, const MeasuredLayers& layers) {
  std::string row = ",activations";
  if (measured.layerErrors) {
    row += estimateColumns("isolated_sqnr_db") + estimateColumns("accumulated_sqnr_db");
  }
  if (measured.sensitivity) {
    const std::string metric = metricKey(measured.sensitivity->metric);
    for (const std::string& scheme : measured.sensitivity->candidateNames()) {
      row += estimateColumns("sensitivity_" + metric + "_" + scheme);
    }
  }
  for (const LatencyType type : layers.latencyTypes()) {
    row += ",latency_ms_" + std::string(latencyTypeName(type));
  }
  return row;
}

std::string measuredCells(const ExportInput& input, const MeasuredLayers& layers, const Layer& layer,
                          std::uint64_t seed) {
  const MeasuredLayer one = layers.of(layer, seed);
  std::string row = "," + quoted(printActivationScheme(input.plan.forLayer(layer.name).activations));
  if (input.measured.layerErrors) {
    row += estimateCells(one.isolated) + estimateCells(one.accumulated);
  }
  if (input.measured.sensitivity) {
    for (std::size_t scheme = 0; scheme < input.measured.sensitivity->schemes.size(); ++scheme) {
      const bool known = scheme < one.sensitivities.size() && !std::isnan(one.sensitivities[scheme].value);
      row += estimateCells(known ? std::optional(one.sensitivities[scheme]) : std::nullopt);
    }
  }
  for (const LatencyType type : layers.latencyTypes()) {
    const double median = latencyMs(one.latency, type);
    row += "," + (std::isnan(median) ? std::string() : number(median));
  }
  return row;
}

std::string layerRow(const Layer& layer, const LayerQuantization& quantization) {
  std::string row =
      quoted(layer.name) + "," + quoted(layer.op) + "," + quoted(layer.weightName) + "," +
      quoted(shapeText(layer.weight.shape())) + "," + std::string(elementTypeName(layer.weight.type())) +
      "," + std::to_string(layer.parameters()) + "," + quoted(printScheme(quantization.parameters.scheme)) +
      "," + number(quantization.bitsPerWeight) + "," + std::to_string(quantization.bytes);
  for (const ErrorFigure& figure : errorFigures()) {
    row += "," + number(figure.value(quantization.total));
  }
  return row + "," + std::to_string(quantization.total.nonFinite);
}

} // namespace

Result<ExportReport> CsvReport::write(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext& context) const {
  const MeasuredLayers measured(input);
  std::string text = headerRow() + measuredHeader(input.measured, measured) + kEndOfLine;
  HALFSTEP_CHECK(forEachLayer(input, context, [&](const Layer& layer, const LayerQuantization& quantization) {
    text +=
        layerRow(layer, quantization) + measuredCells(input, measured, layer, context.seed()) + kEndOfLine;
  }));
  HALFSTEP_CHECK(writeFileAtomically(path, text));
  return ExportReport{{path}, {}};
}

} // namespace halfstep
