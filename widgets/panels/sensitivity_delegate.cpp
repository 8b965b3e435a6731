#include "widgets/panels/sensitivity_delegate.h"

#include "widgets/style/color_map.h"
#include "widgets/style/theme.h"
#include "widgets/viewmodels/sensitivity_model.h"

#include <QPainter>

namespace halfstep {

namespace {

constexpr int kSensitivityPadding = 8;

void paintHeat(QPainter& painter, const QRect& cell, const QModelIndex& index, const Theme& theme) {
  const QVariant share = index.data(SensitivityModel::shareRole);
  const QRectF box = QRectF(cell).adjusted(1.5, 1.5, -1.5, -1.5);
  if (!share.isValid()) {
    painter.setPen(theme.textQuiet);
    painter.drawText(cell, Qt::AlignCenter, index.data().toString());
    return;
  }
  const QColor color = sequentialColor(share.toDouble());
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(color);
  painter.drawRoundedRect(box, 3, 3);
  painter.setPen(readableOn(color));
  painter.drawText(cell, Qt::AlignCenter, index.data().toString());
}

void paintBar(QPainter& painter, const QRect& cell, const QModelIndex& index, const Theme& theme) {
  const QVariant length = index.data(SensitivityModel::barRole);
  if (!length.isValid()) {
    return;
  }
  const QRectF room = QRectF(cell).adjusted(kSensitivityPadding, 0, -kSensitivityPadding, 0);
  const double middle = room.center().y();
  const bool tied = index.data(SensitivityModel::tiedRole).toBool();
  const QRectF bar(room.left(), middle - 6, std::max(2.0, length.toDouble() * room.width()), 12);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(tied ? theme.floatSeries : theme.accent);
  painter.drawRoundedRect(bar, 3, 3);
  const QVariant low = index.data(SensitivityModel::barLowRole);
  const QVariant high = index.data(SensitivityModel::barHighRole);
  if (low.isValid() && high.isValid()) {
    painter.setPen(QPen(theme.text, 1.2));
    painter.drawLine(QPointF(room.left() + low.toDouble() * room.width(), middle),
                     QPointF(room.left() + high.toDouble() * room.width(), middle));
  }
}

} // namespace

void SensitivityDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                                const QModelIndex& index) const {
  const Theme& theme = currentTheme();
  painter->save();
  painter->setFont(option.font);
  if (option.state.testFlag(QStyle::State_Selected)) {
    painter->fillRect(option.rect, theme.selection);
  }
  const int last = index.model()->columnCount() - 1;
  if (index.column() == 0) {
    const QRect text = option.rect.adjusted(kSensitivityPadding, 0, -kSensitivityPadding, 0);
    painter->setPen(theme.text);
    painter->drawText(
        text, Qt::AlignLeft | Qt::AlignVCenter,
        QFontMetrics(option.font).elidedText(index.data().toString(), Qt::ElideMiddle, text.width()));
  } else if (index.column() == last) {
    paintBar(*painter, option.rect, index, theme);
  } else {
    paintHeat(*painter, option.rect, index, theme);
  }
  painter->restore();
}

QSize SensitivityDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
  return {QFontMetrics(option.font).horizontalAdvance(index.data().toString()) + 2 * kSensitivityPadding,
          kRowHeight};
}

} // namespace halfstep
