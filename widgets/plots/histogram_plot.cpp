#include "widgets/plots/histogram_plot.h"

#include "core/support/units.h"
#include "widgets/plots/step_fill.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr double kMostHistogramColumns = 256;
constexpr double kLogFloor = 0.7; // below one value per bin, so that single values still show

/// Sums `perColumn` bins at a time; one key at the left edge of every column and one at the very end, for
/// step lines.
void columns(const Histogram& histogram, int perColumn, QVector<double>& keys, QVector<double>& counts) {
  const int bins = static_cast<int>(histogram.counts.size());
  for (int bin = 0; bin < bins; bin += perColumn) {
    double sum = 0.0;
    for (int i = bin; i < std::min(bin + perColumn, bins); ++i) {
      sum += static_cast<double>(histogram.counts[static_cast<std::size_t>(i)]);
    }
    keys << histogram.lo + bin * histogram.binWidth();
    counts << sum;
  }
  keys << histogram.hi;
  counts << 0.0;
}

} // namespace

HistogramPlot::HistogramPlot(QWidget* parent)
    : ClippablePlot(QStringLiteral("weight_histogram"), tr("weight value"), tr("count"), parent)
    , m_linearTicker(yAxis->ticker()) {
  setMinimumHeight(150);
  const auto graph = [this](QCPGraph::LineStyle style) {
    QCPGraph* made = addGraph();
    made->setLineStyle(style);
    made->setAntialiased(false);
    made->setAntialiasedFill(false);
    made->setSelectable(QCP::stNone);
    return made;
  };
  m_floats = graph(QCPGraph::lsStepLeft);
  m_fill = new StepFill(m_floats, nullptr);
  m_quantized = graph(QCPGraph::lsStepLeft);
  m_levels = graph(QCPGraph::lsImpulse);
  connect(xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this] {
    if (m_view && !m_handles.isDragged()) {
      rebuild();
    }
  });
  setLogScale(true);
  setView(nullptr);
  recolor();
}

void HistogramPlot::applyColors(const Theme& theme) {
  m_floats->setPen(QPen(theme.floatSeries));
  m_fill->setColor(mixed(theme.floatSeries, theme.panel, theme.dark ? 0.47 : 0.55));
  m_quantized->setPen(QPen(theme.accent));
  m_levels->setPen(QPen(theme.accent, 1));
  m_levels->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, theme.accent, theme.accent, 5));
  m_handles.applyColors(theme);
}

void HistogramPlot::setLogScale(bool logarithmic) {
  m_logarithmic = logarithmic;
  yAxis->setScaleType(logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
  if (logarithmic) {
    yAxis->setTicker(QSharedPointer<QCPAxisTickerLog>(new QCPAxisTickerLog));
    yAxis->setNumberFormat(QStringLiteral("gb"));
    yAxis->setNumberPrecision(1);
  } else {
    yAxis->setTicker(m_linearTicker);
  }
  rebuild();
  showAll();
}

void HistogramPlot::setView(std::shared_ptr<const LayerView> view) {
  const bool otherLayer = !m_view || !view || m_view->layer != view->layer;
  m_view = std::move(view);
  setEmptyText(m_view ? QString() : tr("No weights to show"));
  rebuild();
  if (otherLayer) {
    showAll();
  } else {
    dataMoved();
  }
}

void HistogramPlot::rebuild() {
  m_floats->data()->clear();
  m_quantized->data()->clear();
  m_levels->data()->clear();
  if (!m_view) {
    showClipping();
    return;
  }
  const Histogram& histogram = m_view->profile->histogram;
  const double shown = std::min(1.0, xAxis->range().size() / std::max(histogram.hi - histogram.lo, 1e-30));
  const int bins = static_cast<int>(histogram.counts.size());
  // Few values make a comb of many columns; the cube root is Rice's rule, with room for detail.
  const double wanted =
      std::clamp(6.0 * std::cbrt(static_cast<double>(m_view->matrix->count())), 32.0, kMostHistogramColumns);
  m_binsPerColumn = 1;
  while (bins * shown / m_binsPerColumn > wanted) {
    m_binsPerColumn *= 2;
  }
  QVector<double> keys;
  QVector<double> counts;
  columns(histogram, m_binsPerColumn, keys, counts);
  m_floats->setData(keys, counts, true);

  const QuantizedShape& shape = *m_view->shape;
  const double columnWidth = histogram.binWidth() * m_binsPerColumn;
  const bool oneScale = m_view->quantization->parameters.segmentation.count() == 1;
  m_quantized->setVisible(!oneScale || shape.levels.empty());
  if (oneScale && shape.levels.size() > 1) {
    // A level stands for all values within a step; per column width it compares with the bins.
    const double step = std::abs(static_cast<double>(shape.levels[1]) - shape.levels[0]);
    const double scale = std::min(1.0, columnWidth / std::max(step, 1e-30));
    keys.clear();
    counts.clear();
    for (std::size_t i = 0; i < shape.levels.size(); ++i) {
      keys << static_cast<double>(shape.levels[i]);
      counts << static_cast<double>(shape.levelCounts[i]) * scale;
    }
    m_levels->setData(keys, counts);
  } else {
    keys.clear();
    counts.clear();
    const int perColumn =
        std::max(1, static_cast<int>(std::lround(columnWidth / shape.dequantized.binWidth())));
    columns(shape.dequantized, perColumn, keys, counts);
    const double sampled =
        shape.sampled > 0 ? static_cast<double>(m_view->matrix->count()) / static_cast<double>(shape.sampled)
                          : 1.0;
    const double width = perColumn * shape.dequantized.binWidth();
    for (double& count : counts) {
      count *= sampled * columnWidth / width;
    }
    m_quantized->setData(keys, counts, true);
    if (!shape.levels.empty() && shape.levels.size() <= 64) {
      keys.clear();
      counts.clear();
      for (const float level : shape.levels) {
        keys << static_cast<double>(level);
        counts << (m_logarithmic ? 1.0 : 0.0);
      }
      m_levels->setData(keys, counts);
    }
  }
  showClipping();
}

void HistogramPlot::showClipping() {
  std::optional<ClippingHandles::Clipping> clipping;
  if (m_view && formatFacts(m_view->scheme.format).family != FormatFamily::floating) {
    const Histogram& histogram = m_view->profile->histogram;
    clipping = {m_view->clipping, m_view->scheme.mapping != Mapping::asymmetric, histogram.hi - histogram.lo,
                m_view->quantization->total.clippedShare()};
  }
  m_handles.set(clipping);
}

void HistogramPlot::fitAxes() {
  if (!m_view) {
    xAxis->setRange(-1.0, 1.0);
    yAxis->setRange(m_logarithmic ? QCPRange(kLogFloor, 10.0) : QCPRange(0.0, 1.0));
    return;
  }
  const Histogram& histogram = m_view->profile->histogram;
  double lo = histogram.lo;
  double hi = histogram.hi;
  if (m_handles.canClip()) { // a range beyond the values is shown too, but does not shrink them to a line
    const double reach = hi - lo; // enough for the mirrored range of values on one side of zero
    lo = std::min(lo, std::max(static_cast<double>(m_view->clipping.lo), lo - reach));
    hi = std::max(hi, std::min(static_cast<double>(m_view->clipping.hi), hi + reach));
  }
  const double margin = std::max(0.06 * (hi - lo), 1e-12);
  xAxis->setRange(lo - margin, hi + margin);
  double most = 1.0;
  for (const QCPGraph* graph : {m_floats, m_quantized, m_levels}) {
    for (const QCPGraphData& point : *graph->data()) {
      most = std::max(most, point.value);
    }
  }
  yAxis->setRange(m_logarithmic ? kLogFloor : 0.0, m_logarithmic ? most * 3.0 : most * 1.15);
}

QString HistogramPlot::describe(double key, double) const {
  if (!m_view) {
    return {};
  }
  const Histogram& histogram = m_view->profile->histogram;
  const double width = histogram.binWidth() * m_binsPerColumn;
  const int column = width > 0.0 ? static_cast<int>(std::floor((key - histogram.lo) / width)) : -1;
  if (column < 0 || column >= m_floats->dataCount() - 1) {
    return {};
  }
  QString text =
      tr("%1 to %2: %3 values")
          .arg(numberText(histogram.lo + column * width), numberText(histogram.lo + (column + 1) * width),
               QString::fromStdString(
                   formatCount(static_cast<std::int64_t>(m_floats->data()->at(column)->value))));
  const auto& levels = m_view->shape->levels;
  if (!levels.empty()) {
    const auto nearest = std::min_element(levels.begin(), levels.end(), [&](float a, float b) {
      return std::abs(static_cast<double>(a) - key) < std::abs(static_cast<double>(b) - key);
    });
    text += tr("\nnearest level %1").arg(numberText(static_cast<double>(*nearest)));
  }
  return text;
}

PlotTable HistogramPlot::table() const {
  PlotTable table;
  if (!m_view) {
    return table;
  }
  table.headers =
      QStringList{tr("bin start"), tr("bin end"), tr("count"), tr("level"), tr("values at level")};
  table.columns.resize(5);
  const Histogram& histogram = m_view->profile->histogram;
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    table.columns[0].push_back(histogram.lo + static_cast<double>(i) * histogram.binWidth());
    table.columns[1].push_back(histogram.lo + static_cast<double>(i + 1) * histogram.binWidth());
    table.columns[2].push_back(static_cast<double>(histogram.counts[i]));
  }
  table.columns[3].assign(m_view->shape->levels.begin(), m_view->shape->levels.end());
  table.columns[4].assign(m_view->shape->levelCounts.begin(), m_view->shape->levelCounts.end());
  return table;
}

} // namespace halfstep
