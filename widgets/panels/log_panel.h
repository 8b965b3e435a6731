// The log: found, saved, attached. UI thread.
#pragma once

#include "widgets/viewmodels/log_model.h"

#include <QWidget>

class QTableView;

namespace halfstep {

class LogPanel : public QWidget {
  Q_OBJECT

public:
  explicit LogPanel(LogModel& log, QWidget* parent = nullptr);

private:
  QTableView* m_table;
};

} // namespace halfstep
