#include "widgets/viewmodels/sensitivity_model.h"

#include "core/quant/scheme_grammar.h"
#include "core/support/units.h"
#include "widgets/viewmodels/table_roles.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

QString cellText(double value) {
  if (std::isnan(value)) {
    return QStringLiteral("–");
  }
  if (std::isinf(value)) {
    return value > 0.0 ? QStringLiteral("∞") : QStringLiteral("−∞");
  }
  return QString::fromStdString(formatReal(value));
}

QString metricTitle(OutputMetric metric) {
  switch (metric) {
  case OutputMetric::kl:
    return SensitivityModel::tr("KL divergence");
  case OutputMetric::sqnr:
    return SensitivityModel::tr("Output SQNR");
  case OutputMetric::relativeError:
    return SensitivityModel::tr("Relative output error");
  case OutputMetric::mse:
    return SensitivityModel::tr("Output MSE");
  case OutputMetric::cosine:
    return SensitivityModel::tr("Output cosine");
  case OutputMetric::top1:
    return SensitivityModel::tr("Top-1 agreement");
  case OutputMetric::top5:
    return SensitivityModel::tr("Top-5 agreement");
  case OutputMetric::accuracy:
    return SensitivityModel::tr("Accuracy");
  case OutputMetric::floatAccuracy:
    return SensitivityModel::tr("Float accuracy");
  case OutputMetric::perplexity:
    return SensitivityModel::tr("Perplexity");
  case OutputMetric::floatPerplexity:
    return SensitivityModel::tr("Float perplexity");
  }
  return {};
}

QString metricUnit(OutputMetric metric) {
  switch (metric) {
  case OutputMetric::kl:
    return SensitivityModel::tr("nats");
  case OutputMetric::sqnr:
    return SensitivityModel::tr("dB");
  default:
    return {};
  }
}

SensitivityModel::SensitivityModel(QObject* parent)
    : QAbstractTableModel(parent) {}

int SensitivityModel::schemeCount() const {
  return m_view ? static_cast<int>(m_view->sweep->schemes.size()) : 0;
}

void SensitivityModel::setView(std::shared_ptr<const SweepView> view) {
  const bool same = m_view && view && m_view->sweep->schemes == view->sweep->schemes &&
                    m_view->sweep->activations == view->sweep->activations &&
                    m_view->sweep->layers == view->sweep->layers;
  if (same) {
    m_view = std::move(view);
    measureExtent();
    if (rowCount() > 0) {
      emit dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
    }
    return;
  }
  beginResetModel();
  m_view = std::move(view);
  // The bars start with the scheme in the middle: neither all short nor all long.
  m_scheme = schemeCount() / 2;
  measureExtent();
  endResetModel();
}

void SensitivityModel::setFigure(Figure figure) {
  m_figure = figure;
  measureExtent();
  if (rowCount() > 0) {
    emit dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
    emit headerDataChanged(Qt::Horizontal, 0, columnCount() - 1);
  }
}

void SensitivityModel::setScheme(int scheme) {
  if (scheme == m_scheme || scheme < 0 || scheme >= schemeCount()) {
    return;
  }
  m_scheme = scheme;
  measureExtent();
  emit dataChanged(index(0, barColumn()), index(rowCount() - 1, barColumn()));
  emit headerDataChanged(Qt::Horizontal, barColumn(), barColumn());
}

double SensitivityModel::value(int layer, int scheme) const {
  const auto cell =
      static_cast<std::size_t>(layer) * m_view->sweep->schemes.size() + static_cast<std::size_t>(scheme);
  if (m_figure == Figure::measured) {
    return m_view->estimates[cell].value;
  }
  if (m_figure == Figure::fisher) {
    return m_view->fisher ? m_view->fisher->values[cell] : std::nan("");
  }
  return cell < m_view->screening.size() ? m_view->screening[cell] : std::nan("");
}

double SensitivityModel::damage(int layer, int scheme) const {
  const double own = value(layer, scheme);
  return betterWhenLarger() ? -own : own;
}

void SensitivityModel::measureExtent() {
  m_least = INFINITY;
  m_most = -INFINITY;
  m_barMost = 0.0;
  for (int layer = 0; layer < rowCount(); ++layer) {
    for (int scheme = 0; scheme < schemeCount(); ++scheme) {
      const double own = value(layer, scheme);
      if (std::isfinite(own)) {
        m_least = std::min(m_least, own);
        m_most = std::max(m_most, own);
      }
    }
    const double own = value(layer, m_scheme);
    const double high = m_figure == Figure::measured ? barEstimate(layer).high : own;
    m_barMost = std::max({m_barMost, std::isfinite(own) ? own : 0.0, std::isfinite(high) ? high : 0.0});
  }
  if (m_least > m_most) {
    m_least = m_most = 0.0;
  }
}

bool SensitivityModel::betterWhenLarger() const {
  return m_view && m_figure == Figure::measured && isBetterWhenLarger(m_view->sweep->metric);
}

bool SensitivityModel::isLinear() const {
  return m_least < 0.0 || betterWhenLarger();
}

double SensitivityModel::colorFloor() const {
  constexpr double kDecades = 1e-6;
  return isLinear() ? m_least : std::max(m_least, m_most * kDecades);
}

double SensitivityModel::shareOf(int layer, int scheme) const {
  const double own = value(layer, scheme);
  if (!std::isfinite(own)) {
    return own > 0.0 ? 1.0 : std::nan("");
  }
  if (isLinear()) { // decibels and shares, turned round
    const double span = m_most - m_least;
    const double place = span > 0.0 ? (own - m_least) / span : 0.5;
    return betterWhenLarger() ? 1.0 - place : place;
  }
  const double floor = colorFloor();
  if (own <= floor || m_most <= floor) {
    return 0.0;
  }
  return std::log(own / floor) / std::log(m_most / floor);
}

QString SensitivityModel::figureTitle() const {
  if (m_figure == Figure::weightError) {
    return tr("relative squared error of the weights (not a sensitivity)");
  }
  if (m_figure == Figure::fisher) {
    return m_view && m_view->fisher
               ? tr("Fisher estimate of the %1 (not measured)").arg(metricTitle(m_view->fisher->metric))
               : tr("no Fisher estimate");
  }
  if (!m_view) {
    return {};
  }
  const QString unit = metricUnit(m_view->sweep->metric);
  const QString title = tr("%1, one layer quantized at a time").arg(metricTitle(m_view->sweep->metric));
  return unit.isEmpty() ? title : title + QStringLiteral(", ") + unit;
}

int SensitivityModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() || !m_view ? 0 : static_cast<int>(m_view->sweep->layers.size());
}

int SensitivityModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() || !m_view ? 0 : schemeCount() + 2;
}

const Estimate& SensitivityModel::barEstimate(int layer) const {
  return m_view->estimates[static_cast<std::size_t>(layer) * m_view->sweep->schemes.size() +
                           static_cast<std::size_t>(m_scheme)];
}

QVariant SensitivityModel::barData(int layer, int role) const {
  const Estimate& estimate = barEstimate(layer);
  const auto scaled = [&](double figure) -> QVariant {
    if (!std::isfinite(figure)) {
      return {};
    }
    return m_barMost > 0.0 ? std::clamp(figure / m_barMost, 0.0, 1.0) : 0.0;
  };
  switch (role) {
  case barRole:
    return scaled(value(layer, m_scheme));
  case barLowRole:
    return m_figure == Figure::measured ? scaled(estimate.low) : QVariant();
  case barHighRole:
    return m_figure == Figure::measured ? scaled(estimate.high) : QVariant();
  case tiedRole: {
    if (m_figure != Figure::measured || m_view->reliabilities.empty()) {
      return false;
    }
    const RankingReliability& ranking = m_view->reliabilities[static_cast<std::size_t>(m_scheme)];
    const auto place = std::find(ranking.order.begin(), ranking.order.end(), static_cast<std::size_t>(layer));
    return place != ranking.order.end() &&
           ranking.tied[static_cast<std::size_t>(place - ranking.order.begin())];
  }
  default:
    return {};
  }
}

QString SensitivityModel::tooltipOf(int layer, int scheme) const {
  const auto row = static_cast<std::size_t>(layer);
  const Sensitivity& sweep = *m_view->sweep;
  const QString name = QString::fromStdString(sweep.layers[row]);
  if (m_figure == Figure::fisher && m_view->fisher && !m_view->fisher->left[row].empty()) {
    return name + QStringLiteral("\n") +
           tr("no Fisher estimate: %1").arg(QString::fromStdString(m_view->fisher->left[row]));
  }
  if (!sweep.left[row].empty()) {
    return name + QStringLiteral("\n") + tr("not measured: %1").arg(QString::fromStdString(sweep.left[row]));
  }
  if (scheme < 0 || scheme >= schemeCount()) {
    return name;
  }
  const auto column = static_cast<std::size_t>(scheme);
  const Estimate& estimate = m_view->estimates[row * sweep.schemes.size() + column];
  const auto& samples = sweep.cell(row, column).samples;
  QString text = tr("%1 at %2").arg(name, QString::fromStdString(printLayerPlan(sweep.candidate(column))));
  if (samples.empty()) {
    return text + QStringLiteral("\n") + tr("not measured yet");
  }
  text += QStringLiteral("\n%1 %2 %3")
              .arg(metricTitle(sweep.metric), cellText(estimate.value), metricUnit(sweep.metric));
  if (!std::isnan(estimate.low)) {
    text += tr(" (95 %: %1 to %2)").arg(cellText(estimate.low), cellText(estimate.high));
  }
  if (m_view->fisher) {
    const double estimated = m_view->fisher->value(row, column);
    text += QStringLiteral("\n") +
            tr("Fisher estimate %1 %2").arg(cellText(estimated), metricUnit(m_view->fisher->metric));
  }
  return text + QStringLiteral("\n") + tr("samples: %1").arg(samples.size());
}

QVariant SensitivityModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || !m_view) {
    return {};
  }
  const int layer = index.row();
  const int scheme = index.column() - 1;
  if (role == Qt::ToolTipRole) {
    return tooltipOf(layer, index.column() == barColumn() ? m_scheme : scheme);
  }
  if (index.column() == 0) {
    const QString name = QString::fromStdString(m_view->sweep->layers[static_cast<std::size_t>(layer)]);
    return role == Qt::DisplayRole || role == sortRole ? QVariant(name) : QVariant();
  }
  const int shown = index.column() == barColumn() ? m_scheme : scheme;
  if (role == sortRole) {
    const double own = damage(layer, shown);
    return std::isnan(own) ? -INFINITY : own;
  }
  if (role == Qt::DisplayRole) {
    return cellText(value(layer, shown));
  }
  if (role == kPlainRole) {
    return value(layer, shown);
  }
  if (index.column() == barColumn()) {
    return barData(layer, role);
  }
  if (role == shareRole) {
    const double share = shareOf(layer, scheme);
    return std::isnan(share) ? QVariant() : QVariant(share);
  }
  return {};
}

QVariant SensitivityModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || !m_view) {
    return {};
  }
  const auto schemeText = [&](int scheme) {
    return QString::fromStdString(printLayerPlan(m_view->sweep->candidate(static_cast<std::size_t>(scheme))));
  };
  if (role == Qt::ToolTipRole && section > 0 && section <= schemeCount()) {
    return tr("Every layer alone at %1. Click to sort.").arg(schemeText(section - 1));
  }
  if (role == Qt::TextAlignmentRole && (section == 0 || section == barColumn())) {
    return QVariant::fromValue(Qt::AlignVCenter | Qt::AlignLeft);
  }
  if (role != Qt::DisplayRole) {
    return {};
  }
  if (section == 0) {
    return tr("Layer");
  }
  if (section == barColumn()) {
    switch (m_figure) {
    case Figure::measured:
      return tr("%1 at %2 (line: 95 % interval)")
          .arg(metricTitle(m_view->sweep->metric), schemeText(m_scheme));
    case Figure::fisher:
      return tr("Fisher estimate at %1").arg(schemeText(m_scheme));
    case Figure::weightError:
      return tr("Weight error at %1").arg(schemeText(m_scheme));
    }
  }
  return schemeText(section - 1);
}

} // namespace halfstep
