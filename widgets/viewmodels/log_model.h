// The program's log as a list: what was opened, what failed and why, what took long. UI thread.
#pragma once

#include <QAbstractTableModel>
#include <QDateTime>

#include <vector>

namespace halfstep {

class LogModel : public QAbstractTableModel {
  Q_OBJECT

public:
  enum class Level { information, warning, error };
  enum Column { timeColumn, levelColumn, textColumn, columnCountValue };

  using QAbstractTableModel::QAbstractTableModel;

  void add(Level level, const QString& text);
  void clear();
  /// One line per entry, as saved and attached to reports.
  QString asText() const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

signals:
  /// A warning or an error was added.
  void alerted(const QString& text);

private:
  struct Entry {
    QDateTime time;
    Level level;
    QString text;
  };
  std::vector<Entry> m_entries;
};

} // namespace halfstep
