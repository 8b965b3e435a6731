// The distribution of a layer's values with the quantization levels over it, and the clipping handles. UI
// thread.
#pragma once

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
  QPoint handlePosition(bool high) const;

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
  enum class Handle { none, low, high };
  Handle handleAt(const QPoint& position) const;
  bool canClip() const;
  bool showsHandles() const;
  void rebuild();
  void placeHandles();
  void dragTo(double key, bool finished);

  std::shared_ptr<const LayerView> m_view;
  StepFill* m_fill;
  QCPGraph* m_floats;
  QCPGraph* m_quantized;
  QCPGraph* m_levels;
  QCPItemRect* m_zones[2];
  QCPItemLine* m_lines[2];
  QCPItemText* m_grips[2];
  QCPItemText* m_values[2];
  QCPItemText* m_clippedShare;
  QSharedPointer<QCPAxisTicker> m_linearTicker;
  bool m_logarithmic = true;
  int m_binsPerColumn = 8;
  Handle m_dragged = Handle::none;
};

} // namespace halfstep
