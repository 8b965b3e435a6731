#include "widgets/viewmodels/log_model.h"

namespace halfstep {

namespace {

constexpr std::size_t kMostEntries = 10000;

QString levelText(LogModel::Level level) {
  switch (level) {
  case LogModel::Level::information:
    return LogModel::tr("Note");
  case LogModel::Level::warning:
    return LogModel::tr("Warning");
  case LogModel::Level::error:
    return LogModel::tr("Error");
  }
  return {};
}

} // namespace

void LogModel::add(Level level, const QString& text) {
  if (m_entries.size() >= kMostEntries) {
    beginRemoveRows({}, 0, 0);
    m_entries.erase(m_entries.begin());
    endRemoveRows();
  }
  const int row = static_cast<int>(m_entries.size());
  beginInsertRows({}, row, row);
  m_entries.push_back({QDateTime::currentDateTime(), level, text});
  endInsertRows();
  if (level != Level::information) {
    emit alerted(text);
  }
}

void LogModel::clear() {
  beginResetModel();
  m_entries.clear();
  endResetModel();
}

QString LogModel::asText() const {
  QString text;
  for (const Entry& entry : m_entries) {
    text += QStringLiteral("%1\t%2\t%3\n")
                .arg(entry.time.toString(Qt::ISODateWithMs), levelText(entry.level), entry.text);
  }
  return text;
}

int LogModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_entries.size());
}

int LogModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : columnCountValue;
}

QVariant LogModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || (role != Qt::DisplayRole && role != Qt::ToolTipRole)) {
    return {};
  }
  const Entry& entry = m_entries[static_cast<std::size_t>(index.row())];
  switch (index.column()) {
  case timeColumn:
    return entry.time.toString(QStringLiteral("HH:mm:ss"));
  case levelColumn:
    return levelText(entry.level);
  case textColumn:
    return entry.text;
  default:
    return {};
  }
}

QVariant LogModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) {
    return {};
  }
  static const char* const kTitles[] = {QT_TR_NOOP("Time"), QT_TR_NOOP("Kind"), QT_TR_NOOP("What happened")};
  return section < columnCountValue ? tr(kTitles[section]) : QVariant();
}

} // namespace halfstep
