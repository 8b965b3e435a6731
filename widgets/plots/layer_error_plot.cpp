#include "widgets/plots/layer_error_plot.h"

#include "core/support/units.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

QString decibels(const Estimate& estimate) {
  const QString value = QString::fromStdString(formatReal(estimate.value)) + QStringLiteral(" dB");
  return std::isnan(estimate.low) ? value
                                  : QCoreApplication::translate("LayerErrorPlot", "%1 (%2 to %3)")
                                        .arg(value, QString::fromStdString(formatReal(estimate.low)),
                                             QString::fromStdString(formatReal(estimate.high)));
}

/// The ends of a 95 % interval as distances from the value; none where there is no interval.
void appendInterval(const Estimate& estimate, QVector<double>& below, QVector<double>& above) {
  below << (std::isfinite(estimate.low) ? estimate.value - estimate.low : 0.0);
  above << (std::isfinite(estimate.high) ? estimate.high - estimate.value : 0.0);
}

} // namespace

LayerErrorPlot::LayerErrorPlot(QWidget* parent)
    : Plot(QStringLiteral("layer_errors"), tr("layer, in the file's order"), tr("SQNR of its output, dB"),
           parent)
    , m_isolated(addGraph())
    , m_accumulated(addGraph())
    , m_isolatedIntervals(new QCPErrorBars(xAxis, yAxis))
    , m_accumulatedIntervals(new QCPErrorBars(xAxis, yAxis))
    , m_current(new QCPItemStraightLine(this)) {
  m_isolated->setLineStyle(QCPGraph::lsNone);
  m_isolated->setSelectable(QCP::stNone);
  m_accumulated->setSelectable(QCP::stNone);
  m_isolatedIntervals->setDataPlottable(m_isolated);
  m_accumulatedIntervals->setDataPlottable(m_accumulated);
  for (QCPErrorBars* intervals : {m_isolatedIntervals, m_accumulatedIntervals}) {
    intervals->setSelectable(QCP::stNone);
    intervals->setWhiskerWidth(4);
  }
  m_current->setSelectable(false);
  xAxis->setTicker(QSharedPointer<IndexTicker>::create());
  m_current->setVisible(false);
  setToolTip(
      tr("Isolated: only this layer is quantized, what comes before it is float: error that is born here.\n"
         "Accumulated: the whole plan, up to here: what has come together.\n"
         "Click a layer to select it; arrow keys step."));
  setView(nullptr);
  recolor();
}

QString LayerErrorPlot::legendText() const {
  const Theme& colors = theme();
  return tr("<span style='color:%1'>●</span> isolated &nbsp; <span style='color:%2'>●</span> accumulated "
            "(lines through them: 95 % interval)")
      .arg(colors.accent.name(), colors.text.name());
}

void LayerErrorPlot::applyColors(const Theme& theme) {
  m_isolated->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, theme.accent, theme.accent, 7));
  m_accumulated->setPen(QPen(theme.text, 1.2));
  m_accumulated->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, theme.text, theme.text, 5));
  m_isolatedIntervals->setPen(QPen(theme.accent, 1));
  m_accumulatedIntervals->setPen(QPen(theme.textQuiet, 1));
  m_current->setPen(QPen(theme.accent, 1));
}

int LayerErrorPlot::layerCount() const {
  return m_view ? static_cast<int>(m_view->isolated.size()) : 0;
}

void LayerErrorPlot::setView(std::shared_ptr<const ErrorsView> view) {
  const int before = layerCount();
  m_view = std::move(view);
  QVector<double> keys, isolated, wholeKeys, accumulated;
  QVector<double> isolatedBelow, isolatedAbove, accumulatedBelow, accumulatedAbove;
  for (int i = 0; i < layerCount(); ++i) {
    const Estimate& alone = m_view->isolated[static_cast<std::size_t>(i)];
    const Estimate& whole = m_view->accumulated[static_cast<std::size_t>(i)];
    if (std::isfinite(alone.value)) {
      keys << i;
      isolated << alone.value;
      appendInterval(alone, isolatedBelow, isolatedAbove);
    }
    if (std::isfinite(whole.value)) {
      wholeKeys << i;
      accumulated << whole.value;
      appendInterval(whole, accumulatedBelow, accumulatedAbove);
    }
  }
  setEmptyText(!m_view
                   ? tr("Not measured yet")
                   : (keys.isEmpty() && wholeKeys.isEmpty() ? tr("No layer's output changes under this plan")
                                                            : QString()));
  m_isolated->setData(keys, isolated, true);
  m_accumulated->setData(wholeKeys, accumulated, true);
  m_isolatedIntervals->setData(isolatedBelow, isolatedAbove);
  m_accumulatedIntervals->setData(accumulatedBelow, accumulatedAbove);
  if (before != layerCount()) {
    showAll();
  } else {
    dataChanged();
  }
}

void LayerErrorPlot::setCurrentLayer(int layer) {
  m_layer = layer;
  const bool shown = layer >= 0 && layer < layerCount();
  m_current->setVisible(shown);
  if (shown) {
    m_current->point1->setCoords(layer, 0.0);
    m_current->point2->setCoords(layer, 1.0);
  }
  replot(QCustomPlot::rpQueuedReplot);
}

void LayerErrorPlot::fitAxes() {
  xAxis->setRange(-0.5, std::max(layerCount(), 1) - 0.5);
  bool found = false;
  QCPRange range(0.0, 1.0);
  for (const QCPGraph* graph : {m_isolated, m_accumulated}) {
    bool own = false;
    const QCPRange values = graph->getValueRange(own);
    if (own) {
      range =
          found ? QCPRange(std::min(range.lower, values.lower), std::max(range.upper, values.upper)) : values;
      found = true;
    }
  }
  const double margin = std::max(0.08 * range.size(), 1.0);
  yAxis->setRange(range.lower - margin, range.upper + margin);
}

QString LayerErrorPlot::describe(double key, double) const {
  const int layer = static_cast<int>(std::lround(key));
  if (layer < 0 || layer >= layerCount()) {
    return {};
  }
  const auto index = static_cast<std::size_t>(layer);
  const QString name = QString::fromStdString(m_view->errors->layers[index]);
  if (m_view->errors->errors[index].isolated.empty()) {
    return name + QStringLiteral("\n") + QString::fromStdString(m_view->errors->left[index]);
  }
  return tr("%1\nisolated %2\naccumulated %3")
      .arg(name, decibels(m_view->isolated[index]), decibels(m_view->accumulated[index]));
}

void LayerErrorPlot::clicked(const QPoint& at) {
  const int layer = static_cast<int>(std::lround(xAxis->pixelToCoord(at.x())));
  if (layer >= 0 && layer < layerCount()) {
    emit layerPicked(layer);
  }
}

bool LayerErrorPlot::stepped(int step) {
  if (layerCount() > 0) {
    emit layerPicked(std::clamp(m_layer + step, 0, layerCount() - 1));
  }
  return layerCount() > 0;
}

PlotTable LayerErrorPlot::table() const {
  PlotTable table;
  table.headers = QStringList{tr("layer"), tr("isolated SQNR dB"),    tr("from"),
                              tr("to"),    tr("accumulated SQNR dB"), tr("from"),
                              tr("to")};
  table.columns.resize(7);
  for (std::size_t i = 0; i < static_cast<std::size_t>(layerCount()); ++i) {
    const Estimate& alone = m_view->isolated[i];
    const Estimate& whole = m_view->accumulated[i];
    const double row[] = {
        static_cast<double>(i), alone.value, alone.low, alone.high, whole.value, whole.low, whole.high};
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      table.columns[column].push_back(row[column]);
    }
  }
  return table;
}

} // namespace halfstep
