#include "core/io/sensitivity_file.h"

#include "core/quant/scheme_grammar.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>
#include <system_error>

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

Json encode(const OutputFigures& figures) {
  Json outputs = Json::array();
  for (const OutputSums& one : figures.outputs) {
    outputs.push_back({one.signal, one.noise, one.decoded, one.products, one.largest, one.count});
  }
  return {{"outputs", std::move(outputs)},
          {"rows",
           {figures.rows, figures.divergence, figures.sameTop1, figures.top1InTop5, figures.labelled,
            figures.rightFloat, figures.rightQuantized, figures.surpriseFloat, figures.surpriseQuantized}}};
}

OutputFigures decode(const Json& json) {
  OutputFigures figures;
  for (const Json& one : json.at("outputs")) {
    figures.outputs.push_back({one.at(0), one.at(1), one.at(2), one.at(3), one.at(4), one.at(5)});
  }
  const Json& rows = json.at("rows");
  figures.rows = rows.at(0);
  figures.divergence = rows.at(1);
  figures.sameTop1 = rows.at(2);
  figures.top1InTop5 = rows.at(3);
  figures.labelled = rows.at(4);
  figures.rightFloat = rows.at(5);
  figures.rightQuantized = rows.at(6);
  figures.surpriseFloat = rows.at(7);
  figures.surpriseQuantized = rows.at(8);
  return figures;
}

Json encodeLayer(const Sensitivity& sweep, std::size_t layer) {
  Json cells = Json::array();
  for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
    Json samples = Json::array();
    for (const OutputFigures& figures : sweep.cell(layer, scheme).samples) {
      samples.push_back(encode(figures));
    }
    cells.push_back(std::move(samples));
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
    auto& samples = sweep.cells.at(layer * sweep.schemes.size() + scheme).samples;
    samples.clear();
    for (const Json& one : line.at("cells").at(scheme)) {
      samples.push_back(decode(one));
    }
  }
}

Error atLine(Error error, const std::filesystem::path& path, std::size_t line) {
  error.file = path.string();
  error.where = "line " + std::to_string(line);
  return error;
}

} // namespace

Result<SensitivityJournal> SensitivityJournal::create(const std::filesystem::path& path,
                                                      const Sensitivity& sweep,
                                                      const std::string& modelSha256) {
  SensitivityJournal journal;
  journal.m_path = path;
  std::error_code failure;
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path(), failure);
  }
  journal.m_file.open(path, std::ios::binary | std::ios::trunc);
  journal.m_file << encodeHead(sweep, modelSha256).dump() << '\n';
  for (std::size_t layer = 0; layer < sweep.layers.size(); ++layer) {
    if (!sweep.schemes.empty() && (!sweep.cell(layer, 0).samples.empty() || !sweep.left[layer].empty())) {
      journal.m_file << encodeLayer(sweep, layer).dump() << '\n';
    }
  }
  journal.m_file.flush();
  if (!journal.m_file) {
    return Error{ErrorKind::failed, "cannot be written", {}, path.string()};
  }
  return journal;
}

Result<void> SensitivityJournal::append(const Sensitivity& sweep, std::size_t layer) {
  m_file << encodeLayer(sweep, layer).dump() << '\n';
  m_file.flush();
  if (!m_file) {
    return Error{ErrorKind::failed, "cannot be written any further (is the disk full?)", {}, m_path.string()};
  }
  return {};
}

Result<Sensitivity> loadSensitivity(const std::filesystem::path& path, const std::string& modelSha256) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  if (!file || !std::getline(file, line)) {
    return Error{ErrorKind::failed, "cannot be read", {}, path.string()};
  }
  Sensitivity sweep;
  for (std::size_t number = 1; number == 1 || std::getline(file, line); ++number) {
    const bool cutShort = file.eof(); // the newline is written last
    const Json json = Json::parse(line, nullptr, false);
    if (cutShort && json.is_discarded() && number > 1) {
      break;
    }
    if (json.is_discarded()) {
      return atLine({ErrorKind::damagedFile, "is no JSON"}, path, number);
    }
    try {
      if (number > 1) {
        decodeLayer(json, sweep);
        continue;
      }
      auto head = decodeHead(json, modelSha256);
      if (!head) {
        return atLine(head.error(), path, number);
      }
      sweep = std::move(*head);
    } catch (const std::exception& exception) {
      return atLine({ErrorKind::damagedFile, std::string("does not hold a sweep: ") + exception.what()}, path,
                    number);
    }
  }
  return sweep;
}

} // namespace halfstep
