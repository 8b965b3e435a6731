#include "widgets/panels/sensitivity_panel.h"

#include "core/quant/scheme_grammar.h"
#include "core/support/units.h"
#include "widgets/panels/color_legend.h"
#include "widgets/panels/layer_row_link.h"
#include "widgets/panels/segmented_control.h"
#include "widgets/panels/sensitivity_delegate.h"
#include "widgets/panels/table_actions.h"
#include "widgets/style/theme.h"

#include <QComboBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QStackedWidget>
#include <QTableView>
#include <QVBoxLayout>

#include <cmath>

namespace halfstep {

namespace {

constexpr int kSchemeWidth = 84;
constexpr int kNameWidth = 190;
constexpr int kMostSamples = 100000;
const QString kSweptSchemes = QStringLiteral("int8, int6, int4, int2");

QLabel* quiet(const char* name) {
  auto* label = new QLabel;
  label->setObjectName(QString::fromLatin1(name));
  label->setProperty("role", "quiet");
  return label;
}

QString duration(double seconds) {
  if (seconds < 1.0) {
    return SensitivityPanel::tr("under a second");
  }
  return seconds < 120.0 ? SensitivityPanel::tr("about %1 s").arg(std::ceil(seconds))
                         : SensitivityPanel::tr("about %1 min").arg(std::ceil(seconds / 60.0));
}

} // namespace

SensitivityPanel::SensitivityPanel(Document& document, Selection& selection, NetworkAnalysis& analysis,
                                   QWidget* parent)
    : QWidget(parent)
    , m_document(document)
    , m_selection(selection)
    , m_analysis(analysis)
    , m_figure(new SegmentedControl(QStringLiteral("sensitivity_figure"), tr("Figure"), 3))
    , m_schemes(new QLineEdit(kSweptSchemes))
    , m_samples(new QSpinBox)
    , m_metric(new QComboBox)
    , m_measure(new QPushButton(tr("Measure")))
    , m_cost(quiet("sensitivity_cost"))
    , m_reliability(quiet("sensitivity_reliability"))
    , m_table(new QTableView)
    , m_empty(new QLabel)
    , m_content(new QStackedWidget)
    , m_legend(new ColorLegend)
    , m_detailTitle(new QLabel)
    , m_detailText(quiet("sensitivity_detail"))
    , m_use(new QPushButton) {
  setObjectName(QStringLiteral("sensitivity_panel"));
  m_figure->setChoices(
      {{tr("Measured"), QStringLiteral("measured"),
        tr("Sensitivity: what quantizing this layer alone does to the network's output")},
       {tr("Fisher"), QStringLiteral("fisher"),
        tr("Fisher estimate: what the gradients of the float network predict, to second order,\n"
           "in the unit of the measured figure. An estimate, with no network quantized")},
       {tr("Weight error"), QStringLiteral("weights"),
        tr("Screening without data: the relative squared error of the layer's own weights.\n"
           "It is no sensitivity; the rank correlation with the measured one says how far it "
           "would have led")}});
  m_figure->setCurrentValue(QStringLiteral("measured"));
  layOut();
  connectParts();
  showSweep();
  showCost();
}

QWidget* SensitivityPanel::controls() {
  auto* bar = new QWidget;
  auto* layout = new QHBoxLayout(bar);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(kSpace);
  m_schemes->setObjectName(QStringLiteral("sensitivity_schemes"));
  m_schemes->setAccessibleName(tr("Schemes to try"));
  m_schemes->setToolTip(
      tr("The weight schemes that every layer is tried with, separated by commas:\n"
         "int8, int4:asym:group64:mse, fp8e4m3; behind a slash what the layer's input is quantized to:\n"
         "int8/uint8:tensor, int8/dynamic:int8"));
  m_schemes->setMinimumWidth(120);
  m_samples->setObjectName(QStringLiteral("sensitivity_samples"));
  m_samples->setAccessibleName(tr("Samples"));
  m_samples->setRange(1, kMostSamples);
  m_samples->setValue(16);
  m_samples->setSuffix(tr(" samples"));
  m_samples->setButtonSymbols(QAbstractSpinBox::NoButtons);
  m_samples->setFixedWidth(110);
  m_samples->setToolTip(
      tr("On how many samples the output is compared. More of them make the ranking surer."));
  m_metric->setObjectName(QStringLiteral("sensitivity_metric"));
  m_metric->setAccessibleName(tr("Metric"));
  m_metric->addItem(tr("Metric: automatic"), QString());
  for (const OutputMetric metric : {OutputMetric::kl, OutputMetric::relativeError, OutputMetric::sqnr,
                                    OutputMetric::mse, OutputMetric::top1, OutputMetric::accuracy}) {
    const std::string_view name = metricName(metric);
    m_metric->addItem(metricTitle(metric),
                      QString::fromUtf8(name.data(), static_cast<qsizetype>(name.size())));
  }
  m_metric->setToolTip(
      tr("Automatic: the KL divergence where the output is a distribution over classes or\n"
         "tokens that shows all there is, otherwise the relative squared error of the outputs."));
  m_measure->setObjectName(QStringLiteral("sensitivity_measure"));
  m_measure->setProperty("role", "primary");
  layout->addWidget(m_figure);
  layout->addWidget(m_schemes, 1);
  layout->addWidget(m_samples);
  layout->addWidget(m_metric);
  layout->addWidget(m_measure);
  return bar;
}

QWidget* SensitivityPanel::details() {
  auto* card = new QWidget;
  card->setObjectName(QStringLiteral("card"));
  card->setAttribute(Qt::WA_StyledBackground);
  auto* layout = new QHBoxLayout(card);
  layout->setContentsMargins(kSpaceLarge, kSpace, kSpaceLarge, kSpace);
  auto* words = new QVBoxLayout;
  words->setSpacing(2);
  m_detailTitle->setObjectName(QStringLiteral("sensitivity_layer"));
  m_detailTitle->setProperty("role", "title");
  m_detailText->setWordWrap(true);
  words->addWidget(m_detailTitle);
  words->addWidget(m_detailText);
  layout->addLayout(words, 1);
  m_use->setObjectName(QStringLiteral("sensitivity_use"));
  layout->addWidget(m_use);
  return card;
}

void SensitivityPanel::layOut() {
  m_proxy.setSourceModel(&m_model);
  m_proxy.setSortRole(SensitivityModel::sortRole);
  m_table->setObjectName(QStringLiteral("sensitivity_table"));
  m_table->setAccessibleName(tr("Sensitivity of every layer"));
  m_table->setModel(&m_proxy);
  m_table->setItemDelegate(new SensitivityDelegate(m_table));
  m_rows = new LayerRowLink(*m_table, m_proxy, m_selection);
  makeRowTable(*m_table, SensitivityDelegate::kRowHeight);
  m_table->horizontalHeader()->setStretchLastSection(true);
  m_table->horizontalHeader()->setMinimumSectionSize(48);
  addTableActions(*m_table, QStringLiteral("sensitivity"),
                  [this](const QString& what) { emit failed(what); });
  m_empty->setObjectName(QStringLiteral("sensitivity_empty"));
  m_empty->setAlignment(Qt::AlignCenter);
  m_empty->setWordWrap(true);
  m_empty->setProperty("role", "quiet");
  m_content->addWidget(m_empty);
  m_content->addWidget(m_table);
  auto* card = new QWidget;
  card->setObjectName(QStringLiteral("card"));
  card->setAttribute(Qt::WA_StyledBackground);
  auto* inside = new QVBoxLayout(card);
  inside->setContentsMargins(kSpace, kSpace, kSpace, kSpaceSmall);
  inside->addWidget(m_content, 1);
  inside->addWidget(m_legend);
  m_reliability->setWordWrap(true);
  m_cost->setWordWrap(true);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(kSpaceLarge, kSpace, kSpaceLarge, kSpace);
  layout->setSpacing(kSpace);
  layout->addWidget(controls());
  layout->addWidget(m_cost);
  layout->addWidget(card, 1);
  layout->addWidget(m_reliability);
  layout->addWidget(details());
}

void SensitivityPanel::connectParts() {
  connect(m_figure, &SegmentedControl::chosen, this, [this](const QString& value) {
    using Figure = SensitivityModel::Figure;
    m_model.setFigure(value == QLatin1String("weights")  ? Figure::weightError
                      : value == QLatin1String("fisher") ? Figure::fisher
                                                         : Figure::measured);
    showSweep();
  });
  connect(m_measure, &QPushButton::clicked, this, [this] {
    if (m_analysis.sweepRuns()) {
      m_analysis.stop(NetworkAnalysis::sweepKey());
    } else {
      measure();
    }
  });
  connect(m_schemes, &QLineEdit::editingFinished, this, &SensitivityPanel::takeControls);
  connect(m_samples, &QSpinBox::valueChanged, this, &SensitivityPanel::takeControls);
  connect(m_metric, &QComboBox::currentIndexChanged, this, &SensitivityPanel::takeControls);
  connect(&m_analysis, &NetworkAnalysis::sweepChanged, this, &SensitivityPanel::showSweep);
  connect(&m_analysis, &NetworkAnalysis::costChanged, this, &SensitivityPanel::showCost);
  connect(&m_analysis, &NetworkAnalysis::samplesChanged, this, &SensitivityPanel::takeControls);
  connect(&m_selection, &Selection::currentLayerChanged, this, &SensitivityPanel::showDetails);
  connect(m_table->horizontalHeader(), &QHeaderView::sortIndicatorChanged, this, [this](int column) {
    m_model.setScheme(column - 1);
    showSweep();
  });
  connect(m_use, &QPushButton::clicked, this, &SensitivityPanel::useScheme);
}

void SensitivityPanel::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (!m_analysis.cost() && !m_analysis.sweep()) {
    takeControls();
  }
}

std::optional<SweepRequest> SensitivityPanel::request() {
  auto parsed = sweepRequest(m_schemes->text());
  if (!parsed) {
    m_cost->setText(QString::fromStdString(parsed.error().message()));
    return {};
  }
  SweepRequest made = std::move(*parsed);
  made.samples = static_cast<std::size_t>(m_samples->value());
  made.metric = metricFromName(m_metric->currentData().toString().toStdString());
  return made;
}

void SensitivityPanel::takeControls() {
  const auto wanted = request();
  if (wanted && isVisible() && !m_analysis.sweepRuns()) {
    m_analysis.estimateSweep(*wanted);
  }
}

void SensitivityPanel::measure() {
  if (const auto wanted = request()) {
    m_analysis.startSweep(*wanted);
  }
}

void SensitivityPanel::showCost() {
  const auto& cost = m_analysis.cost();
  if (!m_analysis.samples()) {
    m_cost->setText(m_analysis.samplesProblem());
    return;
  }
  if (!m_analysis.sweep()) {
    showSweep(); // its place says why there can be none
  }
  const QString origin = QString::fromStdString(m_analysis.samples()->origin().description);
  m_cost->setText(
      !cost ? tr("On %1.").arg(origin)
            : tr("On %1. Takes about %2, with what is done beside the sweep, and %3 for the values that are "
                 "kept; every run from the start would take %4.")
                  .arg(origin, duration(cost->seconds), QString::fromStdString(formatBytes(cost->keptBytes)),
                       duration(cost->naiveSeconds)));
}

void SensitivityPanel::showSweep() {
  const auto& view = m_analysis.sweep();
  const bool fresh = view && m_model.view() != view &&
                     (!m_model.view() || m_model.view()->sweep->schemes != view->sweep->schemes);
  if (m_model.view() != view) {
    m_model.setView(view);
  }
  if (fresh) {
    m_table->setColumnWidth(0, kNameWidth);
    for (int column = 1; column <= m_model.schemeCount(); ++column) {
      const QString title = m_model.headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
      m_table->setColumnWidth(column, std::max(kSchemeWidth, fontMetrics().horizontalAdvance(title) + 24));
    }
    m_table->sortByColumn(m_model.scheme() + 1, Qt::DescendingOrder);
  }
  m_content->setCurrentWidget(view ? static_cast<QWidget*>(m_table) : m_empty);
  QString problem = m_analysis.problem(NetworkAnalysis::sweepKey());
  if (!problem.isEmpty() && m_analysis.samples() && m_analysis.samples()->origin().synthetic) {
    problem += tr("\nThe shapes of inputs that the model leaves open can be given beside the data (Ctrl+D).");
  }
  m_empty->setText(
      !problem.isEmpty() ? problem
      : m_analysis.sweepRuns()
          ? tr("The float network runs first …")
          : tr("Measure quantizes every layer alone, by every scheme above, and compares the "
               "network's output with the float one.\nThe result says which layers hurt, and from "
               "how many bits on."));
  m_measure->setText(m_analysis.sweepRuns() ? tr("Stop") : tr("Measure"));
  m_measure->setEnabled(m_analysis.samples() != nullptr);
  m_legend->setVisible(view != nullptr);
  QStringList words;
  if (view) {
    const auto [from, to] = m_model.colorEnds();
    m_legend->setRange((m_model.hasBelowColors() ? QStringLiteral("≤ ") : QString()) + cellText(from),
                       cellText(to), m_model.figureTitle());
    const Sensitivity& sweep = *view->sweep;
    words << tr("Measured on %1 of %2")
                 .arg(sweep.samples)
                 .arg(QString::fromStdString(sweep.origin.description));
    if (!sweep.metricNote.empty()) {
      words << QString::fromStdString(sweep.metricNote);
    }
    if (!sweep.isComplete()) {
      words << tr("%1 done").arg(QString::fromStdString(formatShare(sweep.progress())));
    }
    if (sweep.origin.synthetic) {
      words << tr("drawn at random: open data for figures that mean something");
    }
    const auto scheme = static_cast<std::size_t>(m_model.scheme());
    if (scheme < view->reliabilities.size()) {
      const double rho = view->reliabilities[scheme].splitHalf;
      words << (std::isnan(rho) ? tr("too few samples to say how sure the ranking is")
                                : tr("split-half rank correlation %1").arg(cellText(rho)))
            << tr("grey bars: the samples cannot tell the layer from the one ranked before it");
    }
    if (scheme < view->fisherCorrelation.size() && !std::isnan(view->fisherCorrelation[scheme])) {
      words << tr("Fisher estimate would rank with ρ = %1").arg(cellText(view->fisherCorrelation[scheme]));
    } else if (!view->fisherProblem.empty()) {
      words << tr("no Fisher estimate: %1").arg(QString::fromStdString(view->fisherProblem));
    }
    if (scheme < view->screeningCorrelation.size() && !std::isnan(view->screeningCorrelation[scheme])) {
      words << tr("weight error would rank with ρ = %1").arg(cellText(view->screeningCorrelation[scheme]));
    }
  }
  m_reliability->setText(words.join(QStringLiteral(" · ")));
  m_reliability->setVisible(!words.isEmpty());
  m_rows->showCurrent();
  showDetails();
}

void SensitivityPanel::showDetails() {
  const auto& view = m_analysis.sweep();
  const int layer = m_selection.currentLayer();
  const bool any = view && layer >= 0 && layer < m_model.rowCount();
  m_detailTitle->parentWidget()->setVisible(any);
  if (!any) {
    return;
  }
  const Sensitivity& sweep = *view->sweep;
  const auto row = static_cast<std::size_t>(layer);
  const auto scheme = static_cast<std::size_t>(m_model.scheme());
  const QString schemeName = QString::fromStdString(printLayerPlan(sweep.candidate(scheme)));
  m_detailTitle->setText(QString::fromStdString(sweep.layers[row]));
  m_use->setText(tr("Use %1 here").arg(schemeName));
  m_use->setToolTip(tr("Gives this layer the scheme %1 in the plan").arg(schemeName));
  if (!sweep.left[row].empty()) {
    m_detailText->setText(tr("Not measured: %1.").arg(QString::fromStdString(sweep.left[row])));
    return;
  }
  const auto& samples = sweep.cell(row, scheme).samples;
  QStringList words;
  if (!view->reliabilities.empty()) {
    const auto& order = view->reliabilities[scheme].order;
    const auto place = std::find(order.begin(), order.end(), row);
    if (place != order.end()) {
      words << tr("rank %1 of %2 at %3").arg(place - order.begin() + 1).arg(order.size()).arg(schemeName);
    }
  }
  const Estimate& own = view->estimates[row * sweep.schemes.size() + scheme];
  const QString interval =
      std::isnan(own.low) ? QString() : tr(" (%1 to %2)").arg(cellText(own.low), cellText(own.high));
  words << metricTitle(sweep.metric) + ' ' + cellText(own.value) + interval;
  for (const OutputMetric metric : {OutputMetric::top1, OutputMetric::accuracy, OutputMetric::sqnr}) {
    const double figure = metric == sweep.metric ? std::nan("") : metricOf(metric, samples);
    if (!std::isnan(figure)) {
      words << metricTitle(metric) + ' ' +
                   (metric == OutputMetric::sqnr ? cellText(figure) + QStringLiteral(" dB")
                                                 : QString::fromStdString(formatShare(figure)));
    }
  }
  if (view->fisher) {
    const double estimated = view->fisher->value(row, scheme);
    words << (std::isnan(estimated)
                  ? tr("no Fisher estimate: %1").arg(QString::fromStdString(view->fisher->left[row]))
                  : tr("Fisher estimate %1").arg(cellText(estimated)));
  }
  if (!view->screening.empty()) {
    words << tr("weight SQNR %1 dB")
                 .arg(cellText(-10.0 * std::log10(view->screening[row * sweep.schemes.size() + scheme])));
  }
  m_detailText->setText(words.join(QStringLiteral(" · ")));
}

void SensitivityPanel::useScheme() {
  const auto& view = m_analysis.sweep();
  const int layer = m_selection.currentLayer();
  if (view && layer >= 0) {
    const auto scheme = static_cast<std::size_t>(m_model.scheme());
    m_document.setSchemes({layer}, view->sweep->schemes[scheme]);
    if (!view->sweep->activations.empty()) {
      m_document.setActivations({layer}, view->sweep->activations[scheme]);
    }
  }
}

} // namespace halfstep
