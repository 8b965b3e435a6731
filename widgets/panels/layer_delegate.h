// Paints the cells of the layers table: name with operator below, size bar, scheme chip, judged SQNR. UI
// thread.
#pragma once

#include <QStyledItemDelegate>

namespace halfstep {

class LayerDelegate : public QStyledItemDelegate {
  Q_OBJECT

public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option,
                        const QModelIndex& index) const override;

  static constexpr int kRowHeight = 38;
};

} // namespace halfstep
