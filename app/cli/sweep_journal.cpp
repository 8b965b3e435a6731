#include "app/cli/sweep_journal.h"

#include "app/cli/output.h"
#include "app/cli/plan_options.h"
#include "core/support/hash.h"

namespace halfstep::cli {

Result<void> SweepJournal::load() {
  if (!m_path.empty() && std::filesystem::exists(m_path)) {
    HALFSTEP_TRY(Sensitivity loaded, loadSensitivity(m_path, m_hash));
    m_previous = std::move(loaded);
  }
  return {};
}

void SweepJournal::note(const Sensitivity& sweep, std::size_t layer) {
  if (m_path.empty() || m_problem) {
    return;
  }
  if (!m_file) {
    auto made = SensitivityJournal::create(m_path, sweep, m_hash);
    if (made) {
      m_file.emplace(std::move(*made));
    } else {
      m_problem = made.error();
    }
  } else if (auto appended = m_file->append(sweep, layer); !appended) {
    m_problem = appended.error();
  }
}

Result<SensitivityOptions> sweepOptions(const std::string& schemes, const std::string& metric,
                                        std::size_t memory, const SampleSource& samples) {
  SensitivityOptions options;
  HALFSTEP_TRY(SchemeList list, schemeList("--schemes", schemes));
  options.schemes = std::move(list.weights);
  options.activations = std::move(list.activations);
  if (!metric.empty()) {
    options.metric = metricFromName(metric);
    if (!options.metric) {
      return Error{ErrorKind::usage, "--metric " + metric +
                                         ": expected kl, sqnr, relative-error, mse, cosine, top1, top5, "
                                         "accuracy or perplexity"};
    }
  }
  options.samples = samples.count();
  options.memoryBudget = memory << 20;
  return options;
}

Result<std::shared_ptr<const Sensitivity>>
measureWithJournal(const Executor& executor, const Simulation& simulation, const SampleSource& samples,
                   SensitivityOptions options, const std::string& path, const JobContext& job) {
  std::string hash;
  if (!path.empty()) {
    HALFSTEP_TRY(hash, sha256OfFile(executor.model().path, job));
  }
  SweepJournal journal(path, hash);
  HALFSTEP_CHECK(journal.load());
  options.onLayer = [&](const Sensitivity& partial, std::size_t layer) { journal.note(partial, layer); };
  HALFSTEP_TRY(auto measured,
               measureSensitivity(executor, simulation, samples, options, journal.previous(), job));
  if (journal.problem()) {
    printWarning(journal.problem()->message());
  }
  return measured;
}

Result<JournaledTrials> journaledTrials(const Model& model, TrialConditions conditions,
                                        const std::string& path, const JobContext& job) {
  JournaledTrials trials;
  trials.options.samples = conditions.samples;
  if (path.empty()) {
    return trials;
  }
  HALFSTEP_TRY(conditions.modelSha256, sha256OfFile(model.path, job));
  std::filesystem::path beside(path);
  beside.replace_extension(".trials" + beside.extension().string());
  HALFSTEP_TRY(TrialJournal opened, TrialJournal::open(beside, conditions));
  auto journal = std::make_shared<TrialJournal>(std::move(opened));
  trials.options.known = journal->known();
  trials.options.onMeasured = [journal](const std::string& key, const std::vector<OutputFigures>& samples) {
    journal->note(key, samples);
  };
  trials.journal = std::move(journal);
  return trials;
}

} // namespace halfstep::cli
