// A sweep on disk while it runs, and after: a journal (line_journal.h) whose head says what is measured, and
// each other line one layer's figures. A program that is killed loses at most the layer it was working on.
#pragma once

#include "core/analysis/sensitivity.h"
#include "core/io/line_journal.h"

namespace halfstep {

/// Writes a journal. One thread at a time.
class SensitivityJournal {
public:
  /// Starts the file over with what `sweep` holds already. `modelSha256`: of the model file, may be empty.
  static Result<SensitivityJournal> create(const std::filesystem::path& path, const Sensitivity& sweep,
                                           const std::string& modelSha256);
  /// Appends the figures of `layer` and sees them to the disk.
  Result<void> append(const Sensitivity& sweep, std::size_t layer);

private:
  explicit SensitivityJournal(LineJournal file)
      : m_file(std::move(file)) {}
  LineJournal m_file;
};

/// A sweep as far as it had come. Errors: what is damaged, with the line; a hash that is neither empty nor
/// `modelSha256` (kind `usage`).
Result<Sensitivity> loadSensitivity(const std::filesystem::path& path, const std::string& modelSha256);

} // namespace halfstep
