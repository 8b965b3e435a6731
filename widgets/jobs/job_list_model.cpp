#include "widgets/jobs/job_list_model.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

QString stateText(const JobStatus& job) {
  switch (job.state) {
  case JobStatus::State::waiting:
    return JobListModel::tr("waiting");
  case JobStatus::State::running:
    return job.step.isEmpty() ? JobListModel::tr("running") : job.step;
  case JobStatus::State::paused:
    return JobListModel::tr("paused");
  case JobStatus::State::done:
    return JobListModel::tr("done");
  case JobStatus::State::failed:
    return job.error;
  case JobStatus::State::cancelled:
    return JobListModel::tr("cancelled");
  }
  return {};
}

QString timeText(const JobStatus& job) {
  const QString left = remainingTimeText(job.secondsLeft);
  const QString taken = JobListModel::tr("%1 s").arg(job.seconds, 0, 'f', job.seconds < 10 ? 2 : 0);
  return left.isEmpty() ? taken : taken + QStringLiteral(" · ") + left;
}

} // namespace

QString remainingTimeText(double secondsLeft) {
  if (secondsLeft < 0.0) {
    return {};
  }
  if (secondsLeft < 90.0) {
    return JobListModel::tr("%1 s left").arg(std::ceil(secondsLeft), 0, 'f', 0);
  }
  return JobListModel::tr("about %1 min left").arg(std::ceil(secondsLeft / 60.0), 0, 'f', 0);
}

JobListModel::JobListModel(JobRunner& runner, QObject* parent)
    : QAbstractTableModel(parent)
    , m_runner(runner) {
  connect(&m_runner, &JobRunner::jobsChanged, this, &JobListModel::update);
}

void JobListModel::update() {
  // What stands in the common rows changes first; then rows are added or taken away at the end.
  std::vector<JobStatus> jobs = m_runner.jobs();
  const std::size_t common = std::min(jobs.size(), m_jobs.size());
  std::copy(jobs.begin(), jobs.begin() + static_cast<std::ptrdiff_t>(common), m_jobs.begin());
  if (common > 0) {
    emit dataChanged(index(0, 0), index(static_cast<int>(common) - 1, columnCountValue - 1));
  }
  if (jobs.size() > common) {
    beginInsertRows({}, static_cast<int>(common), static_cast<int>(jobs.size()) - 1);
    m_jobs = std::move(jobs);
    endInsertRows();
  } else if (m_jobs.size() > common) {
    beginRemoveRows({}, static_cast<int>(common), static_cast<int>(m_jobs.size()) - 1);
    m_jobs.resize(common);
    endRemoveRows();
  }
}

int JobListModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_jobs.size());
}

int JobListModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : columnCountValue;
}

QVariant JobListModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) {
    return {};
  }
  const JobStatus& job = m_jobs[static_cast<std::size_t>(index.row())];
  if (role == idRole) {
    return job.id;
  }
  if (role == fractionRole) {
    return job.fraction;
  }
  if (role == cancellableRole) {
    return job.state == JobStatus::State::waiting || job.state == JobStatus::State::running ||
           job.state == JobStatus::State::paused;
  }
  if (role != Qt::DisplayRole && role != Qt::ToolTipRole) {
    return {};
  }
  switch (index.column()) {
  case titleColumn:
    return job.title;
  case stateColumn:
    return stateText(job);
  case progressColumn:
    return tr("%1 %").arg(job.fraction * 100.0, 0, 'f', 0);
  case timeColumn:
    return timeText(job);
  default:
    return {};
  }
}

QVariant JobListModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) {
    return {};
  }
  static const char* const kTitles[] = {QT_TR_NOOP("Job"), QT_TR_NOOP("State"), QT_TR_NOOP("Progress"),
                                        QT_TR_NOOP("Time")};
  return section < columnCountValue ? tr(kTitles[section]) : QVariant();
}

} // namespace halfstep
