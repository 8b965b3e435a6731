#include "widgets/panels/table_actions.h"

#include "core/io/atomic_file.h"
#include "widgets/viewmodels/table_roles.h"

#include <QAction>
#include <QClipboard>
#include <QFileDialog>
#include <QGuiApplication>
#include <QHeaderView>
#include <QLocale>
#include <QMenu>

#include <cmath>
#include <set>

namespace halfstep {

namespace {

/// What a cell or header is copied as: the number in full where there is one, nothing for NaN.
QString plainText(const QVariant& plain, const QVariant& shown) {
  if (!plain.isValid()) {
    return shown.toString();
  }
  if (plain.typeId() == QMetaType::Double && std::isnan(plain.toDouble())) {
    return {};
  }
  return plain.typeId() == QMetaType::Double
             ? QString::number(plain.toDouble(), 'g', QLocale::FloatingPointShortest)
             : plain.toString();
}

/// Whether a column counts: those that are shown, and those that another one's cells show.
bool isListed(const QTableView& view, int column) {
  return !view.isColumnHidden(column) ||
         view.model()->headerData(column, Qt::Horizontal, kUnseenRole).toBool();
}

/// "Sort by", with an entry for each column. A second choice of the same one turns the order
/// round, as a second click on its header does.
QMenu* sortMenu(QTableView& view) {
  auto* menu = new QMenu(QObject::tr("Sort by"), &view);
  menu->setObjectName(view.objectName() + QStringLiteral("_sort_menu"));
  QObject::connect(menu, &QMenu::aboutToShow, &view, [&view, menu] {
    menu->clear();
    QHeaderView& header = *view.horizontalHeader();
    for (int column = 0; column < header.count(); ++column) {
      if (!isListed(view, column)) {
        continue;
      }
      const bool current = header.sortIndicatorSection() == column;
      QAction* action = menu->addAction(view.model()->headerData(column, Qt::Horizontal).toString());
      action->setCheckable(true);
      action->setChecked(current);
      const bool turn = current && header.sortIndicatorOrder() == Qt::AscendingOrder;
      QObject::connect(action, &QAction::triggered, &view, [&view, column, turn] {
        view.sortByColumn(column, turn ? Qt::DescendingOrder : Qt::AscendingOrder);
      });
    }
    if (header.isSortIndicatorClearable()) {
      menu->addSeparator();
      QObject::connect(menu->addAction(QObject::tr("The model's order")), &QAction::triggered, &view,
                       [&view] { view.sortByColumn(-1, Qt::AscendingOrder); });
    }
  });
  return menu;
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
      if (isListed(view, column)) {
        cells << tableCell(cellAt(column), separator);
      }
    }
    text += cells.join(separator) + '\n';
  };
  line([&](int column) {
    return plainText(model->headerData(column, Qt::Horizontal, kPlainRole),
                     model->headerData(column, Qt::Horizontal, Qt::DisplayRole));
  });
  for (int row = 0; row < model->rowCount(); ++row) {
    if (rows.empty() || rows.count(row) > 0) {
      line([&](int column) {
        const QModelIndex index = model->index(row, column);
        return plainText(index.data(kPlainRole), index.data(Qt::DisplayRole));
      });
    }
  }
  return text;
}

QString tableCell(const QString& text, QChar separator) {
  if (!text.contains(separator) && !text.contains('"') && !text.contains('\n')) {
    return text;
  }
  return '"' + QString(text).replace('"', QStringLiteral("\"\"")) + '"';
}

void saveTableByDialog(QWidget& parent, const QString& name, const std::function<QString(QChar)>& text,
                       const std::function<void(const QString&)>& failed) {
  const QString tabs = QObject::tr("Tab-separated (*.tsv)");
  auto* dialog = new QFileDialog(&parent, QObject::tr("Save table"), name + QStringLiteral(".csv"));
  dialog->setNameFilters({QObject::tr("Comma-separated (*.csv)"), tabs});
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(QStringLiteral("csv"));
  QObject::connect(dialog, &QFileDialog::filterSelected, dialog, [dialog, name, tabs](const QString& filter) {
    const QString suffix = filter == tabs ? QStringLiteral("tsv") : QStringLiteral("csv");
    dialog->setDefaultSuffix(suffix);
    dialog->selectFile(name + '.' + suffix);
  });
  QObject::connect(dialog, &QFileDialog::fileSelected, &parent, [text, failed](const QString& path) {
    const QChar separator = path.endsWith(QLatin1String(".tsv"), Qt::CaseInsensitive) ? '\t' : ',';
    if (const auto saved =
            writeFileAtomically(path.toStdString(), std::string_view(text(separator).toStdString()));
        !saved) {
      failed(QString::fromStdString(saved.error().message()));
    }
  });
  dialog->open();
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
    saveTableByDialog(
        view, name, [&view](QChar separator) { return tableText(view, separator, false); }, failed);
  });
  view.addAction(copy);
  view.addAction(save);
  if (view.isSortingEnabled()) {
    view.addAction(sortMenu(view)->menuAction());
  }
}

} // namespace halfstep
