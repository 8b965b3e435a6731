// Keeps every layer's figures up to date with the plan: a batch job over the layers whose figures are
// missing. Owned by the session; UI thread.
#pragma once

#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/document.h"

#include <QTimer>

namespace halfstep {

class PlanQuantizer : public QObject {
  Q_OBJECT

public:
  PlanQuantizer(Document& document, JobRunner& runner, QObject* parent = nullptr);

  /// No change of the plan waits to be taken up (jobs may still run).
  bool isSettled() const { return !m_delay.isActive(); }

private:
  void scheduleSoon();
  void startIfNeeded();
  void take(quint64 run, const std::vector<std::pair<int, LayerSummary>>& figures);

  Document& m_document;
  JobRunner& m_runner;
  QTimer m_delay;
  quint64 m_run = 0;         ///< counts the starts
  quint64 m_oldestRun = 0;   ///< results of runs before this one belong to another model
  quint64 m_running = 0;     ///< the job's id, 0 if none
  std::vector<int> m_failed; ///< layers not tried again until their scheme changes
};

} // namespace halfstep
