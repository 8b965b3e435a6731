#include "widgets/panels/difference_card.h"

#include "core/support/units.h"
#include "widgets/panels/card.h"
#include "widgets/panels/table_actions.h"
#include "widgets/plots/trade_off_plot.h"
#include "widgets/style/theme.h"
#include "widgets/viewmodels/sensitivity_model.h"

#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>

#include <cmath>
#include <limits>

namespace halfstep {

namespace {

constexpr std::size_t kTrials = 120;

} // namespace

DifferenceCard::DifferenceCard(Document& document, Selection& selection, TradeOff& tradeOff, QWidget* parent)
    : QWidget(parent)
    , m_document(document)
    , m_selection(selection)
    , m_tradeOff(tradeOff)
    , m_summary(new QLabel)
    , m_table(new QTableView)
    , m_apply(new QPushButton(tr("Apply")))
    , m_measureThis(new QPushButton(tr("Measure this plan")))
    , m_improve(new QPushButton(tr("Improve")))
    , m_gap(new QLabel) {
  setObjectName(QStringLiteral("difference_card"));
  makeTable();
  auto* outer = new QVBoxLayout(this);
  outer->setContentsMargins(0, 0, 0, 0);
  outer->addWidget(makeCard(makeCaption(tr("Difference from the present plan")), content()));
  connectParts();
  showPoints();
}

void DifferenceCard::makeTable() {
  m_table->setObjectName(QStringLiteral("trade_off_table"));
  m_table->setAccessibleName(tr("Difference from the present plan"));
  m_table->setModel(&m_difference);
  makeRowTable(*m_table, 26);
  m_table->setSortingEnabled(false);
  m_table->setTextElideMode(Qt::ElideMiddle);
  m_table->horizontalHeader()->setSectionResizeMode(PlanDifferenceModel::layerColumn, QHeaderView::Stretch);
  m_table->setColumnWidth(PlanDifferenceModel::fromColumn, 92);
  m_table->setColumnWidth(PlanDifferenceModel::toColumn, 92);
  m_table->setColumnWidth(PlanDifferenceModel::sizeColumn, 76);
  m_table->setColumnWidth(PlanDifferenceModel::damageColumn, 76);
  addTableActions(*m_table, QStringLiteral("plan_difference"),
                  [this](const QString& what) { emit failed(what); });
}

QWidget* DifferenceCard::content() {
  m_summary->setObjectName(QStringLiteral("trade_off_summary"));
  m_summary->setWordWrap(true);
  m_summary->setProperty("role", "quiet");
  m_apply->setObjectName(QStringLiteral("trade_off_apply"));
  m_apply->setProperty("role", "primary");
  m_apply->setToolTip(tr("Gives the layers these schemes: one step back undoes it"));
  m_measureThis->setObjectName(QStringLiteral("trade_off_measure_this"));
  m_improve->setObjectName(QStringLiteral("trade_off_improve"));
  m_improve->setToolTip(
      tr("Solves exactly, then exchanges layers while the measured damage falls: at most %1 "
         "plans are run")
          .arg(kTrials));
  m_gap->setObjectName(QStringLiteral("trade_off_gap"));
  m_gap->setWordWrap(true);
  m_gap->setProperty("role", "quiet");
  auto* inside = new QWidget;
  auto* layout = new QVBoxLayout(inside);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(kSpace);
  layout->addWidget(m_summary);
  layout->addWidget(m_table, 1);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(m_apply);
  buttons->addWidget(m_measureThis);
  buttons->addWidget(m_improve);
  buttons->addStretch(1);
  layout->addLayout(buttons);
  layout->addWidget(m_gap);
  return inside;
}

void DifferenceCard::connectParts() {
  connect(m_apply, &QPushButton::clicked, &m_tradeOff, &TradeOff::apply);
  connect(m_measureThis, &QPushButton::clicked, &m_tradeOff, &TradeOff::measureChosen);
  connect(m_improve, &QPushButton::clicked, this, [this] { m_tradeOff.improveChosen(kTrials); });
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this](const QModelIndex& row) {
            if (row.isValid()) {
              const int layer = m_difference.layerAt(row.row());
              m_selection.select({layer}, layer);
            }
          });
  connect(&m_tradeOff, &TradeOff::spaceChanged, this, &DifferenceCard::showPoints);
  connect(&m_tradeOff, &TradeOff::pointsChanged, this, &DifferenceCard::showPoints);
  connect(&m_tradeOff, &TradeOff::chosenChanged, this, &DifferenceCard::showDifference);
  connect(&m_document, &Document::plansChanged, this, &DifferenceCard::showDifference);
}

void DifferenceCard::showPoints() {
  const bool ready = !m_tradeOff.measures() && m_tradeOff.chosen().has_value();
  m_measureThis->setEnabled(ready);
  m_improve->setEnabled(ready);
  showGap();
  showDifference();
}

void DifferenceCard::showGap() {
  const auto& space = m_tradeOff.space();
  if (!space) {
    return;
  }
  double least = std::numeric_limits<double>::infinity();
  double most = 0.0;
  for (const TradeOffPoint& point : m_tradeOff.points()) {
    const double predicted = point.totals[0];
    if (!std::isnan(predicted) && predicted > 0.0 && point.damage.value > 0.0) {
      least = std::min(least, point.damage.value / predicted);
      most = std::max(most, point.damage.value / predicted);
    }
  }
  QStringList words = {tr("Predicted: the sum of what every layer does alone, on %1 of %2.")
                           .arg(space->samples)
                           .arg(QString::fromStdString(space->origin.description))};
  if (space->origin.synthetic) {
    words << tr("The samples are drawn at random: open data for figures that mean something.");
  }
  if (most > 0.0) {
    words << tr("Measured plans have %1 to %2 times the predicted damage%3")
                 .arg(cellText(least), cellText(most),
                      most > 2.0 ? tr(": layers fail together; trust the circles.") : tr("."));
  }
  m_gap->setText(words.join(' '));
}

void DifferenceCard::showDifference() {
  const auto& space = m_tradeOff.space();
  const auto& chosen = m_tradeOff.chosen();
  m_apply->setEnabled(false);
  if (!space || !chosen || !m_document.model()) {
    m_difference.clear();
    m_summary->clear();
    return;
  }
  const Plan present = m_document.plan();
  const Plan plan = m_tradeOff.chosenPlan();
  m_difference.setPlans(*m_document.model(), present, plan, &space->space);
  const Quantities now = space->space.quantitiesOf(*m_document.model(), present);
  const TradeOffPoint* point = m_tradeOff.chosenPoint();
  QStringList words = {
      tr("%1 of %2 layers change").arg(m_difference.rowCount()).arg(m_document.layerCount()),
      QStringLiteral("%1 → %2").arg(quantityText(PlanQuantity::size, now[1]),
                                    quantityText(PlanQuantity::size, chosen->totals[1])),
      std::isnan(now[0]) ? tr("predicted damage %1").arg(cellText(chosen->totals[0]))
                         : tr("predicted damage %1 → %2").arg(cellText(now[0]), cellText(chosen->totals[0]))};
  if (point != nullptr) {
    words << (std::isnan(point->damage.low)
                  ? tr("measured %1").arg(cellText(point->damage.value))
                  : tr("measured %1 (%2 to %3)")
                        .arg(cellText(point->damage.value), cellText(point->damage.low),
                             cellText(point->damage.high)));
  }
  if (const double gap = chosen->gap(space->space.problem); std::isfinite(gap)) {
    words << (gap <= 1e-12
                  ? tr("optimal as predicted")
                  : tr("within %1 of the predicted optimum").arg(QString::fromStdString(formatShare(gap))));
  }
  m_summary->setText(words.join(QStringLiteral(" · ")));
  m_apply->setEnabled(m_difference.rowCount() > 0);
}

} // namespace halfstep
