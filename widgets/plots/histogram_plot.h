// The distribution of a layer's values with the quantization levels over it, and the clipping handles. UI
// thread.
#pragma once

#include "widgets/plots/clipping_handles.h"
#include "widgets/plots/plot.h"
#include "widgets/viewmodels/layer_explorer.h"

namespace halfstep {

class StepFill;

class HistogramPlot : public Plot {
  Q_OBJECT

public:
  explicit HistogramPlot(QWidget* parent = nullptr);

  /// Null shows the empty state.
  void setView(std::shared_ptr<const LayerView> view);
  void setLogScale(bool logarithmic);
  bool isLogScale() const { return m_logarithmic; }
  /// Whether single levels are drawn: of a finer grid they would touch each other.
  bool showsLevels() const { return m_levels->dataCount() > 0; }
  PlotTable table() const override;

  /// The handles' positions in pixels of this widget, for tests that drag them.
  QPoint handlePosition(bool high) const { return m_handles.position(high); }

signals:
  /// A handle is at a new place. `finished`: the drag ended there.
  void clippingDragged(double lo, double hi, bool finished);
  /// A handle was double-clicked: back to the computed range.
  void clippingReset();

protected:
  void applyColors(const Theme& theme) override;
  void fitAxes() override;
  QString describe(double key, double value) const override;
  bool takesPress(const QPoint& position) override;
  bool takesDoubleClick(const QPoint& position) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

private:
  void rebuild();
  void showClipping();

  std::shared_ptr<const LayerView> m_view;
  StepFill* m_fill;
  QCPGraph* m_floats;
  QCPGraph* m_quantized;
  QCPGraph* m_levels;
  ClippingHandles m_handles;
  QSharedPointer<QCPAxisTicker> m_linearTicker;
  bool m_logarithmic = true;
  int m_binsPerColumn = 8;
};

} // namespace halfstep
