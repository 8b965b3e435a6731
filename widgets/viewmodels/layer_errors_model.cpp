#include "widgets/viewmodels/layer_errors_model.h"

#include "core/quant/scheme_grammar.h"
#include "widgets/viewmodels/sensitivity_model.h"
#include "widgets/viewmodels/table_roles.h"

#include <cmath>

namespace halfstep {

void LayerErrorsModel::setView(std::shared_ptr<const ErrorsView> view) {
  const bool same = m_view && view && m_view->errors->layers == view->errors->layers;
  if (!same) {
    beginResetModel();
  }
  m_view = std::move(view);
  if (!same) {
    endResetModel();
  } else if (rowCount() > 0) {
    emit dataChanged(index(0, 0), index(rowCount() - 1, columnCountValue - 1));
  }
}

int LayerErrorsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() || !m_view ? 0 : static_cast<int>(m_view->errors->layers.size());
}

int LayerErrorsModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : columnCountValue;
}

double LayerErrorsModel::value(std::size_t layer, int column) const {
  const double isolated = m_view->isolated[layer].value;
  const double accumulated = m_view->accumulated[layer].value;
  switch (column) {
  case isolatedColumn:
    return isolated;
  case accumulatedColumn:
    return accumulated;
  case growthColumn: // how much of the error at this output came from before
    return std::isfinite(isolated) && std::isfinite(accumulated) ? isolated - accumulated : std::nan("");
  default:
    return std::nan("");
  }
}

QVariant LayerErrorsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || !m_view) {
    return {};
  }
  const auto layer = static_cast<std::size_t>(index.row());
  const std::string& name = m_view->errors->layers[layer];
  const bool isText = index.column() <= schemeColumn;
  const bool isMeasured = index.column() == isolatedColumn || index.column() == accumulatedColumn;
  if (role == Qt::ToolTipRole && isMeasured) {
    const auto& estimates = index.column() == isolatedColumn ? m_view->isolated : m_view->accumulated;
    const Estimate& estimate = estimates[layer];
    if (std::isfinite(estimate.low) && std::isfinite(estimate.high)) {
      return tr("%1 dB, 95 % interval %2 to %3")
          .arg(cellText(estimate.value), cellText(estimate.low), cellText(estimate.high));
    }
  }
  if (role == Qt::TextAlignmentRole) {
    return QVariant::fromValue(Qt::AlignVCenter | (isText ? Qt::AlignLeft : Qt::AlignRight));
  }
  if (role == Qt::ToolTipRole) {
    const QString why = QString::fromStdString(m_view->errors->left[layer]);
    return why.isEmpty() ? QString::fromStdString(name)
                         : QString::fromStdString(name) + QStringLiteral("\n") + why;
  }
  if (role == kPlainRole && !isText) {
    return value(layer, index.column());
  }
  if (role != Qt::DisplayRole && role != sortRole) {
    return {};
  }
  if (index.column() == layerColumn) {
    return role == sortRole ? QVariant(index.row()) : QVariant(QString::fromStdString(name));
  }
  if (index.column() == schemeColumn) {
    const LayerPlan& plan = m_view->plan.forLayer(name);
    QString text = QString::fromStdString(printScheme(plan.weights));
    if (plan.activations.scheme.format != NumberFormat::fp32) {
      text += QStringLiteral(" / ") + QString::fromStdString(printActivationScheme(plan.activations));
    }
    return text;
  }
  const double own = value(layer, index.column());
  if (role == sortRole) {
    return std::isnan(own) ? INFINITY : own;
  }
  return cellText(own);
}

QVariant LayerErrorsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) {
    return {};
  }
  static const char* const kTitles[] = {QT_TR_NOOP("Layer"), QT_TR_NOOP("Scheme"), QT_TR_NOOP("Isolated, dB"),
                                        QT_TR_NOOP("Accumulated, dB"), QT_TR_NOOP("Came before, dB")};
  static const char* const kTips[] = {
      QT_TR_NOOP("In the file's order"),
      QT_TR_NOOP("Weights / input of the layer in the plan that was measured"),
      QT_TR_NOOP("SQNR of this layer's output with this layer alone quantized: the error that is born here"),
      QT_TR_NOOP("SQNR of this layer's output with the whole plan: what has come together up to here"),
      QT_TR_NOOP("Isolated − accumulated: how much worse the output is for what came before this layer")};
  if (role == Qt::TextAlignmentRole) {
    return QVariant::fromValue(Qt::AlignVCenter | (section <= schemeColumn ? Qt::AlignLeft : Qt::AlignRight));
  }
  return role == Qt::DisplayRole ? QVariant(tr(kTitles[section]))
                                 : (role == Qt::ToolTipRole ? QVariant(tr(kTips[section])) : QVariant());
}

} // namespace halfstep
