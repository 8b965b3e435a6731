#include "widgets/plots/step_fill.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

/// Columns side by side do not overlap: their edges are rounded alike.
QRect wholePixels(const QRectF& column) {
  const auto pixel = [](double at) { return static_cast<int>(std::round(at)); };
  const QPoint from(pixel(column.left()), pixel(column.top()));
  return {from, QSize(pixel(column.right()) - from.x(), pixel(column.bottom()) - from.y())};
}

} // namespace

StepFill::StepFill(const QCPGraph* upper, const QCPGraph* lower)
    : QCPAbstractItem(upper->parentPlot())
    , m_upper(upper)
    , m_lower(lower) {
  setSelectable(false);
}

void StepFill::draw(QCPPainter* painter) {
  const QCPAxis& keys = *m_upper->keyAxis();
  const QCPAxis& values = *m_upper->valueAxis();
  const QCPGraphDataContainer& data = *m_upper->data();
  const QRect inside = values.axisRect()->rect();
  const bool centered = m_upper->lineStyle() == QCPGraph::lsStepCenter;
  const bool exact = painter->modes().testFlag(QCPPainter::pmVectorized);
  const int columns = data.size() - (centered ? 0 : 1);
  if (columns < 1) {
    return;
  }
  const auto at = [&](int i) { return data.at(std::clamp(i, 0, data.size() - 1)); };
  const auto edge = [&](int i) { // the left edge of column i
    return keys.coordToPixel(centered ? 0.5 * (at(i - 1)->key + at(i)->key) : at(i)->key);
  };
  const auto pixel = [&](double value) {
    return std::clamp(values.coordToPixel(value), inside.top() - 1.0, inside.bottom() + 1.0);
  };
  const double floor = inside.bottom() + 1.0;
  // Columns narrower than a pixel share one, as high as the highest of them.
  applyAntialiasingHint(painter, false, QCP::aeFills);
  double left = edge(0);
  double top = floor;
  double bottom = inside.top() - 1.0;
  for (int i = 0; i < columns; ++i) {
    top = std::min(top, pixel(data.at(i)->value));
    bottom = std::max(bottom, m_lower != nullptr ? pixel(m_lower->data()->at(i)->value) : floor);
    const double right = edge(i + 1);
    if (exact || std::round(right) > std::round(left)) {
      if (bottom > top && right > inside.left() && left < inside.right()) {
        const QRectF column(QPointF(left, top), QPointF(right, bottom));
        if (exact) {
          painter->fillRect(column, m_color);
        } else {
          painter->fillRect(wholePixels(column), m_color); // several times as fast
        }
      }
      left = right;
      top = floor;
      bottom = inside.top() - 1.0;
    }
  }
}

} // namespace halfstep
