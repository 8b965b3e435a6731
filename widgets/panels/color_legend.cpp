#include "widgets/panels/color_legend.h"

#include "widgets/style/color_map.h"
#include "widgets/style/theme.h"

#include <QPainter>

namespace halfstep {

namespace {
constexpr int kBarWidth = 180;
constexpr int kLegendHeight = 8;
} // namespace

ColorLegend::ColorLegend(QWidget* parent)
    : QWidget(parent) {
  setObjectName(QStringLiteral("color_legend"));
  setFixedHeight(20);
}

void ColorLegend::setRange(const QString& least, const QString& most, const QString& title) {
  m_least = least;
  m_most = most;
  m_title = title;
  setAccessibleName(tr("Colours: %1 to %2, %3").arg(least, most, title));
  update();
}

void ColorLegend::paintEvent(QPaintEvent*) {
  if (m_least.isEmpty() && m_most.isEmpty()) {
    return;
  }
  const Theme& theme = currentTheme();
  QPainter painter(this);
  QFont small = font();
  small.setPixelSize(11);
  painter.setFont(small);
  painter.setPen(theme.textQuiet);
  const QFontMetrics metrics(small);
  int at = 0;
  const auto text = [&](const QString& words) {
    painter.setPen(theme.textQuiet);
    painter.drawText(QRect(at, 0, width() - at, height()), Qt::AlignLeft | Qt::AlignVCenter,
                     metrics.elidedText(words, Qt::ElideRight, width() - at));
    at += metrics.horizontalAdvance(words) + kSpace;
  };
  text(m_least);
  for (int x = 0; x < kBarWidth; ++x) {
    painter.fillRect(at + x, (height() - kLegendHeight) / 2, 1, kLegendHeight,
                     sequentialColor(static_cast<double>(x) / (kBarWidth - 1)));
  }
  at += kBarWidth + kSpace;
  text(m_most);
  at += kSpace;
  text(m_title);
}

} // namespace halfstep
