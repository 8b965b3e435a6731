#include "widgets/plots/rounding_error_plot.h"

#include "core/support/units.h"

#include <algorithm>

namespace halfstep {

RoundingErrorPlot::RoundingErrorPlot(QWidget* parent)
    : Plot(QStringLiteral("rounding_error"), tr("error / step"), tr("share of values, %"), parent) {
  m_errors = addGraph();
  m_errors->setLineStyle(QCPGraph::lsStepLeft);
  m_errors->setAntialiased(false);
  m_errors->setAntialiasedFill(false);
  m_errors->setSelectable(QCP::stNone);
  setView(nullptr);
  recolor();
}

void RoundingErrorPlot::applyColors(const Theme& theme) {
  QColor fill = theme.accent;
  fill.setAlpha(theme.dark ? 110 : 90);
  m_errors->setPen(QPen(theme.accent));
  m_errors->setBrush(fill);
}

void RoundingErrorPlot::setView(std::shared_ptr<const LayerView> view) {
  m_view = std::move(view);
  QVector<double> keys, shares;
  if (m_view) {
    const Histogram& errors = m_view->shape->roundingError;
    double all = 0.0;
    for (const std::int64_t count : errors.counts) {
      all += static_cast<double>(count);
    }
    for (std::size_t i = 0; i < errors.counts.size() && all > 0.0; ++i) {
      keys << errors.lo + static_cast<double>(i) * errors.binWidth();
      shares << 100.0 * static_cast<double>(errors.counts[i]) / all;
    }
    if (!keys.isEmpty()) {
      keys << errors.hi;
      shares << 0.0;
    }
  }
  setEmptyText(!m_view ? tr("Nothing to show") : (keys.isEmpty() ? tr("No steps") : QString()));
  m_errors->setData(keys, shares, true);
  dataChanged();
}

void RoundingErrorPlot::fitAxes() {
  double most = 0.1;
  double reach = 0.5;
  for (const QCPGraphData& point : *m_errors->data()) {
    most = std::max(most, point.value);
    if (point.value > 0.0) {
      reach = std::max(reach, std::abs(point.key));
    }
  }
  reach = reach > 0.55 ? 1.0 : 0.6;
  xAxis->setRange(-reach, reach);
  yAxis->setRange(0.0, most * 1.15);
}

QString RoundingErrorPlot::describe(double key, double) const {
  if (!m_view || m_errors->dataCount() < 2) {
    return {};
  }
  const Histogram& errors = m_view->shape->roundingError;
  const int bin = static_cast<int>(std::floor((key - errors.lo) / errors.binWidth()));
  if (bin < 0 || bin >= m_errors->dataCount() - 1) {
    return {};
  }
  const QString origin =
      m_view->shape->sampled < m_view->matrix->count()
          ? tr("\nfrom a sample of %1 values")
                .arg(QString::fromStdString(formatCount(static_cast<std::int64_t>(m_view->shape->sampled))))
          : QString();
  return tr("%1 % of the values").arg(QString::fromStdString(formatReal(m_errors->data()->at(bin)->value))) +
         origin;
}

PlotTable RoundingErrorPlot::table() const {
  PlotTable table;
  table.headers = QStringList{tr("error / step"), tr("share of values, %")};
  table.columns.resize(2);
  for (const QCPGraphData& point : *m_errors->data()) {
    table.columns[0].push_back(point.key);
    table.columns[1].push_back(point.value);
  }
  return table;
}

} // namespace halfstep
