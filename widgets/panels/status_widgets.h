// What the status bar shows: the running job with its progress and Cancel, and the plan's totals. UI thread.
#pragma once

#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/document.h"
#include "widgets/viewmodels/latency_model.h"
#include "widgets/viewmodels/network_analysis.h"

#include <QWidget>

class QLabel;
class QProgressBar;
class QToolButton;

namespace halfstep {

/// Shows the oldest running job once it has run for 200 ms.
class JobIndicator : public QWidget {
  Q_OBJECT

public:
  explicit JobIndicator(JobRunner& runner, QWidget* parent = nullptr);

private:
  void update();

  JobRunner& m_runner;
  QLabel* m_title;
  QProgressBar* m_bar;
  QLabel* m_left;
  QToolButton* m_pause;
  QToolButton* m_cancel;
  bool m_paused = false;
  quint64 m_shown = 0;
};

/// Size before and after, ratio and weight SQNR of the whole plan, and what was measured of it.
class TotalsLabel : public QWidget {
  Q_OBJECT

public:
  TotalsLabel(Document& document, NetworkAnalysis& analysis, QWidget* parent = nullptr);

private:
  void update();
  /// Where it was measured, and its words for the tooltip.
  QString latencyText(QString& tip);

  Document& m_document;
  NetworkAnalysis& m_analysis;
  LatencyModel m_latency; ///< of the last measurement that is complete
  QLabel* m_text;
};

} // namespace halfstep
