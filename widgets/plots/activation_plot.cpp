#include "widgets/plots/activation_plot.h"

#include "core/support/units.h"
#include "widgets/plots/step_fill.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {
constexpr std::size_t kColumns = 512; // more bins than this over the shown range are joined
} // namespace

ActivationPlot::ActivationPlot(QWidget* parent)
    : Plot(QStringLiteral("activation_histogram"), tr("value"), tr("count"), parent)
    , m_counts(addGraph())
    , m_fill(nullptr)
    , m_clipLow(new QCPItemStraightLine(this))
    , m_clipHigh(new QCPItemStraightLine(this)) {
  m_counts->setLineStyle(QCPGraph::lsStepLeft);
  m_counts->setAntialiased(false);
  m_counts->setSelectable(QCP::stNone);
  m_fill = new StepFill(m_counts, nullptr);
  yAxis->setScaleType(QCPAxis::stLogarithmic);
  yAxis->setTicker(QSharedPointer<QCPAxisTickerLog>::create());
  yAxis->setNumberFormat(QStringLiteral("eb"));
  yAxis->setNumberPrecision(0);
  setToolTip(tr("How often each value came out, over all calibration samples; zeros are told apart.\n"
                "The lines are the ends of the clipping range."));
  setStatistics(nullptr, nullptr, {});
  recolor();
}

void ActivationPlot::applyColors(const Theme& theme) {
  m_counts->setPen(QPen(theme.floatSeries, 1));
  m_fill->setColor(mixed(theme.floatSeries, theme.panel, 0.45));
  m_clipLow->setPen(QPen(theme.clipping, 1.5));
  m_clipHigh->setPen(QPen(theme.clipping, 1.5));
}

void ActivationPlot::setStatistics(std::shared_ptr<const void> owner, const ActivationStatistics* statistics,
                                   ValueRange clip) {
  const bool other =
      m_statistics == nullptr || statistics == nullptr || m_statistics->name != statistics->name;
  m_owner = std::move(owner);
  m_statistics = statistics;
  m_clip = clip;
  QVector<double> keys, counts;
  if (m_statistics != nullptr && !m_statistics->histogram.empty()) {
    const auto bins = m_statistics->histogram.counts();
    const double width = m_statistics->histogram.width();
    const auto used = [](std::int64_t count) { return count > 0; };
    const auto first = static_cast<std::size_t>(std::find_if(bins.begin(), bins.end(), used) - bins.begin());
    const auto last = bins.size() - static_cast<std::size_t>(std::find_if(bins.rbegin(), bins.rend(), used) -
                                                             bins.rbegin());
    const std::size_t joined = std::max<std::size_t>(1, (last - first) / kColumns);
    for (std::size_t k = first; k < last; k += joined) {
      std::int64_t sum = 0;
      for (std::size_t i = k; i < std::min(k + joined, last); ++i) {
        sum += bins[i];
      }
      keys << (static_cast<double>(k) - BinaryHistogram::kBinsPerSide) * width;
      counts << std::max(static_cast<double>(sum), 0.1); // below one on the logarithmic axis: none
    }
    keys << (static_cast<double>(last) - BinaryHistogram::kBinsPerSide) * width;
    counts << 0.1;
  }
  m_counts->setData(keys, counts, true);
  const bool clips = m_clip.lo < m_clip.hi;
  for (const auto& [line, value] : {std::pair(m_clipLow, m_clip.lo), std::pair(m_clipHigh, m_clip.hi)}) {
    line->setVisible(clips && !keys.isEmpty());
    line->setSelectable(false);
    line->point1->setCoords(static_cast<double>(value), 1.0);
    line->point2->setCoords(static_cast<double>(value), 10.0);
  }
  setEmptyText(m_statistics == nullptr ? tr("Not calibrated yet")
                                       : (keys.isEmpty() ? tr("Nothing but zeros") : QString()));
  if (other) {
    showAll();
  } else {
    dataChanged();
  }
}

void ActivationPlot::fitAxes() {
  double lo = static_cast<double>(std::min(m_clip.lo, 0.0f));
  double hi = static_cast<double>(std::max(m_clip.hi, 0.0f));
  double most = 10.0;
  for (const QCPGraphData& point : *m_counts->data()) {
    lo = std::min(lo, point.key);
    hi = std::max(hi, point.key);
    most = std::max(most, point.value);
  }
  const double margin = std::max(0.04 * (hi - lo), 1e-12);
  xAxis->setRange(lo - margin, hi + margin);
  yAxis->setRange(0.7, most * 2.0);
}

QString ActivationPlot::describe(double key, double) const {
  if (m_statistics == nullptr || m_statistics->histogram.empty()) {
    return {};
  }
  const double width = m_statistics->histogram.width();
  const double bin = std::floor(key / width) + BinaryHistogram::kBinsPerSide;
  const auto counts = m_statistics->histogram.counts();
  if (bin < 0.0 || bin >= static_cast<double>(counts.size())) {
    return {};
  }
  const double left = (bin - BinaryHistogram::kBinsPerSide) * width;
  return tr("%1 values from %2 to %3")
      .arg(QString::fromStdString(formatCount(counts[static_cast<std::size_t>(bin)])),
           QString::fromStdString(formatReal(left)), QString::fromStdString(formatReal(left + width)));
}

PlotTable ActivationPlot::table() const {
  PlotTable table;
  table.headers = QStringList{tr("value from"), tr("count")};
  table.columns.resize(2);
  for (const QCPGraphData& point : *m_counts->data()) {
    table.columns[0].push_back(point.key);
    table.columns[1].push_back(point.value >= 1.0 ? point.value : 0.0);
  }
  return table;
}

} // namespace halfstep
