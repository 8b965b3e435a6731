#include "widgets/viewmodels/layers_model.h"

#include "core/quant/scheme_grammar.h"
#include "core/support/units.h"
#include "widgets/viewmodels/table_roles.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

/// Names come from files: a line break in one would take the next line of its cell.
QString onOneLine(QString text) {
  for (QChar& character : text) {
    if (character.category() == QChar::Other_Control) {
      character = QChar(QChar::ReplacementCharacter);
    }
  }
  return text;
}

} // namespace

QString operatorText(const Layer& layer) {
  QString text = QString::fromStdString(layer.op);
  const Shape& shape = layer.weight.shape();
  if (layer.op.find("Conv") != std::string::npos && shape.size() > 2) {
    QStringList kernel;
    for (std::size_t i = 2; i < shape.size(); ++i) {
      kernel << QString::number(shape[i]);
    }
    text += ' ' + kernel.join(QChar(0x00d7));
  }
  return text;
}

int sqnrJudgement(double sqnrDb) {
  constexpr double kGood = 30.0;
  constexpr double kPoor = 20.0;
  return sqnrDb >= kGood ? 1 : (sqnrDb >= kPoor ? 0 : -1);
}

LayersModel::LayersModel(Document& document, QObject* parent)
    : QAbstractTableModel(parent)
    , m_document(document) {
  connect(&document, &Document::modelChanged, this, [this] {
    beginResetModel();
    m_largest = 1;
    for (int i = 0; i < m_document.layerCount(); ++i) {
      m_largest = std::max(m_largest, m_document.layer(i).parameters());
    }
    endResetModel();
  });
  connect(&document, &Document::plansChanged, this, &LayersModel::changed);
  connect(&document, &Document::summariesChanged, this, &LayersModel::changed);
}

void LayersModel::setStrips(std::vector<std::vector<double>> shares, std::vector<QString> texts) {
  m_strips = std::move(shares);
  m_stripTexts = std::move(texts);
  if (rowCount() > 0) {
    emit dataChanged(index(0, sensitivityColumn), index(rowCount() - 1, sensitivityColumn));
  }
}

void LayersModel::changed(const std::vector<int>& layers) {
  if (!layers.empty()) {
    const auto [first, last] = std::minmax_element(layers.begin(), layers.end());
    emit dataChanged(index(*first, 0), index(*last, columnCountValue - 1));
  }
}

int LayersModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : m_document.layerCount();
}

int LayersModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : columnCountValue;
}

QVariant LayersModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) {
    return {};
  }
  const int row = index.row();
  switch (role) {
  case Qt::DisplayRole:
  case Qt::EditRole:
  case Qt::AccessibleTextRole:
    return textOf(row, index.column());
  case Qt::ToolTipRole:
    return tooltipOf(row, index.column());
  case Qt::TextAlignmentRole:
    return index.column() == sqnrColumn || index.column() == bitsColumn
               ? QVariant(Qt::AlignRight | Qt::AlignVCenter)
               : QVariant(Qt::AlignLeft | Qt::AlignVCenter);
  case sortRole:
    return sortValue(row, index.column());
  case kPlainRole:
    return plainValue(row, index.column());
  case operatorRole:
    return operatorText(m_document.layer(row));
  case stripRole: {
    QVariantList shares;
    if (static_cast<std::size_t>(row) < m_strips.size()) {
      for (const double share : m_strips[static_cast<std::size_t>(row)]) {
        shares << share;
      }
    }
    return shares;
  }
  case shareRole:
    return static_cast<double>(m_document.layer(row).parameters()) / static_cast<double>(m_largest);
  case judgementRole: {
    const LayerSummary* figures = m_document.summary(row);
    return figures == nullptr || std::isnan(figures->errors.sqnrDb())
               ? QVariant()
               : sqnrJudgement(figures->errors.sqnrDb());
  }
  default:
    return {};
  }
}

QVariant LayersModel::textOf(int row, int column) const {
  const Layer& layer = m_document.layer(row);
  const LayerSummary* figures = m_document.summary(row);
  switch (column) {
  case layerColumn:
    return onOneLine(QString::fromStdString(layer.name));
  case sizeColumn:
    return QString::fromStdString(formatShortCount(static_cast<std::int64_t>(layer.parameters())));
  case schemeColumn:
    return QString::fromStdString(printScheme(m_document.scheme(row)));
  case bitsColumn:
    return figures == nullptr ? QStringLiteral("…")
                              : QString::fromStdString(formatReal(figures->bitsPerWeight));
  case sqnrColumn:
    return figures == nullptr ? QStringLiteral("…")
                              : QString::fromStdString(formatReal(figures->errors.sqnrDb()));
  case operatorColumn:
    return operatorText(layer);
  default:
    return {};
  }
}

QVariant LayersModel::sortValue(int row, int column) const {
  const LayerSummary* figures = m_document.summary(row);
  switch (column) {
  case sizeColumn:
    return static_cast<qulonglong>(m_document.layer(row).parameters());
  case bitsColumn:
    return figures == nullptr ? 1e9 : figures->bitsPerWeight;
  case sqnrColumn:
    return figures == nullptr || std::isnan(figures->errors.sqnrDb()) ? 1e9 : figures->errors.sqnrDb();
  case sensitivityColumn: { // by the sum over the schemes
    double sum = 0.0;
    if (static_cast<std::size_t>(row) < m_strips.size()) {
      for (const double share : m_strips[static_cast<std::size_t>(row)]) {
        sum += std::max(share, 0.0);
      }
    }
    return sum;
  }
  default:
    return textOf(row, column);
  }
}

QVariant LayersModel::plainValue(int row, int column) const {
  const LayerSummary* figures = m_document.summary(row);
  switch (column) {
  case sizeColumn:
    return static_cast<qulonglong>(m_document.layer(row).parameters());
  case bitsColumn:
    return figures == nullptr ? QVariant(QString()) : figures->bitsPerWeight;
  case sqnrColumn:
    return figures == nullptr ? QVariant(QString()) : figures->errors.sqnrDb();
  case sensitivityColumn: { // the strip's figures, "int8: 0.0012; int4: 0.31"
    const QString text = tooltipOf(row, column);
    return text.section('\n', 1).replace('\n', QStringLiteral("; "));
  }
  default:
    return textOf(row, column);
  }
}

QString LayersModel::tooltipOf(int row, int column) const {
  const Layer& layer = m_document.layer(row);
  switch (column) {
  case sensitivityColumn:
    return static_cast<std::size_t>(row) < m_stripTexts.size() ? m_stripTexts[static_cast<std::size_t>(row)]
                                                               : QString();
  case layerColumn: {
    QString text = tr("%1\n%2 · weight %3 %4")
                       .arg(QString::fromStdString(layer.name), operatorText(layer),
                            QString::fromStdString(layer.weightName),
                            QString::fromStdString(shapeText(layer.weight.shape())));
    return layer.note.empty() ? text : text + '\n' + QString::fromStdString(layer.note);
  }
  case sizeColumn:
    return tr("%1 weights")
        .arg(QString::fromStdString(formatCount(static_cast<std::int64_t>(layer.parameters()))));
  case schemeColumn:
    return tr("%1\nDouble-click or F2 to edit: format[:mapping][:code "
              "range][:granularity][:range][:rounding]")
        .arg(textOf(row, column).toString());
  case bitsColumn:
    return tr("Bits per weight, with scales and zero points counted.");
  case sqnrColumn:
    return tr("Signal to quantization noise of the weights: 10·log₁₀(Σx² / Σ(x−x̂)²), in dB.\n"
              "A weight error, not the effect on the network's output.");
  default:
    return {};
  }
}

QVariant LayersModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= columnCountValue) {
    return {};
  }
  static const char* const kTitles[] = {QT_TR_NOOP("Layer"),   QT_TR_NOOP("Size"),    QT_TR_NOOP("Scheme"),
                                        QT_TR_NOOP("Bits"),    QT_TR_NOOP("SQNR dB"), QT_TR_NOOP("Output"),
                                        QT_TR_NOOP("Operator")};
  static const char* const kTips[] = {
      QT_TR_NOOP("A quantizable weight and the operation that uses it"),
      QT_TR_NOOP("Number of weights"),
      QT_TR_NOOP("Number format, mapping, granularity, range and method"),
      QT_TR_NOOP("Bits per weight, with scales and zero points counted"),
      QT_TR_NOOP("Signal to quantization noise of the weights, in decibel; higher is better"),
      QT_TR_NOOP("Sensitivity, measured: what this layer alone does to the output, one box per scheme of the "
                 "sweep; brighter is worse"),
      QT_TR_NOOP("What the model does with the weight, and the size of its windows")};
  if (role == kUnseenRole) {
    return section == operatorColumn;
  }
  if (role == kPlainRole && section == sizeColumn) {
    return tr("Weights");
  }
  if (role == Qt::DisplayRole) {
    return tr(kTitles[section]);
  }
  if (role == Qt::ToolTipRole) {
    return tr(kTips[section]);
  }
  if (role == Qt::TextAlignmentRole) {
    return section == sqnrColumn || section == bitsColumn ? QVariant(Qt::AlignRight | Qt::AlignVCenter)
                                                          : QVariant(Qt::AlignLeft | Qt::AlignVCenter);
  }
  return {};
}

Qt::ItemFlags LayersModel::flags(const QModelIndex& index) const {
  if (!index.isValid()) {
    return Qt::NoItemFlags;
  }
  const Qt::ItemFlags flags = QAbstractTableModel::flags(index) | Qt::ItemNeverHasChildren;
  return index.column() == schemeColumn ? flags | Qt::ItemIsEditable : flags;
}

bool LayersModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (role != Qt::EditRole || !index.isValid() || index.column() != schemeColumn) {
    return false;
  }
  const auto scheme = parseScheme(value.toString().trimmed().toLower().toStdString());
  const auto supported = scheme ? checkSupported(*scheme) : Result<void>(scheme.error());
  if (!supported) {
    emit schemeRejected(QString::fromStdString(supported.error().message()));
    return false;
  }
  m_document.setSchemes({index.row()}, *scheme);
  return true;
}

LayersProxyModel::LayersProxyModel(Document& document, LayersModel& layers, QObject* parent)
    : QSortFilterProxyModel(parent)
    , m_document(document) {
  setSourceModel(&layers);
  setSortRole(LayersModel::sortRole);
  setSortCaseSensitivity(Qt::CaseInsensitive);
  // Rows do not jump away while a person edits them; filter and order are renewed by setFilterText and
  // sort().
  setDynamicSortFilter(false);
  constexpr int kTogether = 100; // milliseconds
  m_judge.setSingleShot(true);
  m_judge.setInterval(kTogether);
  connect(&m_judge, &QTimer::timeout, this, &LayersProxyModel::judgeAgain);
  connect(&layers, &QAbstractItemModel::modelAboutToBeReset, this, &LayersProxyModel::forget);
  connect(&m_document, &Document::summariesChanged, this, [this](const std::vector<int>& changed) {
    const bool isAwaited = std::any_of(changed.begin(), changed.end(), [this](int layer) {
      const auto at = static_cast<std::size_t>(layer);
      return at < m_verdicts.size() && m_verdicts[at] == Verdict::open;
    });
    if (isAwaited && !m_filter.isEmpty() && !m_judge.isActive()) {
      m_judge.start();
    }
  });
}

void LayersProxyModel::judgeAgain() {
  invalidateFilter();
  emit refiltered();
}

void LayersProxyModel::forget() {
  m_verdicts.clear();
}

Result<void> LayersProxyModel::setFilterText(const QString& text) {
  HALFSTEP_TRY(m_filter, LayerFilter::parse(text));
  forget();
  invalidate();
  return {};
}

std::vector<int> LayersProxyModel::shownLayers() const {
  std::vector<int> layers;
  for (int row = 0; row < rowCount(); ++row) {
    layers.push_back(mapToSource(index(row, 0)).row());
  }
  return layers;
}

bool LayersProxyModel::filterAcceptsRow(int sourceRow, const QModelIndex&) const {
  const auto row = static_cast<std::size_t>(sourceRow);
  if (row >= m_verdicts.size()) {
    m_verdicts.resize(static_cast<std::size_t>(m_document.layerCount()), Verdict::open);
  }
  if (row >= m_verdicts.size()) {
    return false; // between two models
  }
  if (m_verdicts[row] == Verdict::open) {
    const bool matches = m_filter.matches(m_document, sourceRow);
    if (m_document.summary(sourceRow) == nullptr) {
      return matches;
    }
    m_verdicts[row] = matches ? Verdict::shown : Verdict::hidden;
  }
  return m_verdicts[row] == Verdict::shown;
}

} // namespace halfstep
