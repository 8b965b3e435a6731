#include "widgets/panels/latency_delegate.h"

#include "widgets/plots/latency_plot.h"
#include "widgets/style/theme.h"
#include "widgets/viewmodels/latency_model.h"

#include <QPainter>

namespace halfstep {

namespace {
constexpr int kLatencyPadding = 8;
constexpr double kBarHeight = 6.0;
} // namespace

QColor LatencyDelegate::conversionColor(const Theme& theme) {
  return mixed(theme.clipping, theme.panel, 0.6);
}

void LatencyDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                            const QModelIndex& index) const {
  const Theme& theme = currentTheme();
  painter->save();
  painter->setFont(option.font);
  if (option.state.testFlag(QStyle::State_Selected)) {
    painter->fillRect(option.rect, theme.selection);
  }
  const QRect cell = option.rect.adjusted(kLatencyPadding, 0, -kLatencyPadding, 0);
  if (index.column() == LatencyModel::barsColumn) {
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(Qt::NoPen);
    const QVariantList lengths = index.data(LatencyModel::barsRole).toList();
    const auto types = static_cast<int>(lengths.size()) / 2;
    double top = cell.center().y() - kBarHeight * types / 2.0 - 1.0;
    for (int i = 0; i < types; ++i, top += kBarHeight + 1.0) {
      const double own = lengths[2 * i].toDouble();
      if (own >= 0.0) {
        const double width = std::max(1.5, own * cell.width());
        const double around = lengths[2 * i + 1].toDouble() * cell.width();
        painter->setBrush(latencyColor(kLatencyTypes[static_cast<std::size_t>(i)], theme));
        painter->drawRoundedRect(QRectF(cell.left(), top, width, kBarHeight), 2, 2);
        painter->setBrush(conversionColor(theme));
        painter->drawRect(QRectF(cell.left() + width, top + 1.5, around, kBarHeight - 3.0));
      }
    }
  } else {
    const QVariant faster = index.data(LatencyModel::fasterRole);
    const bool isReason = index.column() == static_cast<int>(LatencyModel::reasonColumn);
    painter->setPen(!faster.isValid() ? (isReason ? theme.textQuiet : theme.text)
                                      : (faster.toDouble() >= 1.1 ? theme.good : theme.textQuiet));
    const auto alignment = static_cast<Qt::Alignment>(index.data(Qt::TextAlignmentRole).toInt());
    painter->drawText(
        cell, static_cast<int>(alignment),
        QFontMetrics(option.font)
            .elidedText(index.data().toString(), isReason ? Qt::ElideRight : Qt::ElideMiddle, cell.width()));
  }
  painter->restore();
}

} // namespace halfstep
