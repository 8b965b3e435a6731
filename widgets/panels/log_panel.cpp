#include "widgets/panels/log_panel.h"

#include "widgets/panels/table_actions.h"
#include "widgets/style/theme.h"

#include <QHeaderView>
#include <QTableView>
#include <QVBoxLayout>

namespace halfstep {

LogPanel::LogPanel(LogModel& log, QWidget* parent)
    : QWidget(parent)
    , m_table(new QTableView(this)) {
  setObjectName(QStringLiteral("log_panel"));
  setAutoFillBackground(true);
  setBackgroundRole(QPalette::Base);
  m_table->setObjectName(QStringLiteral("log_table"));
  m_table->setAccessibleName(tr("Log"));
  m_table->setModel(&log);
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setShowGrid(false);
  m_table->verticalHeader()->hide();
  m_table->horizontalHeader()->setStretchLastSection(true);
  m_table->setColumnWidth(LogModel::timeColumn, 80);
  m_table->setColumnWidth(LogModel::levelColumn, 80);
  m_table->setTabKeyNavigation(false);
  m_table->setContextMenuPolicy(Qt::ActionsContextMenu);
  addTableActions(*m_table, QStringLiteral("log"),
                  [&log](const QString& message) { log.add(LogModel::Level::error, message); });
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(kSpace, kSpaceSmall, kSpace, kSpaceSmall);
  layout->addWidget(m_table);
  connect(&log, &QAbstractItemModel::rowsInserted, m_table, &QTableView::scrollToBottom);
}

} // namespace halfstep
