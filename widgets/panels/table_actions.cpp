#include "widgets/panels/table_actions.h"

#include "core/io/atomic_file.h"

#include <QAction>
#include <QClipboard>
#include <QFileDialog>
#include <QGuiApplication>
#include <QHeaderView>

#include <set>

namespace halfstep {

namespace {

QString cell(QString text, QChar separator) {
  if (text.contains(separator) || text.contains('"') || text.contains('\n')) {
    text = '"' + text.replace('"', QStringLiteral("\"\"")) + '"';
  }
  return text;
}

} // namespace

void makeRowTable(QTableView& view, int rowHeight) {
  view.setSelectionBehavior(QAbstractItemView::SelectRows);
  view.setSelectionMode(QAbstractItemView::SingleSelection);
  view.setShowGrid(false);
  view.setSortingEnabled(true);
  view.setWordWrap(false);
  view.setTabKeyNavigation(false);
  view.setContextMenuPolicy(Qt::ActionsContextMenu);
  view.verticalHeader()->hide();
  view.verticalHeader()->setDefaultSectionSize(rowHeight);
}

QString tableText(const QTableView& view, QChar separator, bool selectedOnly) {
  const QAbstractItemModel* model = view.model();
  std::set<int> rows;
  if (selectedOnly) {
    for (const QModelIndex& index : view.selectionModel()->selectedRows()) {
      rows.insert(index.row());
    }
  }
  QString text;
  const auto line = [&](const auto& cellAt) {
    QStringList cells;
    for (int column = 0; column < model->columnCount(); ++column) {
      if (!view.isColumnHidden(column)) {
        cells << cell(cellAt(column).toString(), separator);
      }
    }
    text += cells.join(separator) + '\n';
  };
  line([&](int column) { return model->headerData(column, Qt::Horizontal, Qt::DisplayRole); });
  for (int row = 0; row < model->rowCount(); ++row) {
    if (rows.empty() || rows.count(row) > 0) {
      line([&](int column) { return model->index(row, column).data(Qt::DisplayRole); });
    }
  }
  return text;
}

void addTableActions(QTableView& view, const QString& name,
                     const std::function<void(const QString&)>& failed) {
  auto* copy = new QAction(QObject::tr("Copy rows"), &view);
  copy->setShortcut(QKeySequence::Copy);
  copy->setShortcutContext(Qt::WidgetWithChildrenShortcut);
  QObject::connect(copy, &QAction::triggered, &view,
                   [&view] { QGuiApplication::clipboard()->setText(tableText(view, '\t', true)); });
  auto* save = new QAction(QObject::tr("Save table…"), &view);
  QObject::connect(save, &QAction::triggered, &view, [&view, name, failed] {
    auto* dialog = new QFileDialog(&view, QObject::tr("Save table"), name + QStringLiteral(".csv"),
                                   QObject::tr("Comma-separated (*.csv);;Tab-separated (*.tsv)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    QObject::connect(dialog, &QFileDialog::fileSelected, &view, [&view, failed](const QString& path) {
      const QChar separator = path.endsWith(QLatin1String(".tsv")) ? '\t' : ',';
      const std::string text = tableText(view, separator, false).toStdString();
      if (const auto saved = writeFileAtomically(path.toStdString(), std::string_view(text)); !saved) {
        failed(QString::fromStdString(saved.error().message()));
      }
    });
    dialog->open();
  });
  view.addAction(copy);
  view.addAction(save);
}

} // namespace halfstep
