// The job list with a Cancel for every job that waits or runs. UI thread.
#pragma once

#include "widgets/jobs/job_list_model.h"

#include <QWidget>

class QPushButton;
class QTableView;

namespace halfstep {

class JobsPanel : public QWidget {
  Q_OBJECT

public:
  explicit JobsPanel(JobRunner& runner, QWidget* parent = nullptr);

signals:
  void failed(const QString& message);

private:
  void updateButton();

  JobRunner& m_runner;
  JobListModel m_model;
  QTableView* m_table;
  QPushButton* m_cancel;
};

} // namespace halfstep
