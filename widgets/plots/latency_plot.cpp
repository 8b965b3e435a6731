#include "widgets/plots/latency_plot.h"

#include "core/support/units.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace halfstep {

namespace {
constexpr double kHalfBar = 0.36;      ///< of a row's height
constexpr double kSeparatedPixels = 4; ///< narrower segments touch each other
constexpr double kRoomForTotals = 1.5; ///< of the longest bar's length
constexpr int kTextGap = 6;            ///< pixels between a bar's end and its total

double rowOf(std::size_t stack, std::size_t stacks) {
  return static_cast<double>(stacks - 1 - stack);
}
} // namespace

QColor latencyColor(LatencyType type, const Theme& theme) {
  switch (type) {
  case LatencyType::fp32:
    return theme.floatSeries;
  case LatencyType::bf16:
    return mixed(theme.accent, theme.panel, 0.35);
  case LatencyType::int8:
    return theme.accent;
  case LatencyType::int4:
    return mixed(theme.accent, theme.text, 0.55);
  }
  return theme.text;
}

/// Draws the bars. One item, because a network may have thousands of layers.
class LatencyBars : public QCPAbstractItem {
public:
  explicit LatencyBars(QCustomPlot* plot)
      : QCPAbstractItem(plot) {}

  const std::vector<LatencyStack>* stacks = nullptr;
  const Theme* theme = nullptr;
  double unit = 1e-3;
  int current = -1;

  double selectTest(const QPointF&, bool, QVariant*) const override { return -1; }

protected:
  void draw(QCPPainter* painter) override {
    painter->setAntialiasing(false);
    for (std::size_t row = 0; row < stacks->size(); ++row) {
      drawStack(*painter, (*stacks)[row], rowOf(row, stacks->size()));
    }
  }

private:
  void drawStack(QCPPainter& painter, const LatencyStack& stack, double row) const {
    const QCPAxis& keys = *parentPlot()->xAxis;
    const QCPAxis& rows = *parentPlot()->yAxis;
    const double top = rows.coordToPixel(row + kHalfBar);
    const double bottom = rows.coordToPixel(row - kHalfBar);
    double sum = 0.0;
    QRectF marked;
    for (std::size_t layer = 0; layer < stack.segments.size(); ++layer) {
      const LatencySegment& segment = stack.segments[layer];
      const double from = keys.coordToPixel(sum / unit);
      sum += segment.seconds;
      const double to = keys.coordToPixel(sum / unit);
      const QRectF rectangle(QPointF(from, top), QPointF(to, bottom));
      painter.fillRect(rectangle, latencyColor(segment.type, *theme));
      if (to - from >= kSeparatedPixels) {
        painter.fillRect(QRectF(to - 1.0, top, 1.0, bottom - top), theme->panel);
      }
      if (static_cast<int>(layer) == current && segment.seconds > 0.0) {
        marked = QRectF(from, top, std::max(2.0, to - from), bottom - top);
      }
    }
    if (!marked.isNull()) {
      painter.setPen(QPen(theme->text, 2));
      painter.setBrush(Qt::NoBrush);
      painter.drawRect(marked.adjusted(0, -1, -1, 1));
    }
    painter.setPen(theme->text);
    painter.setFont(rows.tickLabelFont());
    const double textFrom = keys.coordToPixel(sum / unit) + kTextGap;
    const double room = parentPlot()->axisRect()->right() - textFrom;
    const QString text = QFontMetricsF(painter.font())
                             .elidedText(stack.label, Qt::ElideRight, room); // the tooltip has all of it
    painter.drawText(QRectF(textFrom, top, room, bottom - top),
                     static_cast<int>(Qt::AlignLeft | Qt::AlignVCenter), text);
  }
};

LatencyPlot::LatencyPlot(QWidget* parent)
    : Plot(QStringLiteral("latency_stacks"), QString(), QString(), parent)
    , m_bars(new LatencyBars(this)) {
  m_bars->stacks = &m_stacks;
  m_bars->setSelectable(false);
  yAxis->grid()->setVisible(false);
  yAxis->setTickPen(Qt::NoPen);
  setToolTip(tr("Every layer's time, stacked in the file's order: what the layers of the network take "
                "together.\nGrey in another type's bar: no kernel for it, the layer counts in float32.\n"
                "Click a segment to select its layer; arrow keys step."));
  setStacks({}, {});
  recolor();
}

void LatencyPlot::applyColors(const Theme& theme) {
  m_bars->theme = &theme;
}

void LatencyPlot::setStacks(std::vector<LatencyStack> stacks, QStringList layers) {
  m_stacks = std::move(stacks);
  m_layers = std::move(layers);
  double longest = 0.0;
  auto names = QSharedPointer<QCPAxisTickerText>::create();
  for (std::size_t row = 0; row < m_stacks.size(); ++row) {
    longest = std::max(longest, m_stacks[row].total());
    names->addTick(rowOf(row, m_stacks.size()), m_stacks[row].name);
  }
  yAxis->setTicker(names);
  const bool micro = longest < 1e-4;
  m_unit = micro ? 1e-6 : 1e-3;
  m_bars->unit = m_unit;
  setTitles(micro ? tr("time of all layers, µs") : tr("time of all layers, ms"), QString());
  setEmptyText(longest > 0.0 ? QString() : tr("Not measured yet"));
  yAxis->grid()->setVisible(false);
  xAxis->grid()->setVisible(longest > 0.0);
  dataChanged();
}

void LatencyPlot::setCurrentLayer(int layer) {
  if (m_layer == layer) {
    return;
  }
  m_layer = layer;
  m_bars->current = layer;
  replot(QCustomPlot::rpQueuedReplot);
}

void LatencyPlot::fitAxes() {
  double longest = 0.0;
  for (const LatencyStack& stack : m_stacks) {
    longest = std::max(longest, stack.total());
  }
  xAxis->setRange(0.0, longest > 0.0 ? kRoomForTotals * longest / m_unit : 1.0);
  yAxis->setRange(-0.6, std::max<double>(1.0, static_cast<double>(m_stacks.size())) - 0.4);
}

LatencyPlot::Place LatencyPlot::placeAt(double key, double value) const {
  const double row = static_cast<double>(m_stacks.size()) - 1.0 - std::round(value);
  if (row < 0.0 || row >= static_cast<double>(m_stacks.size()) ||
      std::abs(value - std::round(value)) > kHalfBar || key < 0.0) {
    return {};
  }
  const LatencyStack& stack = m_stacks[static_cast<std::size_t>(row)];
  double sum = 0.0;
  for (std::size_t layer = 0; layer < stack.segments.size(); ++layer) {
    sum += stack.segments[layer].seconds;
    if (key * m_unit < sum) {
      return {&stack, static_cast<int>(layer)};
    }
  }
  return {&stack, -1};
}

int LatencyPlot::layerAt(const QPoint& at) const {
  return placeAt(xAxis->pixelToCoord(at.x()), yAxis->pixelToCoord(at.y())).layer;
}

QString LatencyPlot::describe(double key, double value) const {
  const Place place = placeAt(key, value);
  if (place.stack == nullptr) {
    return {};
  }
  if (place.layer < 0) {
    const QStringList& without = place.stack->without;
    return tr("%1: %2").arg(place.stack->name, place.stack->label) +
           (without.isEmpty() ? QString()
                              : '\n' + tr("No time of: %1").arg(without.join(QStringLiteral(", "))));
  }
  const LatencySegment& segment = place.stack->segments[static_cast<std::size_t>(place.layer)];
  const auto type = latencyTypeName(segment.type);
  return tr("%1\n%2 in %3: %4 of this bar")
      .arg(m_layers.value(place.layer), timeText(segment.seconds),
           QString::fromUtf8(type.data(), static_cast<qsizetype>(type.size())),
           QString::fromStdString(formatShare(segment.seconds / place.stack->total())));
}

void LatencyPlot::clicked(const QPoint& at) {
  if (const int layer = layerAt(at); layer >= 0) {
    emit layerPicked(layer);
  }
}

bool LatencyPlot::stepped(int step) {
  if (!m_layers.isEmpty()) {
    emit layerPicked(std::clamp(m_layer + step, 0, static_cast<int>(m_layers.size()) - 1));
  }
  return !m_layers.isEmpty();
}

PlotTable LatencyPlot::table() const {
  PlotTable table;
  table.headers = QStringList{tr("layer")};
  table.columns.resize(1);
  for (int layer = 0; layer < m_layers.size(); ++layer) {
    table.columns[0].push_back(layer);
  }
  for (const LatencyStack& stack : m_stacks) {
    table.headers << tr("%1, seconds").arg(stack.name);
    table.columns.emplace_back();
    for (const LatencySegment& segment : stack.segments) {
      table.columns.back().push_back(segment.seconds);
    }
  }
  return table;
}

} // namespace halfstep
