#include "widgets/panels/jobs_panel.h"

#include "widgets/panels/table_actions.h"
#include "widgets/style/theme.h"

#include <QHeaderView>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>

namespace halfstep {

JobsPanel::JobsPanel(JobRunner& runner, QWidget* parent)
    : QWidget(parent)
    , m_runner(runner)
    , m_model(runner)
    , m_table(new QTableView(this))
    , m_cancel(new QPushButton(tr("Cancel job"), this)) {
  setObjectName(QStringLiteral("jobs_panel"));
  setAutoFillBackground(true);
  setBackgroundRole(QPalette::Base);
  m_table->setObjectName(QStringLiteral("jobs_table"));
  m_table->setAccessibleName(tr("Jobs"));
  m_table->setModel(&m_model);
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setShowGrid(false);
  m_table->verticalHeader()->hide();
  m_table->horizontalHeader()->setSectionResizeMode(JobListModel::stateColumn, QHeaderView::Stretch);
  m_table->setColumnWidth(JobListModel::titleColumn, 240);
  m_table->setColumnWidth(JobListModel::timeColumn, 160);
  m_table->setTabKeyNavigation(false);
  m_table->setContextMenuPolicy(Qt::ActionsContextMenu);
  addTableActions(*m_table, QStringLiteral("jobs"), [this](const QString& what) { emit failed(what); });
  m_cancel->setObjectName(QStringLiteral("cancel_job"));
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(kSpace, kSpaceSmall, kSpace, kSpaceSmall);
  layout->addWidget(m_table);
  layout->addWidget(m_cancel, 0, Qt::AlignRight);
  connect(m_cancel, &QPushButton::clicked, this, [this] {
    for (const QModelIndex& index : m_table->selectionModel()->selectedRows()) {
      m_runner.cancel(index.data(JobListModel::idRole).toULongLong());
    }
  });
  connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, &JobsPanel::updateButton);
  connect(&m_model, &QAbstractItemModel::dataChanged, this, &JobsPanel::updateButton);
  updateButton();
}

void JobsPanel::updateButton() {
  bool any = false;
  for (const QModelIndex& index : m_table->selectionModel()->selectedRows()) {
    any = any || index.data(JobListModel::cancellableRole).toBool();
  }
  m_cancel->setEnabled(any);
}

} // namespace halfstep
