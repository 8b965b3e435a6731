// Fills between two step graphs of the same plot, or below one, as columns of whole pixels: what the graphs'
// own fill draws, without the polygon that makes up most of a plot's drawing time.
#pragma once

#include <qcustomplot.h>

namespace halfstep {

class StepFill : public QCPAbstractItem {
  Q_OBJECT

public:
  /// `upper` has the line style lsStepLeft or lsStepCenter; `lower` the same keys and style, or is null: then
  /// the columns stand on the plot's lower edge. The plot owns all of them.
  StepFill(const QCPGraph* upper, const QCPGraph* lower);

  /// Opaque: translucent columns take several times as long.
  void setColor(const QColor& color) { m_color = color; }
  double selectTest(const QPointF&, bool, QVariant* = nullptr) const override { return -1.0; }

protected:
  void draw(QCPPainter* painter) override;

private:
  const QCPGraph* m_upper;
  const QCPGraph* m_lower;
  QColor m_color;
};

} // namespace halfstep
