#include "widgets/panels/error_panel.h"

#include "core/support/units.h"
#include "widgets/panels/card.h"
#include "widgets/panels/layer_row_link.h"
#include "widgets/panels/table_actions.h"
#include "widgets/plots/layer_error_plot.h"
#include "widgets/style/theme.h"
#include "widgets/viewmodels/sensitivity_model.h"

#include <QEvent>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QSpinBox>
#include <QTableView>
#include <QVBoxLayout>

#include <cmath>

namespace halfstep {

namespace {

QString withInterval(OutputMetric metric, const Estimate& estimate) {
  const bool share = metric == OutputMetric::top1 || metric == OutputMetric::top5 ||
                     metric == OutputMetric::accuracy || metric == OutputMetric::floatAccuracy;
  const auto text = [&](double value) {
    return share ? QString::fromStdString(formatShare(value)) : cellText(value);
  };
  QString words = text(estimate.value);
  if (!metricUnit(metric).isEmpty()) {
    words += ' ' + metricUnit(metric);
  }
  if (!std::isnan(estimate.low)) {
    words += ErrorPanel::tr(" (%1 to %2)").arg(text(estimate.low), text(estimate.high));
  }
  return metricTitle(metric) + QStringLiteral(" <b>") + words + QStringLiteral("</b>");
}

} // namespace

ErrorPanel::ErrorPanel(Document&, Selection& selection, NetworkAnalysis& analysis, QWidget* parent)
    : QWidget(parent)
    , m_selection(selection)
    , m_analysis(analysis)
    , m_samples(new QSpinBox)
    , m_measure(new QPushButton(tr("Measure the plan")))
    , m_summary(new QLabel)
    , m_origin(new QLabel)
    , m_legend(new QLabel)
    , m_plot(new LayerErrorPlot)
    , m_table(new QTableView) {
  setObjectName(QStringLiteral("error_panel"));
  layOut();
  connectParts();
  showErrors();
}

void ErrorPanel::layOut() {
  m_samples->setObjectName(QStringLiteral("error_samples"));
  m_samples->setAccessibleName(tr("Samples"));
  m_samples->setRange(1, 100000);
  m_samples->setValue(16);
  m_samples->setSuffix(tr(" samples"));
  m_samples->setButtonSymbols(QAbstractSpinBox::NoButtons);
  m_samples->setFixedWidth(110);
  m_measure->setObjectName(QStringLiteral("error_measure"));
  m_measure->setProperty("role", "primary");
  m_summary->setObjectName(QStringLiteral("error_summary"));
  m_summary->setWordWrap(true);
  m_summary->setTextFormat(Qt::RichText);
  m_origin->setObjectName(QStringLiteral("error_origin"));
  m_origin->setProperty("role", "quiet");
  m_origin->setWordWrap(true);
  m_legend->setProperty("role", "caption");
  m_legend->setTextFormat(Qt::RichText);
  m_proxy.setSourceModel(&m_model);
  m_proxy.setSortRole(LayerErrorsModel::sortRole);
  m_table->setObjectName(QStringLiteral("error_table"));
  m_table->setAccessibleName(tr("Error of every layer"));
  m_table->setModel(&m_proxy);
  m_rows = new LayerRowLink(*m_table, m_proxy, m_selection);
  makeRowTable(*m_table, 26);
  m_table->sortByColumn(LayerErrorsModel::layerColumn, Qt::AscendingOrder);
  m_table->setTextElideMode(Qt::ElideMiddle);
  m_table->horizontalHeader()->setSectionResizeMode(LayerErrorsModel::layerColumn, QHeaderView::Stretch);
  m_table->setColumnWidth(LayerErrorsModel::schemeColumn, 210);
  for (int column = LayerErrorsModel::isolatedColumn; column < LayerErrorsModel::columnCountValue; ++column) {
    m_table->setColumnWidth(column, 130);
  }
  addTableActions(*m_table, QStringLiteral("layer_errors"),
                  [this](const QString& what) { emit failed(what); });
  auto* top = new QHBoxLayout;
  top->setSpacing(kSpace);
  top->addWidget(m_summary, 1);
  top->addWidget(m_samples);
  top->addWidget(m_measure);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(kSpaceLarge, kSpace, kSpaceLarge, kSpace);
  layout->setSpacing(kSpace);
  layout->addLayout(top);
  layout->addWidget(makeCard(m_legend, m_plot), 3);
  layout->addWidget(makeCard(nullptr, m_table), 2);
  layout->addWidget(m_origin);
}

void ErrorPanel::connectParts() {
  connect(m_measure, &QPushButton::clicked, this, [this] {
    if (m_analysis.errorsRun()) {
      m_analysis.stop(NetworkAnalysis::errorsKey());
    } else {
      measure();
    }
  });
  connect(&m_analysis, &NetworkAnalysis::errorsChanged, this, &ErrorPanel::showErrors);
  connect(&m_analysis, &NetworkAnalysis::errorsAged, this, &ErrorPanel::showSummary);
  connect(&m_analysis, &NetworkAnalysis::samplesChanged, this, &ErrorPanel::showErrors);
  connect(m_plot, &LayerErrorPlot::layerPicked, this,
          [this](int layer) { m_selection.select({layer}, layer); });
  connect(m_plot, &Plot::saveFailed, this, &ErrorPanel::failed);
  connect(&m_selection, &Selection::currentLayerChanged, m_plot, &LayerErrorPlot::setCurrentLayer);
}

void ErrorPanel::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::StyleChange) {
    m_legend->setText(m_plot->legendText());
  }
}

void ErrorPanel::measure() {
  m_analysis.startErrors(static_cast<std::size_t>(m_samples->value()));
}

void ErrorPanel::showErrors() {
  const auto& view = m_analysis.errors();
  m_model.setView(view);
  m_plot->setView(view);
  m_legend->setText(m_plot->legendText());
  m_measure->setText(m_analysis.errorsRun() ? tr("Stop") : tr("Measure the plan"));
  m_measure->setEnabled(m_analysis.samples() != nullptr);
  showSummary();
  m_plot->setCurrentLayer(m_selection.currentLayer());
  m_rows->showCurrent();
}

void ErrorPanel::showSummary() {
  const auto& view = m_analysis.errors();
  if (!view || !view->evaluation) {
    const QString problem = m_analysis.problem(NetworkAnalysis::errorsKey());
    m_summary->setText(
        view ? (m_analysis.errorsRun()
                    ? tr("The layers on %1 samples so far; the network's output comes after them.")
                    : tr("Stopped: the layers on %1 samples, without the network's output."))
                   .arg(view->errors->samples)
        : m_analysis.samples() == nullptr ? m_analysis.samplesProblem().toHtmlEscaped()
        : !problem.isEmpty()
            ? problem.toHtmlEscaped()
            : tr("Runs the network in float and with the whole plan, and compares the outputs of "
                 "every layer and of the network."));
    m_origin->clear();
    return;
  }
  const Evaluation& evaluation = *view->evaluation;
  QStringList figures;
  for (const auto& [metric, estimate] : view->output) {
    // A line breaks between figures only.
    figures << withInterval(metric, estimate)
                   .replace(' ', QChar(QChar::Nbsp))
                   .replace(QChar(0x202f), QChar(QChar::Nbsp)); // rich text breaks at the narrow one
  }
  m_summary->setText(figures.join(QStringLiteral(" · ")));
  QStringList words = {tr("Measured on %1 of %2")
                           .arg(evaluation.samples.size())
                           .arg(QString::fromStdString(evaluation.origin.description))};
  if (evaluation.origin.synthetic) {
    words << tr("drawn at random: open data for figures that mean something");
  }
  if (!evaluation.left.empty()) {
    words << tr("layers left as they are: %1 (%2)")
                 .arg(evaluation.left.size())
                 .arg(QString::fromStdString(evaluation.left.front().second));
  }
  if (m_analysis.errorsAreOld()) {
    words << tr("the plan has been edited since: measure again");
  }
  m_origin->setText(words.join(QStringLiteral(" · ")));
}

} // namespace halfstep
