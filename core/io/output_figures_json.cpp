#include "core/io/output_figures_json.h"

#include <cmath>
#include <limits>

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

Json encodeNumber(double value) {
  return std::isfinite(value) ? Json(value) : Json(std::isnan(value) ? "nan" : value > 0.0 ? "inf" : "-inf");
}

double decodeNumber(const Json& json) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (json.is_null() || json == "nan") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return json == "inf" ? kInfinity : json == "-inf" ? -kInfinity : json.get<double>();
}

Json encode(const OutputFigures& figures) {
  Json outputs = Json::array();
  for (const OutputSums& one : figures.outputs) {
    outputs.push_back({encodeNumber(one.signal), encodeNumber(one.noise), encodeNumber(one.decoded),
                       encodeNumber(one.products), encodeNumber(one.largest), one.count});
  }
  return {{"outputs", std::move(outputs)},
          {"rows",
           {figures.rows, encodeNumber(figures.divergence), figures.sameTop1, figures.top1InTop5,
            figures.labelled, figures.rightFloat, figures.rightQuantized, encodeNumber(figures.surpriseFloat),
            encodeNumber(figures.surpriseQuantized)}}};
}

OutputFigures decode(const Json& json) {
  OutputFigures figures;
  for (const Json& one : json.at("outputs")) {
    figures.outputs.push_back({decodeNumber(one.at(0)), decodeNumber(one.at(1)), decodeNumber(one.at(2)),
                               decodeNumber(one.at(3)), decodeNumber(one.at(4)), one.at(5)});
  }
  const Json& rows = json.at("rows");
  figures.rows = rows.at(0);
  figures.divergence = decodeNumber(rows.at(1));
  figures.sameTop1 = rows.at(2);
  figures.top1InTop5 = rows.at(3);
  figures.labelled = rows.at(4);
  figures.rightFloat = rows.at(5);
  figures.rightQuantized = rows.at(6);
  figures.surpriseFloat = decodeNumber(rows.at(7));
  figures.surpriseQuantized = decodeNumber(rows.at(8));
  return figures;
}

} // namespace

Json outputFiguresToJson(const std::vector<OutputFigures>& samples) {
  Json json = Json::array();
  for (const OutputFigures& figures : samples) {
    json.push_back(encode(figures));
  }
  return json;
}

std::vector<OutputFigures> outputFiguresFromJson(const Json& json) {
  std::vector<OutputFigures> samples;
  for (const Json& one : json) {
    samples.push_back(decode(one));
  }
  return samples;
}

} // namespace halfstep
