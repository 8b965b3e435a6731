// Paints the sensitivity table: heat cells with their figures, and bars with their intervals. UI thread.
#pragma once

#include <QStyledItemDelegate>

namespace halfstep {

class SensitivityDelegate : public QStyledItemDelegate {
  Q_OBJECT

public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;

  static constexpr int kRowHeight = 26;
};

} // namespace halfstep
