// Paints the latency table: a bar for each type, and figures that tell faster from slower. UI thread.
#pragma once

#include <QStyledItemDelegate>

namespace halfstep {

struct Theme;

class LatencyDelegate : public QStyledItemDelegate {
  Q_OBJECT

public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;

  /// The colour of the conversions at a bar's end, here and in the legend.
  static QColor conversionColor(const Theme& theme);
  static constexpr int kRowHeight = 36;
};

} // namespace halfstep
