// The journals of a sweep and of a search's trials: go on with what they hold, and are kept up to date while
// the work runs.
#pragma once

#include "core/io/sensitivity_file.h"
#include "core/io/trial_journal.h"

#include <filesystem>
#include <optional>
#include <string>

namespace halfstep::cli {

/// One sweep's. One thread at a time. Does nothing where `path` is empty.
class SweepJournal {
public:
  /// `hash`: of the model file.
  SweepJournal(std::string path, std::string hash)
      : m_path(std::move(path))
      , m_hash(std::move(hash)) {}

  /// Reads what is there. Errors: those of loadSensitivity.
  Result<void> load();
  /// What was there; null if nothing was.
  const Sensitivity* previous() const { return m_previous ? &*m_previous : nullptr; }
  /// Adds a layer's figures.
  void note(const Sensitivity& sweep, std::size_t layer);
  /// What kept the journal from being written.
  const std::optional<Error>& problem() const { return m_problem; }

private:
  std::string m_path;
  std::string m_hash;
  std::optional<Sensitivity> m_previous;
  std::optional<SensitivityJournal> m_file;
  std::optional<Error> m_problem;
};

/// What a sweep's options say: --schemes, --metric (empty: the standard one) and --memory (MiB). Errors
/// (usage) name the option.
Result<SensitivityOptions> sweepOptions(const std::string& schemes, const std::string& metric,
                                        std::size_t memory, const SampleSource& samples);

/// measureSensitivity() kept up to date in the journal at `path` (none where it is empty), going on from what
/// it holds. What keeps the journal from being written is a warning on standard error. Errors: those of both.
Result<std::shared_ptr<const Sensitivity>>
measureWithJournal(const Executor& executor, const Simulation& simulation, const SampleSource& samples,
                   SensitivityOptions options, const std::string& path, const JobContext& job);

/// Options for trials that go on from the journal beside the sweep's at `path` (sweep.jsonl:
/// sweep.trials.jsonl) and are kept up to date in it; options that remember nothing where `path` is empty.
/// `conditions`: but for the model's hash, which is found here. Errors: those of TrialJournal::open.
struct JournaledTrials {
  TrialOptions options;
  std::shared_ptr<const TrialJournal> journal; ///< to ask for a problem afterwards; null where there is none
};
Result<JournaledTrials> journaledTrials(const Model& model, TrialConditions conditions,
                                        const std::string& path, const JobContext& job);

} // namespace halfstep::cli
