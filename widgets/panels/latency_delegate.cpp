#include "widgets/panels/latency_delegate.h"

#include "widgets/style/theme.h"
#include "widgets/viewmodels/latency_model.h"

#include <QPainter>

namespace halfstep {

namespace {
constexpr int kPadding = 8;
constexpr double kBarHeight = 6.0;
} // namespace

QColor LatencyDelegate::colorOf(LatencyType type, const Theme& theme) {
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

void LatencyDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                            const QModelIndex& index) const {
  const Theme& theme = currentTheme();
  painter->save();
  painter->setFont(option.font);
  if (option.state.testFlag(QStyle::State_Selected)) {
    painter->fillRect(option.rect, theme.selection);
  }
  const QRect cell = option.rect.adjusted(kPadding, 0, -kPadding, 0);
  if (index.column() == LatencyModel::barsColumn) {
    painter->setRenderHint(QPainter::Antialiasing);
    painter->setPen(Qt::NoPen);
    const QVariantList lengths = index.data(LatencyModel::barsRole).toList();
    double top = cell.center().y() - kBarHeight * static_cast<double>(lengths.size()) / 2.0 - 1.0;
    for (int i = 0; i < lengths.size(); ++i, top += kBarHeight + 1.0) {
      const double length = lengths[i].toDouble();
      if (length >= 0.0) {
        painter->setBrush(colorOf(kLatencyTypes[static_cast<std::size_t>(i)], theme));
        painter->drawRoundedRect(QRectF(cell.left(), top, std::max(1.5, length * cell.width()), kBarHeight),
                                 2, 2);
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
