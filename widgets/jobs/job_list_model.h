// The job runner's list as an item model: one row per job, newest last. UI thread.
#pragma once

#include "widgets/jobs/job_runner.h"

#include <QAbstractTableModel>

namespace halfstep {

class JobListModel : public QAbstractTableModel {
  Q_OBJECT

public:
  enum Column { titleColumn, stateColumn, progressColumn, timeColumn, columnCountValue };
  enum Role { idRole = Qt::UserRole, fractionRole, cancellableRole };

  explicit JobListModel(JobRunner& runner, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

private:
  void update();

  JobRunner& m_runner;
  std::vector<JobStatus> m_jobs;
};

/// "41 s left", "about 3 min left"; empty where there is no estimate.
QString remainingTimeText(double secondsLeft);

} // namespace halfstep
