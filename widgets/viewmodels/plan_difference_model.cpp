#include "widgets/viewmodels/plan_difference_model.h"

#include "core/quant/scheme_grammar.h"
#include "core/support/units.h"
#include "widgets/viewmodels/sensitivity_model.h"
#include "widgets/viewmodels/table_roles.h"

#include <QFont>

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

QString signedText(const QString& magnitude, double value) {
  return (value < 0.0 ? QStringLiteral("−") : QStringLiteral("+")) + magnitude;
}

QString sizeText(double bytes) {
  return signedText(QString::fromStdString(formatBytes(static_cast<std::int64_t>(std::abs(bytes)))), bytes);
}

QString damageText(double damage) {
  return std::isnan(damage) ? QStringLiteral("–") : signedText(cellText(std::abs(damage)), damage);
}

} // namespace

QString shortSchemeText(const LayerPlan& plan) {
  QString text = QString::fromStdString(printLayerPlan(plan));
  text.replace(QLatin1String(":group"), QLatin1String(" g"));
  return text.replace(':', ' ');
}

void PlanDifferenceModel::setPlans(const Model& model, const Plan& from, const Plan& to,
                                   const SearchSpace* space) {
  beginResetModel();
  m_rows.clear();
  m_size = m_damage = 0.0;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerPlan& before = from.forLayer(model.layers[i].name);
    const LayerPlan& after = to.forLayer(model.layers[i].name);
    if (before == after) {
      continue;
    }
    Row row{static_cast<int>(i), QString::fromStdString(model.layers[i].name), before, after, 0.0, 0.0};
    row.size = plannedBytes(model.layers[i], after.weights) - plannedBytes(model.layers[i], before.weights);
    row.damage = space != nullptr ? space->damageOf(i, after) - space->damageOf(i, before) : std::nan("");
    m_size += row.size;
    m_damage += row.damage;
    m_rows.push_back(std::move(row));
  }
  std::stable_sort(m_rows.begin(), m_rows.end(), [](const Row& a, const Row& b) {
    const bool known = !std::isnan(a.damage) && !std::isnan(b.damage);
    return known ? std::abs(a.damage) > std::abs(b.damage) : std::abs(a.size) > std::abs(b.size);
  });
  endResetModel();
}

void PlanDifferenceModel::clear() {
  beginResetModel();
  m_rows.clear();
  endResetModel();
}

int PlanDifferenceModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() || m_rows.empty() ? 0 : layers() + 1;
}

int PlanDifferenceModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(columnCountValue);
}

QVariant PlanDifferenceModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) {
    return {};
  }
  if (role == Qt::TextAlignmentRole && index.column() >= sizeColumn) {
    return int(Qt::AlignRight | Qt::AlignVCenter);
  }
  if (index.row() == layers()) {
    return sumData(index.column(), role);
  }
  const Row& row = m_rows[static_cast<std::size_t>(index.row())];
  if (role == Qt::ToolTipRole && index.column() <= toColumn) {
    return index.column() == layerColumn  ? row.name
           : index.column() == fromColumn ? QString::fromStdString(printLayerPlan(row.from))
                                          : QString::fromStdString(printLayerPlan(row.to));
  }
  if (role == kPlainRole && index.column() < sizeColumn) {
    return {};
  }
  const bool sorting = role == sortRole || role == kPlainRole;
  if (role != Qt::DisplayRole && !sorting) {
    return {};
  }
  switch (index.column()) {
  case layerColumn:
    return sorting ? QVariant(row.layer) : QVariant(row.name);
  case fromColumn:
    return shortSchemeText(row.from);
  case toColumn:
    return shortSchemeText(row.to);
  case sizeColumn:
    return sorting ? QVariant(row.size) : QVariant(sizeText(row.size));
  case damageColumn:
    return sorting ? QVariant(row.damage) : QVariant(damageText(row.damage));
  default:
    return {};
  }
}

QVariant PlanDifferenceModel::sumData(int column, int role) const {
  if (role == Qt::FontRole) {
    QFont bold;
    bold.setBold(true);
    return bold;
  }
  if (role == kPlainRole && column < sizeColumn) {
    return {};
  }
  const bool sorting = role == sortRole || role == kPlainRole;
  if (role != Qt::DisplayRole && !sorting) {
    return {};
  }
  switch (column) {
  case layerColumn:
    return tr("Sum");
  case sizeColumn:
    return sorting ? QVariant(m_size) : QVariant(sizeText(m_size));
  case damageColumn:
    return sorting ? QVariant(m_damage) : QVariant(damageText(m_damage));
  default:
    return {};
  }
}

QVariant PlanDifferenceModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) {
    return {};
  }
  if (role == kPlainRole && section == sizeColumn) {
    return tr("Size, bytes");
  }
  if (role == Qt::DisplayRole) {
    static const QStringList titles = {tr("Layer"), tr("From"), tr("To"), tr("Size"), tr("Damage")};
    return titles.value(section);
  }
  if (role == Qt::ToolTipRole) {
    static const QStringList tips = {
        tr("The layers whose scheme differs"), tr("Its scheme in the first plan"),
        tr("Its scheme in the second plan"), tr("What the change adds to the size of the weights"),
        tr("What the change adds to the predicted damage: measured with this layer alone quantized")};
    return tips.value(section);
  }
  if (role == Qt::TextAlignmentRole) {
    return int((section >= sizeColumn ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
  }
  return {};
}

} // namespace halfstep
