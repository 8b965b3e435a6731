#include "widgets/plots/activation_plot.h"

#include "core/support/units.h"
#include "widgets/plots/step_fill.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

namespace halfstep {

namespace {
// More columns than this are joined. Pixels of 256 levels make no comb of as many columns then.
constexpr double kMostColumns = 160;
} // namespace

ActivationPlot::ActivationPlot(QWidget* parent)
    : ClippablePlot(QStringLiteral("activation_histogram"), tr("value"), tr("count"), parent)
    , m_counts(addGraph())
    , m_fill(new StepFill(m_counts, nullptr)) // below the levels
    , m_levels(addGraph())
    , m_others(addGraph()) {
  m_counts->setLineStyle(QCPGraph::lsStepLeft);
  m_counts->setAntialiased(false);
  m_counts->setSelectable(QCP::stNone);
  m_levels->setLineStyle(QCPGraph::lsImpulse);
  m_others->setLineStyle(QCPGraph::lsStepLeft);
  for (QCPGraph* graph : {m_levels, m_others}) {
    graph->setAntialiased(false);
    graph->setSelectable(QCP::stNone);
  }
  yAxis->setScaleType(QCPAxis::stLogarithmic);
  yAxis->setTicker(QSharedPointer<QCPAxisTickerLog>::create());
  yAxis->setNumberFormat(QStringLiteral("eb"));
  yAxis->setNumberPrecision(0);
  setToolTip(tr("How often each value came out, over all calibration samples; zeros are told apart.\n"
                "The dots are the levels of the layer's input scheme; the handles drag its clipping range, a "
                "double click gives it back to its estimator."));
  connect(xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this] {
    if (!m_handles.isDragged()) {
      rebuild();
    }
  });
  setStatistics(nullptr, nullptr, {});
  recolor();
}

void ActivationPlot::applyColors(const Theme& theme) {
  m_counts->setPen(QPen(theme.floatSeries, 1));
  m_fill->setColor(mixed(theme.floatSeries, theme.panel, 0.45));
  m_levels->setPen(QPen(theme.accent, 1));
  m_levels->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, theme.accent, theme.accent, 4));
  m_others->setPen(QPen(theme.text, 1.2));
  m_handles.applyColors(theme);
}

void ActivationPlot::setStatistics(std::shared_ptr<const void> owner, const ActivationStatistics* statistics,
                                   std::optional<Quantized> quantized) {
  const bool other =
      m_statistics == nullptr || statistics == nullptr || m_statistics->name != statistics->name;
  m_owner = std::move(owner);
  m_statistics = statistics;
  m_quantized = std::move(quantized);
  if (other) {
    setOther(nullptr, nullptr);
  }
  rebuild();
  std::optional<ClippingHandles::Clipping> clipping;
  if (m_quantized && hasValues()) {
    const double span = static_cast<double>(m_statistics->moments.max) - m_statistics->moments.min;
    clipping = {m_quantized->clip, m_quantized->isMirrored, span, m_quantized->figures.clippedShare};
  }
  m_handles.set(clipping);
  if (m_statistics == nullptr) {
    setEmptyText(m_owner ? tr("Not seen in calibration") : tr("Not calibrated yet"));
  } else {
    setEmptyText(hasValues() ? QString() : tr("Nothing but zeros"));
  }
  if (other) {
    showAll();
  } else {
    dataMoved();
  }
}

void ActivationPlot::setOther(std::shared_ptr<const void> owner, const ActivationStatistics* other) {
  m_otherOwner = std::move(owner);
  m_other = other;
  rebuildOther();
  replot(QCustomPlot::rpQueuedReplot);
}

std::pair<std::size_t, std::size_t> ActivationPlot::usedBins(const BinaryHistogram& histogram) {
  const auto bins = histogram.counts();
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
    const auto [first, last] = usedBins(m_statistics->histogram);
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
  rebuildLevels();
  rebuildOther();
}

void ActivationPlot::rebuildLevels() {
  QVector<double> keys, counts;
  if (hasValues() && m_quantized && m_quantized->figures.levels.size() > 1) {
    const auto& [levels, levelCounts] =
        std::tie(m_quantized->figures.levels, m_quantized->figures.levelCounts);
    // A level stands for all values within a step; per column width it compares with the columns.
    const double columnWidth = m_statistics->histogram.width() * static_cast<double>(m_binsPerColumn);
    const double scale = std::min(1.0, columnWidth / std::max(levels[1] - levels[0], 1e-30));
    constexpr std::size_t kMostDrawn = 64; // more would touch each other
    for (std::size_t i = 0; i < levels.size() && levels.size() <= kMostDrawn; ++i) {
      keys << levels[i];
      counts << std::max(levelCounts[i] * scale, 0.1);
    }
  }
  m_levels->setData(keys, counts, true);
}

void ActivationPlot::rebuildOther() {
  QVector<double> keys, counts;
  if (hasValues() && m_other != nullptr && !m_other->histogram.empty()) {
    const auto bins = m_other->histogram.counts();
    const double width = m_other->histogram.width();
    const double columnWidth = m_statistics->histogram.width() * static_cast<double>(m_binsPerColumn);
    const auto perColumn = static_cast<std::size_t>(std::max(1.0, std::round(columnWidth / width)));
    // As many values as the others, in columns of the same width.
    const double scale = static_cast<double>(m_statistics->moments.finite) /
                         std::max(1.0, static_cast<double>(m_other->moments.finite)) * columnWidth /
                         (width * static_cast<double>(perColumn));
    const auto [first, last] = usedBins(m_other->histogram);
    const auto edge = [&](std::size_t bin) {
      return (static_cast<double>(bin) - BinaryHistogram::kBinsPerSide) * width;
    };
    std::size_t column = first - first % perColumn;
    for (; column < last; column += perColumn) {
      const auto part = bins.subspan(column, std::min(perColumn, bins.size() - column));
      keys << edge(column);
      counts << std::max(
          scale * static_cast<double>(std::accumulate(part.begin(), part.end(), std::int64_t{0})), 0.1);
    }
    keys << edge(column);
    counts << 0.1;
  }
  m_others->setData(keys, counts, true);
}

std::int64_t ActivationPlot::columnCount(std::size_t first) const {
  const auto bins = m_statistics->histogram.counts();
  const std::size_t count = std::min(m_binsPerColumn, bins.size() - first);
  const auto column = bins.subspan(first, count);
  return std::accumulate(column.begin(), column.end(), std::int64_t{0});
}

void ActivationPlot::fitAxes() {
  double lo = 0.0;
  double hi = 0.0;
  if (hasValues()) {
    const auto [first, last] = usedBins(m_statistics->histogram);
    lo = std::min(lo, edgeOf(first));
    hi = std::max(hi, edgeOf(last));
  }
  if (m_handles.canClip()) { // a range beyond the values is shown too, but does not shrink them to a line
    const double reach = hi - lo;
    lo = std::min(lo, std::max(static_cast<double>(m_quantized->clip.lo), lo - reach));
    hi = std::max(hi, std::min(static_cast<double>(m_quantized->clip.hi), hi + reach));
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
  table.headers = QStringList{tr("value from"), tr("count"), tr("level"), tr("values at level")};
  table.columns.resize(4);
  if (m_quantized) {
    table.columns[2] = m_quantized->figures.levels;
    table.columns[3] = m_quantized->figures.levelCounts;
  }
  for (const QCPGraphData& point : *m_counts->data()) {
    table.columns[0].push_back(point.key);
    table.columns[1].push_back(point.value >= 1.0 ? point.value : 0.0);
  }
  return table;
}

} // namespace halfstep
