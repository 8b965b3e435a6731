// The plans that a search has run, on disk while it runs: a journal (line_journal.h) whose head says what
// they were measured on, and each other line one plan with the figures of all samples. A search that was
// killed and is started again with it runs no plan twice.
#pragma once

#include "core/analysis/calibration.h"
#include "core/analysis/plan_trials.h"
#include "core/io/line_journal.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace halfstep {

/// What trials have to have in common for one's figures to stand for the other's.
struct TrialConditions {
  std::string modelSha256;
  std::vector<std::string> layers; ///< of the search space
  SampleOrigin origin;
  std::size_t samples = 0;                        ///< that every plan is run on
  std::shared_ptr<const Calibration> calibration; ///< of the layers' inputs; null where none is needed
};

/// One thread at a time.
class TrialJournal {
public:
  /// Goes on with what the file holds, or starts it. A damaged last line is left out. Errors: trials of
  /// another model, or on other samples, layers or another calibration (kind `usage`); a file that is damaged
  /// elsewhere, with the line. Where the file cannot be written, problem() says so: that is no reason not to
  /// search.
  static Result<TrialJournal> open(const std::filesystem::path& path, const TrialConditions& conditions);

  /// For TrialOptions::known.
  const KnownTrials& known() const { return m_known; }
  /// Adds a plan that was run. Does nothing after a problem.
  void note(const std::string& key, const std::vector<OutputFigures>& samples);
  /// What keeps the journal from being written.
  const std::optional<Error>& problem() const { return m_problem; }

private:
  KnownTrials m_known;
  std::optional<LineJournal> m_file;
  std::optional<Error> m_problem;
};

} // namespace halfstep
