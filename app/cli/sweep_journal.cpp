#include "app/cli/sweep_journal.h"

#include <filesystem>

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

} // namespace halfstep::cli
