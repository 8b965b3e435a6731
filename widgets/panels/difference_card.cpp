#include "widgets/panels/difference_card.h"

#include "core/support/units.h"
#include "widgets/panels/card.h"
#include "widgets/panels/table_actions.h"
#include "widgets/style/theme.h"
#include "widgets/viewmodels/plan_versions.h"
#include "widgets/viewmodels/sensitivity_model.h"

#include <QComboBox>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QSignalBlocker>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <limits>

namespace halfstep {

namespace {

constexpr std::size_t kTrials = 120;
constexpr int kLabelWidth = 24;
constexpr int kTitleWidth = 150; ///< pixels of a plan's name in the two boxes

} // namespace

DifferenceCard::DifferenceCard(Document& document, Selection& selection, TradeOff& tradeOff,
                               PlanComparison& comparison, QWidget* parent)
    : QWidget(parent)
    , m_document(document)
    , m_selection(selection)
    , m_tradeOff(tradeOff)
    , m_comparison(comparison)
    , m_from(new QComboBox)
    , m_to(new QComboBox)
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
  outer->addWidget(makeCard(makeCaption(tr("Difference of two plans")), content(), versionButtons()));
  connectParts();
  showEntries();
  showDifference();
}

QWidget* DifferenceCard::choices() {
  m_from->setObjectName(QStringLiteral("difference_from"));
  m_from->setAccessibleName(tr("From"));
  m_to->setObjectName(QStringLiteral("difference_to"));
  m_to->setAccessibleName(tr("To"));
  auto* row = new QWidget;
  auto* layout = new QHBoxLayout(row);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(kSpace);
  for (const auto& [title, box] : {std::pair(tr("&From"), m_from), std::pair(tr("&To"), m_to)}) {
    box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    box->setMinimumContentsLength(8);
    auto* label = new QLabel(title);
    label->setToolTip(box == m_from ? tr("The plan that the other one is compared with")
                                    : tr("The plan that is compared, and that the buttons below are about"));
    label->setBuddy(box);
    label->setMinimumWidth(kLabelWidth); // a two-letter word with a mnemonic is measured too narrow
    layout->addWidget(label);
    layout->addWidget(box, 1);
  }
  return row;
}

QWidget* DifferenceCard::versionButtons() {
  auto* row = new QWidget;
  auto* layout = new QHBoxLayout(row);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(kSpaceSmall);
  auto* save = new QPushButton(tr("Save version…"));
  save->setObjectName(QStringLiteral("difference_save_version"));
  save->setToolTip(tr("Keeps the present plan under a name, with what is known of it"));
  auto* all = new QPushButton(tr("Versions…"));
  all->setObjectName(QStringLiteral("difference_versions"));
  all->setToolTip(tr("The plans that were kept: restore, compare, rename, delete"));
  layout->addWidget(save);
  layout->addWidget(all);
  connect(save, &QPushButton::clicked, this, &DifferenceCard::saveVersionRequested);
  connect(all, &QPushButton::clicked, this, &DifferenceCard::versionsRequested);
  return row;
}

void DifferenceCard::makeTable() {
  m_table->setObjectName(QStringLiteral("trade_off_table"));
  m_table->setAccessibleName(tr("Difference of two plans"));
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
  m_apply->setToolTip(tr("Gives the layers the schemes of the second plan: one step back undoes it"));
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
  layout->addWidget(choices());
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
  connect(m_from, &QComboBox::activated, this, [this](int entry) {
    m_comparison.setFrom(m_comparison.entries()[static_cast<std::size_t>(entry)].choice);
  });
  connect(m_to, &QComboBox::activated, this, [this](int entry) {
    m_comparison.setTo(m_comparison.entries()[static_cast<std::size_t>(entry)].choice);
  });
  connect(m_apply, &QPushButton::clicked, &m_comparison, &PlanComparison::apply);
  connect(m_measureThis, &QPushButton::clicked, this, &DifferenceCard::measureTarget);
  connect(m_improve, &QPushButton::clicked, this, [this] { m_tradeOff.improveChosen(kTrials); });
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this](const QModelIndex& row) {
            const int layer = row.isValid() ? m_difference.layerAt(row.row()) : -1;
            if (layer >= 0) {
              m_selection.select({layer}, layer);
            }
          });
  connect(&m_comparison, &PlanComparison::entriesChanged, this, &DifferenceCard::showEntries);
  connect(&m_comparison, &PlanComparison::changed, this, &DifferenceCard::showDifferenceSoon);
}

void DifferenceCard::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (m_stale) {
    showDifference();
  }
}

void DifferenceCard::showDifferenceSoon() {
  m_stale = true;
  if (isVisible()) {
    showDifference();
  }
}

void DifferenceCard::measureTarget() {
  using Kind = PlanChoice::Kind;
  const PlanChoice& to = m_comparison.to();
  const bool named = to.kind != Kind::found && to.kind != Kind::saved;
  m_tradeOff.measurePlan(m_comparison.planOf(to),
                         to.kind == Kind::version   ? TradeOffPoint::Kind::version
                         : to.kind == Kind::present ? TradeOffPoint::Kind::present
                         : to.kind == Kind::uniform ? TradeOffPoint::Kind::uniform
                                                    : TradeOffPoint::Kind::frontier,
                         named ? m_comparison.titleOf(to) : QString());
}

void DifferenceCard::showEntries() {
  for (QComboBox* box : {m_from, m_to}) {
    const QSignalBlocker quiet(box);
    box->clear();
    for (const PlanComparison::Entry& entry : m_comparison.entries()) {
      box->addItem(box->fontMetrics().elidedText(entry.title, Qt::ElideMiddle, kTitleWidth));
      box->setItemData(box->count() - 1, QStringList{entry.title, entry.explanation}.join('\n'),
                       Qt::ToolTipRole);
    }
  }
}

void DifferenceCard::showButtons() {
  const bool version = m_comparison.to().kind == PlanChoice::Kind::version;
  const bool found = m_comparison.to().kind == PlanChoice::Kind::found;
  const bool measurable = m_tradeOff.space() && !m_tradeOff.measures();
  m_apply->setText(version ? tr("Restore") : tr("Apply"));
  m_apply->setEnabled(m_document.model() && m_comparison.canApply());
  m_measureThis->setEnabled(measurable);
  m_measureThis->setToolTip(m_tradeOff.space() ? tr("Runs the second plan on the samples of the sweep")
                                               : tr("Measure the sensitivities first"));
  m_improve->setEnabled(measurable && found);
}

void DifferenceCard::showGap() {
  const auto& space = m_tradeOff.space();
  m_gap->setVisible(space != nullptr);
  if (!space) {
    return;
  }
  double least = std::numeric_limits<double>::infinity();
  double most = 0.0;
  for (const TradeOffPoint& point : m_tradeOff.points()) {
    const double predicted = point.totals[0];
    const bool measured = point.source == TradeOffPoint::Source::measured;
    if (measured && !std::isnan(predicted) && predicted > 0.0 && point.damage.value > 0.0) {
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

QStringList DifferenceCard::measuredWords() const {
  QStringList words;
  const auto before = m_comparison.figuresOf(m_comparison.from());
  const auto after = m_comparison.figuresOf(m_comparison.to());
  if (before && after && planOriginText(*before) == planOriginText(*after)) {
    return {tr("measured %1 → %2 on %3")
                .arg(planFigureText(*before), planFigureText(*after), planOriginText(*after))};
  }
  for (const auto& [choice, figures] :
       {std::pair(m_comparison.from(), before), std::pair(m_comparison.to(), after)}) {
    if (figures) {
      words << tr("%1 measured %2 on %3")
                   .arg(m_comparison.titleOf(choice), planFigureText(*figures), planOriginText(*figures));
    }
  }
  return words;
}

void DifferenceCard::showDifference() {
  m_stale = false;
  const auto& entries = m_comparison.entries();
  for (const auto& [box, choice] :
       {std::pair(m_from, m_comparison.from()), std::pair(m_to, m_comparison.to())}) {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const auto& entry) { return entry.choice == choice; });
    box->setCurrentIndex(static_cast<int>(found - entries.begin()));
    box->setToolTip(box->currentData(Qt::ToolTipRole).toString());
  }
  showButtons();
  showGap();
  if (!m_document.model()) {
    m_difference.clear();
    m_summary->clear();
    return;
  }
  const Model& model = *m_document.model();
  const Plan from = m_comparison.planOf(m_comparison.from());
  const Plan to = m_comparison.planOf(m_comparison.to());
  const auto& space = m_tradeOff.space();
  m_difference.setPlans(model, from, to, space ? &space->space : nullptr);
  const auto bytes = [&](const Plan& plan) {
    return QString::fromStdString(formatBytes(plannedBytes(model, plan)));
  };
  QStringList words = {tr("%1 of %2 layers differ").arg(m_difference.layers()).arg(m_document.layerCount()),
                       QStringLiteral("%1 → %2").arg(bytes(from), bytes(to))};
  if (space) {
    const double before = space->space.quantitiesOf(model, from)[0];
    const double after = space->space.quantitiesOf(model, to)[0];
    words << tr("predicted damage %1 → %2").arg(cellText(before), cellText(after));
  }
  words << measuredWords();
  const bool found = m_comparison.to().kind == PlanChoice::Kind::found && m_tradeOff.chosen();
  if (const double gap = found ? m_tradeOff.chosen()->gap(space->space.problem) : std::nan("");
      std::isfinite(gap)) {
    words << (gap <= 1e-12
                  ? tr("optimal as predicted")
                  : tr("within %1 of the predicted optimum").arg(QString::fromStdString(formatShare(gap))));
  }
  m_summary->setText(words.join(QStringLiteral(" · ")));
}

} // namespace halfstep
