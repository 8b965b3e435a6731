#include "plugins/exporters/report/json_report.h"

#include "core/io/atomic_file.h"
#include "core/quant/scheme_grammar.h"
#include "plugins/exporters/report/report_figures.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

void addFigures(Json& json, const ErrorSums& sums) {
  for (const ErrorFigure& figure : errorFigures()) {
    json[figure.name] = number(figure.value(sums));
  }
  json["non_finite"] = sums.nonFinite;
}

Json channelsJson(const std::vector<ErrorSums>& channels) {
  Json json = Json::object();
  for (const ErrorFigure& figure : errorFigures()) {
    Json column = Json::array();
    for (const ErrorSums& sums : channels) {
      column.push_back(number(figure.value(sums)));
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
               {"bits_per_weight", number(quantization.bitsPerWeight)},
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
    lows.push_back(number(range.lo));
    highs.push_back(number(range.hi));
  }
  json["scales"] = parameters.scales;
  json["zero_points"] = parameters.zeroPoints;
  json["ranges"] = {{"lo", std::move(lows)}, {"hi", std::move(highs)}};
  json["channels"] = channelsJson(quantization.channels);
  return json;
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
                 {"layers", Json::array()}};
  ErrorSums total;
  std::int64_t bytesAfter = model.bytes;
  HALFSTEP_CHECK(forEachLayer(input, context, [&](const Layer& layer, const LayerQuantization& quantization) {
    report["layers"].push_back(layerJson(layer, quantization));
    total += quantization.total;
    bytesAfter += quantization.bytes - static_cast<std::int64_t>(layer.weight.bytes().size());
  }));
  report["total"] = {{"bytes_before", model.bytes},
                     {"bytes_after", bytesAfter},
                     {"ratio", number(static_cast<double>(model.bytes) / static_cast<double>(bytesAfter))}};
  addFigures(report["total"], total);
  // Names are bytes of somebody's file: what is not UTF-8 is replaced rather than thrown at.
  HALFSTEP_CHECK(
      writeFileAtomically(path, report.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"));
  return ExportReport{{path}, {}};
}

} // namespace halfstep
