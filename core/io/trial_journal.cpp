#include "core/io/trial_journal.h"

#include "core/io/output_figures_json.h"

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

Json encodeHead(const TrialConditions& conditions) {
  Json calibration;
  if (conditions.calibration) {
    calibration = {{"fingerprint", conditions.calibration->origin.fingerprint},
                   {"samples", conditions.calibration->sampleNames.size()}};
  }
  return {{"halfstep_trials", 1},
          {"model", conditions.modelSha256},
          {"data",
           {{"description", conditions.origin.description},
            {"synthetic", conditions.origin.synthetic},
            {"fingerprint", conditions.origin.fingerprint}}},
          {"samples", conditions.samples},
          {"calibration", std::move(calibration)},
          {"layers", conditions.layers}};
}

Json encodeTrial(const std::string& key, const std::vector<OutputFigures>& samples) {
  return {{"plan", key}, {"samples", outputFiguresToJson(samples)}};
}

/// Whether figures under `head` may be used under `wanted`.
Result<void> checkHead(const Json& head, const Json& wanted) {
  if (head.at("halfstep_trials") != 1) {
    return Error{ErrorKind::unsupported, "was written by a later version"};
  }
  if (head.at("model") != wanted["model"]) {
    return Error{ErrorKind::usage, "holds trials of another model"};
  }
  // A folder may have been moved: the samples' fingerprint tells, not their description.
  const bool same = head.at("data").at("fingerprint") == wanted["data"]["fingerprint"] &&
                    head.at("samples") == wanted["samples"] &&
                    head.at("calibration") == wanted["calibration"] && head.at("layers") == wanted["layers"];
  if (!same) {
    return Error{ErrorKind::usage, "holds trials on other samples or layers, or with another calibration"};
  }
  return {};
}

} // namespace

Result<TrialJournal> TrialJournal::open(const std::filesystem::path& path,
                                        const TrialConditions& conditions) {
  TrialJournal journal;
  const Json head = encodeHead(conditions);
  std::error_code failure;
  if (std::filesystem::exists(path, failure)) {
    HALFSTEP_CHECK(readLineJournal(path, [&](const Json& line, std::size_t number) -> Result<void> {
      if (number == 1) {
        return checkHead(line, head);
      }
      auto samples = outputFiguresFromJson(line.at("samples"));
      if (samples.size() != conditions.samples) {
        return Error{ErrorKind::damagedFile, "has another number of samples than the first line says"};
      }
      journal.m_known[line.at("plan").get<std::string>()] = std::move(samples);
      return {};
    }));
  }
  std::vector<Json> lines = {head};
  for (const auto& [key, samples] : journal.m_known) {
    lines.push_back(encodeTrial(key, samples));
  }
  auto file = LineJournal::create(path, lines);
  if (file) {
    journal.m_file.emplace(std::move(*file));
  } else {
    journal.m_problem = file.error();
  }
  return journal;
}

void TrialJournal::note(const std::string& key, const std::vector<OutputFigures>& samples) {
  if (!m_file || m_problem) {
    return;
  }
  if (auto appended = m_file->append(encodeTrial(key, samples)); !appended) {
    m_problem = appended.error();
  }
}

} // namespace halfstep
