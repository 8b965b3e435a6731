#include "widgets/panels/trade_off_panel.h"

#include "core/support/units.h"
#include "widgets/panels/card.h"
#include "widgets/panels/difference_card.h"
#include "widgets/panels/search_rules_button.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/plots/trade_off_plot.h"
#include "widgets/style/theme.h"
#include "widgets/viewmodels/sensitivity_model.h"

#include <QEvent>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSlider>
#include <QStackedWidget>
#include <QVBoxLayout>

#include <cmath>

namespace halfstep {

namespace {

constexpr int kSteps = 1000;
constexpr std::size_t kSamples = 16;
const QString kCandidateSchemes =
    QStringLiteral("int8, int6:mse, int5:mse, int4:mse, int4:group64:mse, int3:group64:mse");

/// Bits per weight of the presets.
double presetBits(const QString& name) {
  return name == QLatin1String("quality") ? 6.0 : name == QLatin1String("balanced") ? 4.5 : 3.5;
}

std::optional<OutputMetric> upMetric(const QString& value) {
  return metricFromName(value.toStdString());
}

} // namespace

TradeOffPanel::TradeOffPanel(Document& document, Selection& selection, NetworkAnalysis& analysis,
                             TradeOff& tradeOff, PlanComparison& comparison, QWidget* parent)
    : QWidget(parent)
    , m_document(document)
    , m_analysis(analysis)
    , m_tradeOff(tradeOff)
    , m_comparison(comparison)
    , m_across(new SegmentedControl(QStringLiteral("trade_off_across"), tr("Across"), 3))
    , m_up(new SegmentedControl(QStringLiteral("trade_off_up"), tr("Up"), 4))
    , m_presets(new SegmentedControl(QStringLiteral("trade_off_presets"), tr("Presets"), 3))
    , m_rules(new SearchRulesButton(document, selection, tradeOff))
    , m_plot(new TradeOffPlot(tradeOff))
    , m_legend(new QLabel)
    , m_slider(new QSlider(Qt::Horizontal))
    , m_budget(new QLabel)
    , m_measure(new QPushButton(tr("Measure plans")))
    , m_empty(new QLabel)
    , m_schemes(new QLineEdit(kCandidateSchemes))
    , m_start(new QPushButton(tr("Measure the sensitivities")))
    , m_difference(new DifferenceCard(document, selection, tradeOff, comparison))
    , m_content(new QStackedWidget) {
  setObjectName(QStringLiteral("trade_off_panel"));
  m_content->addWidget(emptyPage());
  m_content->addWidget(plotCard());
  m_controls = controls();
  auto* columns = new QHBoxLayout;
  columns->setSpacing(kSpace);
  columns->addWidget(m_content, 13);
  columns->addWidget(m_difference, 9);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(kSpaceLarge, kSpace, kSpaceLarge, kSpace);
  layout->setSpacing(kSpace);
  layout->addWidget(m_controls);
  layout->addLayout(columns, 1);
  connectParts();
  showSpace();
}

QWidget* TradeOffPanel::controls() {
  m_across->setChoices(
      {{tr("Size"), QStringLiteral("size"), tr("Bytes of the weights, scales counted")},
       {tr("Latency"), QStringLiteral("latency"), tr("Time of the layers as measured on the Latency page")},
       {tr("BOPs"), QStringLiteral("bops"),
        tr("Bit operations: multiply-accumulates × bits of the weights × bits of the inputs")}});
  m_across->setCurrentValue(QStringLiteral("size"));
  m_up->setChoices(
      {{tr("Damage"), QStringLiteral("damage"),
        tr("What the sweep measured: KL divergence where the output is a distribution, otherwise the "
           "relative error. The only figure that can be predicted")},
       {tr("Agreement"), QStringLiteral("top1"),
        tr("Share of rows with the float network's class; measured plans only")},
       {tr("Accuracy"), QStringLiteral("accuracy"), tr("Against the labels; measured plans only")},
       {tr("SQNR"), QStringLiteral("sqnr"), tr("Of the outputs, in dB; measured plans only")}});
  m_up->setCurrentValue(QStringLiteral("damage"));
  auto* bar = new QWidget;
  auto* layout = new QHBoxLayout(bar);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(kSpace);
  layout->addWidget(m_across);
  layout->addWidget(m_up);
  layout->addSpacing(kSpaceSmall);
  layout->addWidget(m_rules);
  layout->addStretch(1);
  layout->addWidget(m_presets);
  return bar;
}

QWidget* TradeOffPanel::plotCard() {
  constexpr int kLegendWidth = 240; // on a narrow window it goes on in a second line
  m_legend->setProperty("role", "caption");
  m_legend->setWordWrap(true);
  m_legend->setMinimumWidth(kLegendWidth);
  m_legend->setTextFormat(Qt::RichText);
  m_slider->setObjectName(QStringLiteral("trade_off_budget"));
  m_slider->setAccessibleName(tr("Budget"));
  m_slider->setRange(0, kSteps);
  m_slider->setPageStep(kSteps / 20);
  m_slider->setToolTip(tr("The budget: the best plan within it is found while this moves"));
  m_budget->setObjectName(QStringLiteral("trade_off_budget_text"));
  m_budget->setTextFormat(Qt::RichText);
  m_budget->setMinimumWidth(190);
  m_budget->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  m_measure->setObjectName(QStringLiteral("trade_off_measure"));
  m_measure->setToolTip(
      tr("Runs whole plans: some along the line, every layer the same, and the present plan"));
  auto* inside = new QWidget;
  auto* layout = new QVBoxLayout(inside);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->addWidget(m_plot, 1);
  auto* below = new QHBoxLayout;
  below->addWidget(new QLabel(tr("Budget")));
  below->addWidget(m_slider, 1);
  below->addWidget(m_budget);
  layout->addLayout(below);
  return makeCard(m_legend, inside, m_measure);
}

QWidget* TradeOffPanel::emptyPage() {
  m_empty->setObjectName(QStringLiteral("trade_off_empty"));
  m_empty->setAlignment(Qt::AlignCenter);
  m_empty->setWordWrap(true);
  m_empty->setProperty("role", "quiet");
  m_schemes->setObjectName(QStringLiteral("trade_off_schemes"));
  m_schemes->setAccessibleName(tr("Schemes to choose from"));
  m_schemes->setMaximumWidth(560);
  m_schemes->setCursorPosition(0); // the beginning is seen where not all fits
  m_start->setObjectName(QStringLiteral("trade_off_start"));
  m_start->setProperty("role", "primary");
  auto* page = new QWidget;
  auto* layout = new QVBoxLayout(page);
  layout->addStretch(2);
  layout->addWidget(m_empty);
  auto* line = new QHBoxLayout;
  line->addStretch(1);
  line->addWidget(m_schemes, 8);
  line->addWidget(m_start);
  line->addStretch(1);
  layout->addLayout(line);
  layout->addStretch(3);
  return page;
}

void TradeOffPanel::connectParts() {
  connect(m_across, &SegmentedControl::chosen, this, [this](const QString& value) {
    m_tradeOff.setAcross(value == QLatin1String("latency") ? PlanQuantity::latency
                         : value == QLatin1String("bops")  ? PlanQuantity::bops
                                                           : PlanQuantity::size);
  });
  connect(m_up, &SegmentedControl::chosen, this,
          [this](const QString& value) { m_plot->setUp(upMetric(value)); });
  connect(m_presets, &SegmentedControl::chosen, this, &TradeOffPanel::choosePreset);
  connect(m_slider, &QSlider::valueChanged, this, [this](int step) {
    const auto& space = m_tradeOff.space();
    if (space) {
      m_presets->setCurrentValue(QString());
      setBudget(space->least + (space->most - space->least) * step / kSteps);
    }
  });
  connect(m_plot, &TradeOffPlot::budgetPicked, this, [this](double cost) {
    m_presets->setCurrentValue(QString());
    setBudget(cost);
  });
  connect(m_plot, &TradeOffPlot::pointPicked, this, &TradeOffPanel::choosePoint);
  connect(m_plot, &Plot::saveFailed, this, &TradeOffPanel::failed);
  connect(m_measure, &QPushButton::clicked, this, [this] {
    m_tradeOff.measures() ? m_analysis.stop(TradeOff::measureKey()) : m_tradeOff.measurePlans();
  });
  connect(m_start, &QPushButton::clicked, this,
          [this] { m_analysis.sweepRuns() ? m_analysis.stop(NetworkAnalysis::sweepKey()) : measure(); });
  connect(m_difference, &DifferenceCard::failed, this, &TradeOffPanel::failed);
  connect(m_difference, &DifferenceCard::saveVersionRequested, this, &TradeOffPanel::saveVersionRequested);
  connect(m_difference, &DifferenceCard::versionsRequested, this, &TradeOffPanel::versionsRequested);
  connect(&m_tradeOff, &TradeOff::spaceChanged, this, &TradeOffPanel::showSpace);
  connect(&m_tradeOff, &TradeOff::pointsChanged, this, &TradeOffPanel::showPoints);
  connect(&m_tradeOff, &TradeOff::chosenChanged, this, &TradeOffPanel::showChosen);
  connect(&m_analysis, &NetworkAnalysis::sweepChanged, this, &TradeOffPanel::showEmpty);
  connect(&m_analysis, &NetworkAnalysis::samplesChanged, this, &TradeOffPanel::showEmpty);
}

void TradeOffPanel::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange) {
    m_legend->setText(m_plot->legendText());
  }
}

void TradeOffPanel::measure() {
  if (m_tradeOff.space()) {
    m_tradeOff.measurePlans();
    return;
  }
  auto request = sweepRequest(m_schemes->text());
  if (!request) {
    emit failed(QString::fromStdString(request.error().message()));
    return;
  }
  request->samples = kSamples;
  m_plansNext = true;
  m_analysis.startSweep(*request);
}

void TradeOffPanel::setBudget(double atMost) {
  m_tradeOff.setBudget(atMost);
  m_comparison.setTo({PlanChoice::Kind::found, {}});
}

void TradeOffPanel::choosePoint(int index) {
  const TradeOffPoint point = m_tradeOff.points()[static_cast<std::size_t>(index)];
  m_tradeOff.choosePoint(index);
  m_comparison.setTo(point.kind == TradeOffPoint::Kind::version
                         ? PlanChoice{PlanChoice::Kind::version, point.name}
                         : PlanChoice{PlanChoice::Kind::found, {}});
}

void TradeOffPanel::choosePreset(const QString& name) {
  m_tradeOff.setBitsPerWeight(presetBits(name));
  m_comparison.setTo({PlanChoice::Kind::found, {}});
}

void TradeOffPanel::showEmpty() {
  const bool ready = m_tradeOff.space() != nullptr;
  m_content->setCurrentIndex(ready ? 1 : 0);
  m_controls->setVisible(ready);
  if (ready) {
    return;
  }
  const auto& sweep = m_analysis.sweep();
  m_start->setText(m_analysis.sweepRuns() ? tr("Stop") : tr("Measure the sensitivities"));
  m_start->setEnabled(m_analysis.samples() != nullptr);
  m_schemes->setEnabled(!m_analysis.sweepRuns());
  m_empty->setText(
      m_analysis.samples() == nullptr   ? m_analysis.samplesProblem()
      : !m_tradeOff.problem().isEmpty() ? m_tradeOff.problem()
      : m_analysis.sweepRuns()
          ? tr("Measuring the sensitivities: %1 done")
                .arg(QString::fromStdString(formatShare(sweep ? sweep->sweep->progress() : 0.0)))
          : tr("Which plan is the best for a size? To say that, every layer is first tried alone with "
               "every scheme there is to choose from.\nA sweep of the Sensitivity page serves as well."));
}

void TradeOffPanel::showSpace() {
  showEmpty();
  const auto& space = m_tradeOff.space();
  m_legend->setText(m_plot->legendText());
  const bool latency = space && space->space.hasLatency;
  m_across->setChoiceEnabled(QStringLiteral("latency"), latency,
                             latency ? tr("Time of the layers as measured on the Latency page")
                                     : tr("Measure on the Latency page first"));
  if (space) {
    m_across->setCurrentValue(QString::fromUtf8(quantityName(space->across).data(),
                                                static_cast<qsizetype>(quantityName(space->across).size())));
    std::vector<SegmentedControl::Choice> presets;
    for (const auto& [title, name] : {std::pair(tr("Quality"), QStringLiteral("quality")),
                                      {tr("Balanced"), QStringLiteral("balanced")},
                                      {tr("Compact"), QStringLiteral("compact")}}) {
      const double bytes = presetBits(name) * space->space.parameters / 8.0;
      const SearchSolution* near = nullptr;
      for (const SearchSolution& solution : space->frontier) {
        if (near == nullptr || solution.totals[1] <= bytes) {
          near = &solution;
        }
      }
      presets.push_back({title, name,
                         near == nullptr ? QString()
                                         : tr("%1 bits a weight: %2, predicted damage %3")
                                               .arg(presetBits(name))
                                               .arg(quantityText(PlanQuantity::size, near->totals[1]),
                                                    cellText(near->totals[0]))});
    }
    m_presets->setChoices(presets);
    m_presets->setEnabled(space->across == PlanQuantity::size);
  }
  showPoints();
  showChosen();
  if (space && m_plansNext) {
    m_plansNext = false;
    m_tradeOff.measurePlans();
  }
}

void TradeOffPanel::showPoints() {
  const bool running = m_tradeOff.measures();
  m_measure->setText(running ? tr("Stop") : tr("Measure plans"));
  const auto& points = m_tradeOff.points();
  const auto has = [&](OutputMetric metric) {
    return std::any_of(points.begin(), points.end(), [&](const TradeOffPoint& point) {
      return std::any_of(point.figures.begin(), point.figures.end(),
                         [&](const auto& figure) { return figure.first == metric; });
    });
  };
  for (const OutputMetric metric : {OutputMetric::top1, OutputMetric::accuracy, OutputMetric::sqnr}) {
    const std::string_view name = metricName(metric);
    m_up->setChoiceEnabled(QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size())), has(metric),
                           has(metric) ? metricTitle(metric) + tr(", of the measured plans")
                                       : tr("Measure plans first; it may not apply to this network"));
  }
}

void TradeOffPanel::showChosen() {
  const auto& space = m_tradeOff.space();
  const auto& chosen = m_tradeOff.chosen();
  if (!space || !chosen) {
    m_budget->clear();
    return;
  }
  const double least = space->least;
  const double most = space->most;
  const QSignalBlocker quiet(m_slider);
  m_slider->setValue(
      most > least ? static_cast<int>(std::lround(kSteps * (m_tradeOff.budget() - least) / (most - least)))
                   : kSteps);
  m_budget->setText(tr("<b>%1</b> · %2 bits a weight")
                        .arg(quantityText(space->across, space->cost(chosen->totals)),
                             cellText(8.0 * chosen->totals[1] / space->space.parameters)));
}

} // namespace halfstep
