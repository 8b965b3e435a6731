#include "widgets/plots/histogram_plot.h"

#include "core/support/units.h"
#include "widgets/plots/step_fill.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr int kGrabPixels = 7;
constexpr double kMostColumns = 256;
constexpr double kLogFloor = 0.7; // below one value per bin, so that single values still show

QString number(double value) {
  return QString::fromStdString(formatReal(value));
}

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
    : Plot(QStringLiteral("weight_histogram"), tr("weight value"), tr("count"), parent)
    , m_linearTicker(yAxis->ticker()) {
  setMinimumHeight(150);
  for (int side = 0; side < 2; ++side) {
    m_zones[side] = new QCPItemRect(this);
    m_zones[side]->setLayer(QStringLiteral("background"));
    m_zones[side]->setPen(Qt::NoPen);
    m_zones[side]->setSelectable(false);
    // One side at the handle, the other at the plot's edge.
    m_zones[side]->topLeft->setType(QCPItemPosition::ptAxisRectRatio);
    m_zones[side]->bottomRight->setType(QCPItemPosition::ptAxisRectRatio);
    (side == 0 ? m_zones[side]->bottomRight : m_zones[side]->topLeft)
        ->setTypeX(QCPItemPosition::ptPlotCoords);
  }
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
  for (int side = 0; side < 2; ++side) {
    m_lines[side] = new QCPItemLine(this);
    for (QCPItemPosition* end : {m_lines[side]->start, m_lines[side]->end}) {
      end->setTypeX(QCPItemPosition::ptPlotCoords);
      end->setTypeY(QCPItemPosition::ptAxisRectRatio);
    }
    m_grips[side] = new QCPItemText(this);
    m_grips[side]->setText(QStringLiteral("  "));
    m_values[side] = new QCPItemText(this);
    for (QCPItemText* text : {m_grips[side], m_values[side]}) {
      text->position->setTypeX(QCPItemPosition::ptPlotCoords);
      text->position->setTypeY(QCPItemPosition::ptAxisRectRatio);
      text->setSelectable(false);
    }
    m_grips[side]->setPositionAlignment(Qt::AlignHCenter | Qt::AlignTop);
    m_values[side]->setPositionAlignment((side == 0 ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignTop);
    m_values[side]->setPadding(QMargins(8, 1, 8, 1));
    m_lines[side]->setSelectable(false);
  }
  m_clippedShare = new QCPItemText(this);
  m_clippedShare->position->setType(QCPItemPosition::ptAxisRectRatio);
  m_clippedShare->position->setCoords(0.0, 0.16);
  m_clippedShare->setPositionAlignment(Qt::AlignLeft | Qt::AlignTop);
  m_clippedShare->setPadding(QMargins(6, 2, 6, 2));
  m_clippedShare->setSelectable(false);
  connect(xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this] {
    if (m_view && m_dragged == Handle::none) {
      rebuild();
    }
  });
  connect(this, &QCustomPlot::afterLayout, this, &HistogramPlot::placeHandles);
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
  QColor zone = theme.clipping;
  zone.setAlpha(theme.dark ? 28 : 26);
  for (int side = 0; side < 2; ++side) {
    m_zones[side]->setBrush(zone);
    m_lines[side]->setPen(QPen(theme.clipping, 1.5, Qt::DashLine));
    m_grips[side]->setBrush(theme.clipping);
    m_grips[side]->setPen(QPen(theme.clipping));
    m_values[side]->setColor(theme.clipping);
    m_values[side]->setFont(xAxis->tickLabelFont());
  }
  m_clippedShare->setColor(theme.clipping);
  m_clippedShare->setFont(xAxis->tickLabelFont());
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
  setEmptyText(m_view ? QString() : tr("Select a layer to see its weights"));
  rebuild();
  if (otherLayer) {
    showAll();
  } else if (m_dragged == Handle::none && !showsHandles()) {
    dataChanged();
  } else {
    replot(QCustomPlot::rpQueuedReplot); // the axes stay under the hand that drags
  }
}

void HistogramPlot::rebuild() {
  m_floats->data()->clear();
  m_quantized->data()->clear();
  m_levels->data()->clear();
  if (!m_view) {
    placeHandles();
    return;
  }
  const Histogram& histogram = m_view->profile->histogram;
  const double shown = std::min(1.0, xAxis->range().size() / std::max(histogram.hi - histogram.lo, 1e-30));
  const int bins = static_cast<int>(histogram.counts.size());
  // Few values make a comb of many columns; the cube root is Rice's rule, with room for detail.
  const double wanted =
      std::clamp(6.0 * std::cbrt(static_cast<double>(m_view->matrix->count())), 32.0, kMostColumns);
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
  placeHandles();
}

void HistogramPlot::placeHandles() {
  const bool visible = canClip();
  for (int side = 0; side < 2; ++side) {
    for (QCPAbstractItem* item : std::initializer_list<QCPAbstractItem*>{m_zones[side], m_lines[side],
                                                                         m_grips[side], m_values[side]}) {
      item->setVisible(visible);
    }
    if (!visible) {
      continue;
    }
    const double at =
        side == 0 ? static_cast<double>(m_view->clipping.lo) : static_cast<double>(m_view->clipping.hi);
    m_lines[side]->start->setCoords(at, 1.0);
    m_lines[side]->end->setCoords(at, 0.0);
    m_grips[side]->position->setCoords(at, 0.0);
    m_values[side]->position->setCoords(at, 0.0);
    m_values[side]->setText(number(at));
    // Outside the range where there is room for it, otherwise inside.
    const int room = QFontMetrics(m_values[side]->font()).horizontalAdvance(number(at)) + 18;
    const double pixel = xAxis->coordToPixel(at);
    const bool outside = side == 0 ? pixel - axisRect()->left() > room : axisRect()->right() - pixel > room;
    m_values[side]->setPositionAlignment(((side == 0) == outside ? Qt::AlignRight : Qt::AlignLeft) |
                                         Qt::AlignTop);
    m_zones[side]->topLeft->setCoords(side == 0 ? 0.0 : at, 0.0);
    m_zones[side]->bottomRight->setCoords(side == 0 ? at : 1.0, 1.0);
  }
  const bool anything = visible && m_view->quantization->total.clipped > 0;
  m_clippedShare->setVisible(anything);
  if (anything) {
    m_clippedShare->setText(
        tr("%1 clipped")
            .arg(QString::fromStdString(formatShare(m_view->quantization->total.clippedShare()))));
    // At the left edge, but not across the handle's line: behind that where the zone is too narrow.
    const int needed = QFontMetrics(m_clippedShare->font()).horizontalAdvance(m_clippedShare->text()) + 12;
    const double zone = xAxis->coordToPixel(static_cast<double>(m_view->clipping.lo)) - axisRect()->left();
    const bool isCrossed = zone > 0.0 && zone < needed;
    m_clippedShare->position->setCoords(isCrossed ? zone / std::max(1, axisRect()->width()) : 0.0, 0.16);
  }
}

bool HistogramPlot::showsHandles() const {
  const QCPRange shown = xAxis->range();
  return canClip() && shown.contains(static_cast<double>(m_view->clipping.lo)) &&
         shown.contains(static_cast<double>(m_view->clipping.hi));
}

bool HistogramPlot::canClip() const {
  return m_view && formatFacts(m_view->scheme.format).family != FormatFamily::floating;
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
  if (canClip()) { // a range beyond the values is shown too, but does not shrink them to a line
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
  QString text = tr("%1 to %2: %3 values")
                     .arg(number(histogram.lo + column * width), number(histogram.lo + (column + 1) * width),
                          QString::fromStdString(
                              formatCount(static_cast<std::int64_t>(m_floats->data()->at(column)->value))));
  const auto& levels = m_view->shape->levels;
  if (!levels.empty()) {
    const auto nearest = std::min_element(levels.begin(), levels.end(), [&](float a, float b) {
      return std::abs(static_cast<double>(a) - key) < std::abs(static_cast<double>(b) - key);
    });
    text += tr("\nnearest level %1").arg(number(static_cast<double>(*nearest)));
  }
  return text;
}

HistogramPlot::Handle HistogramPlot::handleAt(const QPoint& position) const {
  if (!canClip()) {
    return Handle::none;
  }
  const double high = std::abs(xAxis->coordToPixel(static_cast<double>(m_view->clipping.hi)) - position.x());
  const double low = std::abs(xAxis->coordToPixel(static_cast<double>(m_view->clipping.lo)) - position.x());
  if (std::min(high, low) > kGrabPixels) {
    return Handle::none;
  }
  return high <= low ? Handle::high : Handle::low;
}

bool HistogramPlot::takesPress(const QPoint& position) {
  m_dragged = handleAt(position);
  return m_dragged != Handle::none;
}

bool HistogramPlot::takesDoubleClick(const QPoint& position) {
  m_dragged = Handle::none;
  if (handleAt(position) == Handle::none) {
    return false;
  }
  emit clippingReset();
  return true;
}

void HistogramPlot::dragTo(double key, bool finished) {
  // The clipping range always holds zero, which must stay representable.
  const double least = 1e-4 * std::max(m_view->profile->histogram.hi - m_view->profile->histogram.lo, 1e-30);
  ValueRange range = m_view->clipping;
  double lo = static_cast<double>(range.lo);
  double hi = static_cast<double>(range.hi);
  if (m_view->scheme.mapping != Mapping::asymmetric) {
    hi = std::max(least, m_dragged == Handle::high ? key : -key);
    lo = -hi;
  } else if (m_dragged == Handle::high) {
    hi = std::max(key, lo < 0.0 ? 0.0 : least);
  } else {
    lo = std::min(key, hi > 0.0 ? 0.0 : -least);
  }
  const auto rounded = [](double value) { return QString::number(value, 'g', 5).toDouble(); };
  if (rounded(lo) < rounded(hi)) {
    emit clippingDragged(rounded(lo), rounded(hi), finished);
  }
}

void HistogramPlot::mouseMoveEvent(QMouseEvent* event) {
  if (m_dragged != Handle::none && m_view) {
    dragTo(xAxis->pixelToCoord(event->pos().x()), false);
    return;
  }
  setCursor(event->buttons() == Qt::NoButton && handleAt(event->pos()) != Handle::none ? Qt::SizeHorCursor
                                                                                       : Qt::ArrowCursor);
  Plot::mouseMoveEvent(event);
}

void HistogramPlot::mouseReleaseEvent(QMouseEvent* event) {
  if (m_dragged != Handle::none && m_view) {
    dragTo(xAxis->pixelToCoord(event->pos().x()), true);
    m_dragged = Handle::none;
    return;
  }
  m_dragged = Handle::none;
  Plot::mouseReleaseEvent(event);
}

void HistogramPlot::keyPressEvent(QKeyEvent* event) {
  // Arrow keys narrow and widen the clipping range by one percent; with Shift only its low end (asymmetric
  // mappings).
  if (canClip() && (event->key() == Qt::Key_Left || event->key() == Qt::Key_Right)) {
    const bool lowEnd = event->modifiers().testFlag(Qt::ShiftModifier);
    m_dragged = lowEnd ? Handle::low : Handle::high;
    const double at = static_cast<double>(lowEnd ? m_view->clipping.lo : m_view->clipping.hi);
    const double step = 0.01 * std::max(std::abs(at), 1e-3 * xAxis->range().size());
    dragTo(at + (event->key() == Qt::Key_Right ? step : -step), true);
    m_dragged = Handle::none;
    return;
  }
  Plot::keyPressEvent(event);
}

QPoint HistogramPlot::handlePosition(bool high) const {
  if (!m_view) {
    return {};
  }
  const double at = static_cast<double>(high ? m_view->clipping.hi : m_view->clipping.lo);
  return {static_cast<int>(std::lround(xAxis->coordToPixel(at))), axisRect()->center().y()};
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
