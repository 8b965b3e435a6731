// Paints the latency table: a bar for each type, and figures that tell faster from slower. UI thread.
#pragma once

#include "core/analysis/roofline.h"

#include <QStyledItemDelegate>

namespace halfstep {

struct Theme;

class LatencyDelegate : public QStyledItemDelegate {
  Q_OBJECT

public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;

  /// The colour of a type's bars, here and in the legend.
  static QColor colorOf(LatencyType type, const Theme& theme);
  static constexpr int kRowHeight = 36;
};

} // namespace halfstep
