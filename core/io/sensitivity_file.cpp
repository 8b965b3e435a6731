#include "core/io/sensitivity_file.h"

#include "core/io/output_figures_json.h"
#include "core/quant/scheme_grammar.h"

#include <algorithm>

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

Json encodeLayer(const Sensitivity& sweep, std::size_t layer) {
  Json cells = Json::array();
  for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
    cells.push_back(outputFiguresToJson(sweep.cell(layer, scheme).samples));
  }
  return {{"layer", layer}, {"left", sweep.left[layer]}, {"cells", std::move(cells)}};
}

Json encodeHead(const Sensitivity& sweep, const std::string& modelSha256) {
  Json schemes = Json::array();
  for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
    schemes.push_back(printLayerPlan(sweep.candidate(scheme)));
  }
  return {{"halfstep_sensitivity", 1},
          {"model", modelSha256},
          {"data",
           {{"description", sweep.origin.description},
            {"synthetic", sweep.origin.synthetic},
            {"fingerprint", sweep.origin.fingerprint}}},
          {"samples", sweep.samples},
          {"metric", metricName(sweep.metric)},
          {"seed", sweep.seed},
          {"schemes", std::move(schemes)},
          {"calibration", sweep.calibration},
          {"layers", sweep.layers}};
}

Result<Sensitivity> decodeHead(const Json& head, const std::string& modelSha256) {
  if (head.at("halfstep_sensitivity") != 1) {
    return Error{ErrorKind::unsupported, "was written by a later version"};
  }
  const std::string model = head.at("model");
  if (!model.empty() && !modelSha256.empty() && model != modelSha256) {
    return Error{ErrorKind::usage, "is of another model"};
  }
  Sensitivity sweep;
  sweep.origin = {head.at("data").at("description"), head.at("data").at("synthetic"),
                  head.at("data").at("fingerprint")};
  sweep.samples = head.at("samples");
  const auto metric = metricFromName(head.at("metric").get<std::string>());
  if (!metric) {
    return Error{ErrorKind::damagedFile, "names an unknown metric"};
  }
  sweep.metric = *metric;
  sweep.seed = head.at("seed");
  for (const Json& scheme : head.at("schemes")) {
    HALFSTEP_TRY(const LayerPlan parsed, parseLayerPlan(scheme.get<std::string>()));
    sweep.schemes.push_back(parsed.weights);
    sweep.activations.push_back(parsed.activations);
  }
  sweep.calibration = head.value("calibration", std::string()); // earlier versions did not say
  const auto isFloat = [](const ActivationScheme& one) { return one == ActivationScheme(); };
  if (std::all_of(sweep.activations.begin(), sweep.activations.end(), isFloat)) {
    sweep.activations.clear();
  }
  sweep.layers = head.at("layers").get<std::vector<std::string>>();
  sweep.left.resize(sweep.layers.size());
  sweep.cells.resize(sweep.layers.size() * sweep.schemes.size());
  return sweep;
}

void decodeLayer(const Json& line, Sensitivity& sweep) {
  const std::size_t layer = line.at("layer");
  sweep.left.at(layer) = line.at("left");
  for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
    sweep.cells.at(layer * sweep.schemes.size() + scheme).samples =
        outputFiguresFromJson(line.at("cells").at(scheme));
  }
}

} // namespace

Result<SensitivityJournal> SensitivityJournal::create(const std::filesystem::path& path,
                                                      const Sensitivity& sweep,
                                                      const std::string& modelSha256) {
  std::vector<Json> lines = {encodeHead(sweep, modelSha256)};
  for (std::size_t layer = 0; layer < sweep.layers.size(); ++layer) {
    if (!sweep.schemes.empty() && (!sweep.cell(layer, 0).samples.empty() || !sweep.left[layer].empty())) {
      lines.push_back(encodeLayer(sweep, layer));
    }
  }
  HALFSTEP_TRY(LineJournal file, LineJournal::create(path, lines));
  return SensitivityJournal(std::move(file));
}

Result<void> SensitivityJournal::append(const Sensitivity& sweep, std::size_t layer) {
  return m_file.append(encodeLayer(sweep, layer));
}

Result<Sensitivity> loadSensitivity(const std::filesystem::path& path, const std::string& modelSha256) {
  Sensitivity sweep;
  HALFSTEP_CHECK(readLineJournal(path, [&](const Json& line, std::size_t number) -> Result<void> {
    if (number > 1) {
      decodeLayer(line, sweep);
    } else {
      HALFSTEP_TRY(sweep, decodeHead(line, modelSha256));
    }
    return {};
  }));
  return sweep;
}

} // namespace halfstep
