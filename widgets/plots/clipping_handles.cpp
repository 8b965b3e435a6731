#include "widgets/plots/clipping_handles.h"

#include "core/support/units.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr int kGrabPixels = 7;

} // namespace

ClippingHandles::ClippingHandles(QCustomPlot& plot)
    : m_plot(plot)
    , m_clippedShare(new QCPItemText(&plot)) {
  for (int side = 0; side < 2; ++side) {
    m_zones[side] = new QCPItemRect(&plot);
    m_zones[side]->setLayer(QStringLiteral("background"));
    m_zones[side]->setPen(Qt::NoPen);
    m_zones[side]->setSelectable(false);
    // One side at the handle, the other at the plot's edge.
    m_zones[side]->topLeft->setType(QCPItemPosition::ptAxisRectRatio);
    m_zones[side]->bottomRight->setType(QCPItemPosition::ptAxisRectRatio);
    (side == 0 ? m_zones[side]->bottomRight : m_zones[side]->topLeft)
        ->setTypeX(QCPItemPosition::ptPlotCoords);
    m_lines[side] = new QCPItemLine(&plot);
    for (QCPItemPosition* end : {m_lines[side]->start, m_lines[side]->end}) {
      end->setTypeX(QCPItemPosition::ptPlotCoords);
      end->setTypeY(QCPItemPosition::ptAxisRectRatio);
    }
    m_grips[side] = new QCPItemText(&plot);
    m_grips[side]->setText(QStringLiteral("  "));
    m_values[side] = new QCPItemText(&plot);
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
  m_clippedShare->position->setType(QCPItemPosition::ptAxisRectRatio);
  m_clippedShare->setPositionAlignment(Qt::AlignLeft | Qt::AlignTop);
  m_clippedShare->setPadding(QMargins(6, 2, 6, 2));
  m_clippedShare->setSelectable(false);
}

void ClippingHandles::applyColors(const Theme& theme) {
  QColor zone = theme.clipping;
  zone.setAlpha(theme.dark ? 28 : 26);
  const QFont font = m_plot.xAxis->tickLabelFont();
  for (int side = 0; side < 2; ++side) {
    m_zones[side]->setBrush(zone);
    m_lines[side]->setPen(QPen(theme.clipping, 1.5, Qt::DashLine));
    m_grips[side]->setBrush(theme.clipping);
    m_grips[side]->setPen(QPen(theme.clipping));
    m_values[side]->setColor(theme.clipping);
    m_values[side]->setFont(font);
  }
  m_clippedShare->setColor(theme.clipping);
  m_clippedShare->setFont(font);
}

void ClippingHandles::set(const std::optional<Clipping>& clipping) {
  m_clipping = clipping;
  place();
}

void ClippingHandles::place() {
  const QCPAxis& axis = *m_plot.xAxis;
  const QCPAxisRect& rect = *m_plot.axisRect();
  for (int side = 0; side < 2; ++side) {
    for (QCPAbstractItem* item : std::initializer_list<QCPAbstractItem*>{m_zones[side], m_lines[side],
                                                                         m_grips[side], m_values[side]}) {
      item->setVisible(canClip());
    }
    if (!canClip()) {
      continue;
    }
    const double end = at(side);
    m_lines[side]->start->setCoords(end, 1.0);
    m_lines[side]->end->setCoords(end, 0.0);
    m_grips[side]->position->setCoords(end, 0.0);
    m_values[side]->position->setCoords(end, 0.0);
    m_values[side]->setText(numberText(end));
    // Outside the range where there is room for it, otherwise inside.
    const int room = QFontMetrics(m_values[side]->font()).horizontalAdvance(numberText(end)) + 18;
    const double pixel = axis.coordToPixel(end);
    const bool outside = side == 0 ? pixel - rect.left() > room : rect.right() - pixel > room;
    m_values[side]->setPositionAlignment(((side == 0) == outside ? Qt::AlignRight : Qt::AlignLeft) |
                                         Qt::AlignTop);
    m_zones[side]->topLeft->setCoords(side == 0 ? 0.0 : end, 0.0);
    m_zones[side]->bottomRight->setCoords(side == 0 ? end : 1.0, 1.0);
  }
  const bool anything = canClip() && m_clipping->clippedShare > 0.0;
  m_clippedShare->setVisible(anything);
  if (anything) {
    m_clippedShare->setText(
        QObject::tr("%1 clipped").arg(QString::fromStdString(formatShare(m_clipping->clippedShare))));
    // At the left edge, but not across the handle's line: behind that where the zone is too narrow.
    const int needed = QFontMetrics(m_clippedShare->font()).horizontalAdvance(m_clippedShare->text()) + 12;
    const double zone = axis.coordToPixel(at(0)) - rect.left();
    const bool isCrossed = zone > 0.0 && zone < needed;
    m_clippedShare->position->setCoords(isCrossed ? zone / std::max(1, rect.width()) : 0.0, 0.16);
  }
}

bool ClippingHandles::areShown() const {
  const QCPRange shown = m_plot.xAxis->range();
  return canClip() && shown.contains(at(0)) && shown.contains(at(1));
}

ClippingHandles::End ClippingHandles::endAt(const QPoint& position) const {
  if (!canClip()) {
    return End::none;
  }
  const double low = std::abs(m_plot.xAxis->coordToPixel(at(0)) - position.x());
  const double high = std::abs(m_plot.xAxis->coordToPixel(at(1)) - position.x());
  if (std::min(high, low) > kGrabPixels) {
    return End::none;
  }
  return high <= low ? End::high : End::low;
}

QPoint ClippingHandles::position(bool high) const {
  if (!canClip()) {
    return {};
  }
  return {static_cast<int>(std::lround(m_plot.xAxis->coordToPixel(at(high ? 1 : 0)))),
          m_plot.axisRect()->center().y()};
}

bool ClippingHandles::press(const QPoint& position) {
  m_dragged = endAt(position);
  return isDragged();
}

std::optional<std::pair<double, double>> ClippingHandles::draggedTo(double key) const {
  if (!canClip() || !isDragged()) {
    return std::nullopt;
  }
  const double least = 1e-4 * std::max(m_clipping->span, 1e-30);
  double lo = at(0);
  double hi = at(1);
  if (m_clipping->isMirrored) {
    hi = std::max(least, m_dragged == End::high ? key : -key);
    lo = -hi;
  } else if (m_dragged == End::high) {
    hi = std::max(key, lo < 0.0 ? 0.0 : least);
  } else {
    lo = std::min(key, hi > 0.0 ? 0.0 : -least);
  }
  const auto rounded = [](double value) { return QString::number(value, 'g', 5).toDouble(); };
  const std::pair<double, double> range{rounded(lo), rounded(hi)};
  return range.first < range.second ? std::optional(range) : std::nullopt;
}

std::optional<std::pair<double, double>> ClippingHandles::stepped(End end, bool right) {
  if (!canClip()) {
    return std::nullopt;
  }
  m_dragged = end;
  const double from = at(end == End::low ? 0 : 1);
  const double step = 0.01 * std::max(std::abs(from), 1e-3 * m_plot.xAxis->range().size());
  const auto range = draggedTo(from + (right ? step : -step));
  release();
  return range;
}

} // namespace halfstep
