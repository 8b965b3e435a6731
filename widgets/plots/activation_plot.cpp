#include "widgets/plots/activation_plot.h"

#include "core/support/units.h"
#include "widgets/plots/step_fill.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace halfstep {

namespace {
// More columns than this are joined. Pixels of 256 levels make no comb of as many columns then.
constexpr double kMostColumns = 160;
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
  connect(xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, &ActivationPlot::rebuild);
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
  rebuild();
  const bool clips = m_clip.lo < m_clip.hi;
  for (const auto& [line, value] : {std::pair(m_clipLow, m_clip.lo), std::pair(m_clipHigh, m_clip.hi)}) {
    line->setVisible(clips && hasValues());
    line->setSelectable(false);
    line->point1->setCoords(static_cast<double>(value), 1.0);
    line->point2->setCoords(static_cast<double>(value), 10.0);
  }
  if (m_statistics == nullptr) {
    setEmptyText(m_owner ? tr("Not seen in calibration") : tr("Not calibrated yet"));
  } else {
    setEmptyText(hasValues() ? QString() : tr("Nothing but zeros"));
  }
  if (other) {
    showAll();
  } else {
    dataChanged();
  }
}

std::pair<std::size_t, std::size_t> ActivationPlot::usedBins() const {
  const auto bins = m_statistics->histogram.counts();
  const auto used = [](std::int64_t count) { return count > 0; };
  const auto first = std::find_if(bins.begin(), bins.end(), used) - bins.begin();
  const auto behind = std::find_if(bins.rbegin(), bins.rend(), used) - bins.rbegin();
  return {static_cast<std::size_t>(first), bins.size() - static_cast<std::size_t>(behind)};
}

double ActivationPlot::edgeOf(std::size_t bin) const {
  return (static_cast<double>(bin) - BinaryHistogram::kBinsPerSide) * m_statistics->histogram.width();
}

void ActivationPlot::rebuild() {
  QVector<double> keys, counts;
  if (hasValues()) {
    const auto [first, last] = usedBins();
    const double shown =
        std::min(static_cast<double>(last - first), xAxis->range().size() / m_statistics->histogram.width());
    m_binsPerColumn = 1;
    while (shown / static_cast<double>(m_binsPerColumn) > kMostColumns) {
      m_binsPerColumn *= 2;
    }
    std::size_t column = first - first % m_binsPerColumn;
    for (; column < last; column += m_binsPerColumn) {
      keys << edgeOf(column);
      counts << std::max(static_cast<double>(columnCount(column)), 0.1); // below one on the axis: none
    }
    keys << edgeOf(column);
    counts << 0.1;
  }
  m_counts->setData(keys, counts, true);
}

std::int64_t ActivationPlot::columnCount(std::size_t first) const {
  const auto bins = m_statistics->histogram.counts();
  const std::size_t count = std::min(m_binsPerColumn, bins.size() - first);
  const auto column = bins.subspan(first, count);
  return std::accumulate(column.begin(), column.end(), std::int64_t{0});
}

void ActivationPlot::fitAxes() {
  double lo = static_cast<double>(std::min(m_clip.lo, 0.0f));
  double hi = static_cast<double>(std::max(m_clip.hi, 0.0f));
  if (hasValues()) {
    const auto [first, last] = usedBins();
    lo = std::min(lo, edgeOf(first));
    hi = std::max(hi, edgeOf(last));
  }
  const double margin = std::max(0.04 * (hi - lo), 1e-12);
  xAxis->setRange(lo - margin, hi + margin); // makes the columns anew
  double most = 10.0;
  for (const QCPGraphData& point : *m_counts->data()) {
    most = std::max(most, point.value);
  }
  yAxis->setRange(0.7, most * 2.0);
}

QString ActivationPlot::describe(double key, double) const {
  if (!hasValues()) {
    return {};
  }
  const double width = m_statistics->histogram.width();
  const double bin = std::floor(key / width) + BinaryHistogram::kBinsPerSide;
  if (bin < 0.0 || bin >= static_cast<double>(m_statistics->histogram.counts().size())) {
    return {};
  }
  const auto at = static_cast<std::size_t>(bin);
  const std::size_t first = at - at % m_binsPerColumn;
  return tr("%1 values from %2 to %3")
      .arg(QString::fromStdString(formatCount(columnCount(first))),
           QString::fromStdString(formatReal(edgeOf(first))),
           QString::fromStdString(formatReal(edgeOf(first + m_binsPerColumn))));
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
