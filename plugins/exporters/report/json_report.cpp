#include "plugins/exporters/report/json_report.h"

#include "core/io/atomic_file.h"
#include "core/io/json_number.h"
#include "core/io/measured_json.h"
#include "core/quant/scheme_grammar.h"
#include "plugins/shared/report/measured_layers.h"
#include "plugins/shared/report/report_figures.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

void addFigures(Json& json, const ErrorSums& sums) {
  for (const ErrorFigure& figure : errorFigures()) {
    json[figure.name] = jsonNumber(figure.value(sums));
  }
  json["non_finite"] = sums.nonFinite;
}

Json channelsJson(const std::vector<ErrorSums>& channels) {
  Json json = Json::object();
  for (const ErrorFigure& figure : errorFigures()) {
    Json column = Json::array();
    for (const ErrorSums& sums : channels) {
      column.push_back(jsonNumber(figure.value(sums)));
    }
    json[figure.name] = std::move(column);
  }
  return json;
}

Json layerJson(const Layer& layer, const LayerQuantization& quantization) {
  const QuantizationParameters& parameters = quantization.parameters;
  const Segmentation& segmentation = parameters.segmentation;
  Json json = {{"name", layer.name},
               {"op", layer.op},
               {"weight", layer.weightName},
               {"shape", layer.weight.shape()},
               {"dtype", elementTypeName(layer.weight.type())},
               {"parameters", layer.parameters()},
               {"channel_axes", layer.channelAxes},
               {"scheme", printScheme(parameters.scheme)},
               {"bits_per_weight", jsonNumber(quantization.bitsPerWeight)},
               {"bytes", quantization.bytes}};
  addFigures(json, quantization.total);
  const char* const kinds[] = {"tensor", "channel", "group"};
  json["segmentation"] = {{"kind", kinds[static_cast<std::size_t>(segmentation.kind)]},
                          {"channels", segmentation.channels},
                          {"values_per_channel", segmentation.valuesPerChannel},
                          {"segments_per_channel", segmentation.segmentsPerChannel},
                          {"length", segmentation.segmentLength}};
  Json lows = Json::array();
  Json highs = Json::array();
  for (const ValueRange& range : parameters.ranges) {
    lows.push_back(jsonNumber(range.lo));
    highs.push_back(jsonNumber(range.hi));
  }
  json["scales"] = parameters.scales;
  json["zero_points"] = parameters.zeroPoints;
  json["ranges"] = {{"lo", std::move(lows)}, {"hi", std::move(highs)}};
  json["channels"] = channelsJson(quantization.channels);
  return json;
}

Json optionalJson(const std::optional<Estimate>& estimate) {
  return estimate ? estimateJson(*estimate) : Json();
}

Json errorJson(const MeasuredLayer& layer) {
  Json json = {{"isolated_sqnr_db", optionalJson(layer.isolated)},
               {"accumulated_sqnr_db", optionalJson(layer.accumulated)}};
  if (!layer.errorsLeft.empty()) {
    json["left"] = layer.errorsLeft;
  }
  return json;
}

Json sensitivityJson(const MeasuredLayer& layer, std::optional<std::size_t> planned) {
  Json json = {{"values", Json::array()}, {"intervals", Json::array()}, {"planned", nullptr}};
  for (const Estimate& estimate : layer.sensitivities) {
    json["values"].push_back(jsonNumber(estimate.value));
    json["intervals"].push_back({jsonNumber(estimate.low), jsonNumber(estimate.high)});
  }
  if (planned) {
    json["planned"] = jsonNumber(layer.sensitivities[*planned].value);
  }
  if (!layer.sensitivitiesLeft.empty()) {
    json["left"] = layer.sensitivitiesLeft;
  }
  return json;
}

Json latencyJson(const LayerLatency& latency, const std::vector<LatencyType>& types) {
  Json json = {{"times", Json::object()}, {"spread", Json::object()}, {"calls", latency.shape.calls}};
  constexpr double kMilli = 1e3;
  for (const LatencyType type : types) {
    const std::string key(latencyTypeName(type));
    const double median = latencyMs(&latency, type);
    json["times"][key] = jsonNumber(median);
    if (!std::isnan(median)) {
      const Timing& timing = latency.types.at(type).alone;
      json["spread"][key] = {timing.lowerQuartile * kMilli, timing.upperQuartile * kMilli};
    }
  }
  return json;
}

/// What was measured of one layer; keys for what was measured at all.
void addMeasured(Json& json, const ExportInput& input, const MeasuredLayers& measured, const Layer& layer,
                 std::uint64_t seed) {
  const MeasuredLayer one = measured.of(layer, seed);
  json["activations"] = printActivationScheme(input.plan.forLayer(layer.name).activations);
  if (input.measured.layerErrors) {
    json["errors"] = errorJson(one);
  }
  if (input.measured.sensitivity) {
    json["sensitivity"] = one.row ? sensitivityJson(one, measured.plannedColumn(layer.name)) : Json();
  }
  if (input.measured.latency) {
    json["latency_ms"] = one.latency != nullptr ? latencyJson(*one.latency, measured.latencyTypes()) : Json();
  }
}

} // namespace

Result<ExportReport> JsonReport::write(const ExportInput& input, const std::filesystem::path& path,
                                       const JobContext& context) const {
  const Model& model = *input.model;
  Json report = {{"halfstep_report", kVersion},
                 {"program", input.programVersion},
                 {"model",
                  {{"file", model.name},
                   {"sha256", input.plan.modelSha256},
                   {"format", model.format},
                   {"parameters", model.parameters},
                   {"bytes", model.bytes}}},
                 {"seed", context.seed()},
                 {"measured", measuredJson(input.measured, context.seed())},
                 {"layers", Json::array()}};
  const MeasuredLayers measured(input);
  ErrorSums total;
  std::int64_t bytesAfter = model.bytes;
  HALFSTEP_CHECK(forEachLayer(input, context, [&](const Layer& layer, const LayerQuantization& quantization) {
    report["layers"].push_back(layerJson(layer, quantization));
    addMeasured(report["layers"].back(), input, measured, layer, context.seed());
    total += quantization.total;
    bytesAfter += quantization.bytes - static_cast<std::int64_t>(layer.weight.bytes().size());
  }));
  report["total"] = {
      {"bytes_before", model.bytes},
      {"bytes_after", bytesAfter},
      {"ratio", jsonNumber(static_cast<double>(model.bytes) / static_cast<double>(bytesAfter))}};
  addFigures(report["total"], total);
  // Names are bytes of somebody's file: what is not UTF-8 is replaced rather than thrown at.
  HALFSTEP_CHECK(
      writeFileAtomically(path, report.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"));
  return ExportReport{{path}, {}};
}

} // namespace halfstep
