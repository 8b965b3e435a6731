#include "widgets/panels/versions_dialog.h"

#include "widgets/panels/table_actions.h"
#include "widgets/style/theme.h"

#include <QAction>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace halfstep {

VersionsDialog::VersionsDialog(Document& document, QWidget* parent)
    : QDialog(parent)
    , m_document(document)
    , m_model(document)
    , m_table(new QTableView)
    , m_message(new QLabel)
    , m_restore(button("restore", tr("&Restore"),
                       tr("Gives the layers this version's schemes: one step back undoes it")))
    , m_compare(button("compare", tr("&Compare"), tr("Its difference from the present plan, layer by layer")))
    , m_rename(button("rename", tr("Re&name"), tr("Another name for it (F2)")))
    , m_delete(button("delete", tr("&Delete"), tr("Removes it from the plan (Del); Ctrl+Z brings it back")))
    , m_save(button("save", tr("&Save present plan…"), tr("Keeps the present plan under a name"))) {
  setObjectName(QStringLiteral("versions_dialog"));
  setWindowTitle(tr("Versions of the plan"));
  resize(920, 380);
  makeTable();
  m_message->setObjectName(QStringLiteral("versions_message"));
  m_message->setWordWrap(true);
  m_message->setProperty("role", "quiet");
  auto* close = button("close", tr("C&lose"), {});
  connect(close, &QPushButton::clicked, this, &QDialog::close);
  auto* row = new QHBoxLayout;
  for (QPushButton* one : {m_restore, m_compare, m_rename, m_delete, m_save}) {
    row->addWidget(one);
  }
  row->addStretch(1);
  row->addWidget(close);
  auto* layout = new QVBoxLayout(this);
  layout->setSpacing(kSpace);
  layout->addWidget(m_table, 1);
  layout->addWidget(m_message);
  layout->addLayout(row);
  connectParts();
  showState();
  if (m_model.rowCount() > 0) {
    m_table->selectRow(m_model.rowCount() - 1);
  }
}

QPushButton* VersionsDialog::button(const char* name, const QString& text, const QString& tooltip) {
  auto* made = new QPushButton(text);
  made->setObjectName(QStringLiteral("versions_") + QLatin1String(name));
  made->setToolTip(tooltip);
  made->setAutoDefault(false); // Enter in the table edits, it does not close or delete
  return made;
}

void VersionsDialog::makeTable() {
  m_table->setObjectName(QStringLiteral("versions_table"));
  m_table->setAccessibleName(tr("Versions of the plan"));
  m_table->setModel(&m_model);
  makeRowTable(*m_table, 28);
  m_table->setSortingEnabled(false);
  m_table->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
  using Column = VersionsModel::Column;
  for (const auto& [column, width] : {std::pair(Column::nameColumn, 150),
                                      {Column::keptColumn, 124},
                                      {Column::sizeColumn, 78},
                                      {Column::layersColumn, 92},
                                      {Column::damageColumn, 176},
                                      {Column::originColumn, 150}}) {
    m_table->setColumnWidth(column, width);
  }
  m_table->horizontalHeader()->setStretchLastSection(true);
  m_table->horizontalHeader()->setHighlightSections(false);
  addTableActions(*m_table, QStringLiteral("versions"), [this](const QString& what) { emit failed(what); });
  auto* remove = new QAction(tr("Delete version"), m_table);
  remove->setShortcut(QKeySequence::Delete);
  remove->setShortcutContext(Qt::WidgetShortcut);
  connect(remove, &QAction::triggered, m_delete, &QPushButton::click);
  m_table->addAction(remove);
}

QString VersionsDialog::current() const {
  return m_model.nameAt(m_table->currentIndex().row());
}

void VersionsDialog::connectParts() {
  // Undo and redo reach this window too.
  QUndoStack& stack = m_document.undoStack();
  for (const auto& [key, run] :
       {std::pair(QKeySequence::Undo, &QUndoStack::undo), std::pair(QKeySequence::Redo, &QUndoStack::redo)}) {
    auto* action = new QAction(this);
    action->setShortcut(key);
    connect(action, &QAction::triggered, &stack, run);
    addAction(action);
  }
  connect(m_restore, &QPushButton::clicked, this, [this] { tell(m_document.restoreVersion(current())); });
  connect(m_compare, &QPushButton::clicked, this, [this] { emit compareRequested(current()); });
  connect(m_rename, &QPushButton::clicked, this, [this] {
    m_table->setFocus();
    m_table->edit(m_table->currentIndex().siblingAtColumn(VersionsModel::nameColumn));
  });
  connect(m_delete, &QPushButton::clicked, this, [this] { tell(m_document.removeVersion(current())); });
  connect(m_save, &QPushButton::clicked, this, &VersionsDialog::saveRequested);
  connect(&m_model, &VersionsModel::refused, m_message, &QLabel::setText);
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          &VersionsDialog::showState);
  connect(&m_document, &Document::versionsChanged, this, &VersionsDialog::showState);
  connect(&m_document, &Document::plansChanged, this, &VersionsDialog::showState);
  connect(&m_document, &Document::modelChanged, this, &QDialog::close);
}

void VersionsDialog::tell(const Result<void>& done) {
  if (!done) {
    m_message->setText(QString::fromStdString(done.error().message()));
  }
}

void VersionsDialog::showState() {
  const int rows = m_model.rowCount();
  if (rows > 0 && !m_table->currentIndex().isValid()) {
    m_table->selectRow(rows - 1);
    return; // which comes back here
  }
  const bool any = !current().isEmpty();
  for (QPushButton* one : {m_restore, m_compare, m_rename, m_delete}) {
    one->setEnabled(any);
  }
  const int differing =
      any ? m_table->currentIndex().siblingAtColumn(VersionsModel::layersColumn).data().toInt() : 0;
  m_restore->setEnabled(differing > 0);
  m_message->setText(
      rows == 0        ? tr("No version was kept yet. Saving one costs nothing, and can be undone.")
      : differing == 0 ? tr("The present plan is this version.")
                       : tr("%1 of %2 layers have another scheme now. Versions are saved in the plan's file.")
                             .arg(differing)
                             .arg(m_document.layerCount()));
}

} // namespace halfstep
