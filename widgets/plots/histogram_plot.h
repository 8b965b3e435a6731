// The distribution of a layer's values with the quantization levels over it, and the clipping handles. UI
// thread.
#pragma once

#include "widgets/plots/clippable_plot.h"
#include "widgets/viewmodels/layer_explorer.h"

namespace halfstep {

class StepFill;

class HistogramPlot : public ClippablePlot {
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

protected:
  void applyColors(const Theme& theme) override;
  void fitAxes() override;
  QString describe(double key, double value) const override;

private:
  void rebuild();
  void showClipping();

  std::shared_ptr<const LayerView> m_view;
  StepFill* m_fill;
  QCPGraph* m_floats;
  QCPGraph* m_quantized;
  QCPGraph* m_levels;
  QSharedPointer<QCPAxisTicker> m_linearTicker;
  bool m_logarithmic = true;
  int m_binsPerColumn = 8;
};

} // namespace halfstep
