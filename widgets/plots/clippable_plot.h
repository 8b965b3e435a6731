// A distribution whose clipping range can be dragged with the mouse and stepped with the arrow keys: what the
// histograms of weights and of activations have in common. UI thread.
#pragma once

#include "widgets/plots/clipping_handles.h"
#include "widgets/plots/plot.h"

namespace halfstep {

class ClippablePlot : public Plot {
  Q_OBJECT

public:
  ClippablePlot(const QString& name, const QString& keyTitle, const QString& valueTitle, QWidget* parent);

  /// The handles' positions in pixels of this widget, for tests that drag them.
  QPoint handlePosition(bool high) const { return m_handles.position(high); }

  /// Whether there are handles to drag.
  bool canClip() const { return m_handles.canClip(); }

signals:
  /// A handle is at a new place. `finished`: the drag ended there.
  void clippingDragged(double lo, double hi, bool finished);
  /// A handle was double-clicked: back to the computed range.
  void clippingReset();

protected:
  bool takesPress(const QPoint& position) override { return m_handles.press(position); }
  bool takesDoubleClick(const QPoint& position) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  /// The shown data changed: the axes fit it, but stay under a hand that drags.
  void dataMoved();

  ClippingHandles m_handles;

private:
  void tellDrag(const QMouseEvent& event, bool finished);
};

} // namespace halfstep
