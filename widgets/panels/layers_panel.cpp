#include "widgets/panels/layers_panel.h"

#include "widgets/panels/layer_delegate.h"
#include "widgets/panels/table_actions.h"
#include "widgets/style/theme.h"

#include <QHeaderView>
#include <QLabel>
#include <QStyle>
#include <QVBoxLayout>

namespace halfstep {

namespace {

constexpr int kBitsWidth = 44; ///< pixels; the other columns share the rest
constexpr int kSqnrWidth = 68;
constexpr int kSizeWidth = 62;
constexpr int kStripWidth = 70;

/// Opens up what the view knows about the width that its visible rows want.
class LayersTable : public QTableView {
public:
  using QTableView::QTableView;
  using QTableView::sizeHintForColumn;
};

} // namespace

LayersPanel::LayersPanel(Document& document, Selection& selection, QWidget* parent)
    : QWidget(parent)
    , m_document(document)
    , m_selection(selection)
    , m_model(document)
    , m_proxy(document, m_model)
    , m_filter(new QLineEdit(this))
    , m_count(new QLabel(this))
    , m_table(new LayersTable(this)) {
  setObjectName(QStringLiteral("layers_panel"));
  setAutoFillBackground(true);
  setBackgroundRole(QPalette::Base);
  m_filter->setObjectName(QStringLiteral("layers_filter"));
  m_filter->setAccessibleName(tr("Filter layers"));
  m_filter->setPlaceholderText(tr("Filter: name, op:Conv, sqnr<20, params>1e5"));
  m_filter->setClearButtonEnabled(true);
  m_filter->setToolTip(
      tr("Words are looked for in the names; /…/ is a regular expression.\n"
         "op:Conv*  scheme:int4*  sqnr<20  params>1e5  bits<=4  size>1e6  clipped>0  mse>1e-4  "
         "channels=64\nAll parts must hold."));
  m_count->setProperty("role", "quiet");
  m_count->setObjectName(QStringLiteral("layers_count"));
  m_table->setObjectName(QStringLiteral("layers_table"));
  m_table->setAccessibleName(tr("Layers"));
  m_table->setModel(&m_proxy);
  m_table->setItemDelegate(new LayerDelegate(m_table));
  m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
  m_table->setSelectionMode(QAbstractItemView::ExtendedSelection);
  m_table->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::EditKeyPressed);
  m_table->setShowGrid(false);
  m_table->setSortingEnabled(true);
  m_table->horizontalHeader()->setSortIndicator(-1, Qt::AscendingOrder); // the model's own order first
  m_table->horizontalHeader()->setSortIndicatorClearable(true);
  m_table->horizontalHeader()->setHighlightSections(false);
  m_table->horizontalHeader()->setMinimumSectionSize(36);
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  m_table->verticalHeader()->setDefaultSectionSize(LayerDelegate::kRowHeight);
  m_table->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_table->setContextMenuPolicy(Qt::ActionsContextMenu);
  m_table->setTabKeyNavigation(false);
  addTableActions(*m_table, QStringLiteral("layers"),
                  [this](const QString& message) { emit failed(message); });

  auto* top = new QVBoxLayout;
  top->setContentsMargins(kSpace, kSpace, kSpace, kSpaceSmall);
  top->setSpacing(kSpaceSmall);
  top->addWidget(m_filter);
  top->addWidget(m_count);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addLayout(top);
  layout->addWidget(m_table);

  connect(m_table->horizontalHeader(), &QHeaderView::sectionResized, this,
          [this] { m_columnsChosen = m_columnsChosen || !m_layingOut; });
  connect(m_filter, &QLineEdit::textChanged, this, &LayersPanel::applyFilter);
  connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this,
          &LayersPanel::writeSelection);
  connect(m_table->selectionModel(), &QItemSelectionModel::currentChanged, this,
          &LayersPanel::writeSelection);
  connect(&m_document, &Document::plansChanged, this, &LayersPanel::layOutColumns);
  connect(&m_selection, &Selection::layersChanged, this, &LayersPanel::readSelection);
  connect(&m_model, &LayersModel::schemeRejected, this, &LayersPanel::failed);
  connect(&m_proxy, &QAbstractItemModel::modelReset, this, [this] {
    layOutColumns();
    updateCount();
  });
  connect(&m_proxy, &LayersProxyModel::refiltered, this, [this] {
    updateCount();
    readSelection();
  });
  updateCount();
}

void LayersPanel::showSweep(std::shared_ptr<const SweepView> sweep) {
  SensitivityModel cells;
  cells.setView(sweep);
  std::vector<std::vector<double>> shares;
  std::vector<QString> texts;
  for (int layer = 0; layer < cells.rowCount(); ++layer) {
    shares.emplace_back();
    QStringList lines;
    for (int scheme = 1; scheme <= cells.schemeCount(); ++scheme) {
      const QModelIndex cell = cells.index(layer, scheme);
      const QVariant share = cell.data(SensitivityModel::shareRole);
      shares.back().push_back(share.isValid() ? share.toDouble() : -1.0);
      lines << cells.headerData(scheme, Qt::Horizontal, Qt::DisplayRole).toString() + QStringLiteral(": ") +
                   cell.data().toString();
    }
    texts.push_back(cells.figureTitle() + '\n' + lines.join('\n'));
  }
  m_hasSweep = sweep != nullptr;
  m_model.setStrips(std::move(shares), std::move(texts));
  layOutColumns();
}

void LayersPanel::focusFilter() {
  m_filter->setFocus(Qt::ShortcutFocusReason);
  m_filter->selectAll();
}

void LayersPanel::applyFilter(const QString& text) {
  m_updating = true; // rows that disappear are deselected; that is no choice of a person's
  const auto applied = m_proxy.setFilterText(text);
  m_updating = false;
  m_filter->setProperty("invalid", !applied.has_value());
  m_filter->style()->unpolish(m_filter);
  m_filter->style()->polish(m_filter);
  updateCount();
  if (!applied) {
    m_count->setText(QString::fromStdString(applied.error().what));
  }
  readSelection();
}

void LayersPanel::updateCount() {
  const int shown = m_proxy.rowCount();
  const int all = m_model.rowCount();
  m_count->setText(shown != all ? tr("%1 of %2 layers").arg(shown).arg(all)
                   : all == 1   ? tr("1 layer")
                                : tr("%1 layers").arg(all));
}

void LayersPanel::writeSelection() {
  if (m_updating) {
    return;
  }
  std::vector<int> layers;
  for (const QModelIndex& index : m_table->selectionModel()->selectedRows()) {
    layers.push_back(m_proxy.mapToSource(index).row());
  }
  const QModelIndex current = m_table->selectionModel()->currentIndex();
  int currentLayer = current.isValid() ? m_proxy.mapToSource(current).row() : -1;
  if (std::find(layers.begin(), layers.end(), currentLayer) == layers.end()) {
    currentLayer = layers.empty() ? -1 : layers.back();
  }
  m_updating = true;
  m_selection.select(std::move(layers), currentLayer);
  m_updating = false;
}

void LayersPanel::readSelection() {
  if (m_updating) {
    return;
  }
  m_updating = true;
  std::vector<int> shown;
  for (const int layer : m_selection.layers()) {
    const QModelIndex index = m_proxy.mapFromSource(m_model.index(layer, 0));
    if (index.isValid()) {
      shown.push_back(index.row());
    }
  }
  std::sort(shown.begin(), shown.end());
  QItemSelection rows; // as few ranges as possible: the view walks through all of them for every cell
  for (std::size_t first = 0; first < shown.size();) {
    std::size_t last = first;
    while (last + 1 < shown.size() && shown[last + 1] == shown[last] + 1) {
      ++last;
    }
    rows.select(m_proxy.index(shown[first], 0),
                m_proxy.index(shown[last], LayersModel::columnCountValue - 1));
    first = last + 1;
  }
  m_table->selectionModel()->select(rows, QItemSelectionModel::ClearAndSelect);
  if (m_selection.currentLayer() >= 0) {
    const QModelIndex current = m_proxy.mapFromSource(m_model.index(m_selection.currentLayer(), 0));
    if (current.isValid()) {
      m_table->selectionModel()->setCurrentIndex(current, QItemSelectionModel::NoUpdate);
      m_table->scrollTo(current);
    }
  }
  m_updating = false;
}

void LayersPanel::layOutColumns() {
  m_layingOut = true;
  m_table->setColumnHidden(LayersModel::sensitivityColumn, !m_hasSweep);
  m_table->setColumnHidden(LayersModel::operatorColumn, true);
  if (!m_columnsChosen) {
    shareWidth();
  } else if (m_hasSweep && m_table->columnWidth(LayersModel::sensitivityColumn) < kStripWidth) {
    m_table->setColumnWidth(LayersModel::sensitivityColumn, kStripWidth);
  }
  m_layingOut = false;
}

void LayersPanel::shareWidth() {
  // Names and schemes share what the figures leave; nothing is squeezed below what can be read.
  const int strip = m_hasSweep ? kStripWidth : 0;
  const auto* table = static_cast<const LayersTable*>(m_table);
  const int rest = std::max(180, m_table->viewport()->width() - kBitsWidth - kSqnrWidth - kSizeWidth - strip);
  const int wanted = std::max(70, table->sizeHintForColumn(LayersModel::schemeColumn));
  const int names = table->sizeHintForColumn(LayersModel::layerColumn);
  const int scheme =
      names + wanted <= rest ? wanted + (rest - names - wanted) / 3 : std::min(wanted, rest * 45 / 100);
  m_table->setColumnWidth(LayersModel::layerColumn, rest - scheme);
  m_table->setColumnWidth(LayersModel::sizeColumn, kSizeWidth);
  m_table->setColumnWidth(LayersModel::schemeColumn, scheme);
  m_table->setColumnWidth(LayersModel::bitsColumn, kBitsWidth);
  m_table->setColumnWidth(LayersModel::sqnrColumn, kSqnrWidth);
  if (m_hasSweep) {
    m_table->setColumnWidth(LayersModel::sensitivityColumn, strip);
  }
}

QByteArray LayersPanel::columns() const {
  QByteArrayList widths;
  for (int column = 0; m_columnsChosen && column < LayersModel::columnCountValue; ++column) {
    widths << QByteArray::number(m_table->columnWidth(column));
  }
  return widths.join(',');
}

void LayersPanel::restoreColumns(const QByteArray& columns) {
  const QByteArrayList widths = columns.split(',');
  if (widths.size() != LayersModel::columnCountValue) {
    return;
  }
  m_layingOut = true;
  for (int column = 0; column < LayersModel::columnCountValue; ++column) {
    if (const int width = widths[column].toInt(); width > 0) { // hidden columns are of no width
      m_table->setColumnWidth(column, width);
    }
  }
  m_layingOut = false;
  m_columnsChosen = true;
}

void LayersPanel::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  layOutColumns();
}

void LayersPanel::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  layOutColumns();
}

} // namespace halfstep
