// The error at every layer's output, isolated and accumulated, along the network. A click selects the layer.
// UI thread.
#pragma once

#include "widgets/plots/plot.h"
#include "widgets/viewmodels/network_analysis.h"

namespace halfstep {

class LayerErrorPlot : public Plot {
  Q_OBJECT

public:
  explicit LayerErrorPlot(QWidget* parent = nullptr);
  void setView(std::shared_ptr<const ErrorsView> view);
  void setCurrentLayer(int layer);
  /// What the two series are, in their colours; rich text.
  QString legendText() const;
  PlotTable table() const override;

signals:
  void layerPicked(int layer);

protected:
  void applyColors(const Theme& theme) override;
  void fitAxes() override;
  QString describe(double key, double value) const override;
  void clicked(const QPoint& at) override;
  bool stepped(int step) override;

private:
  int layerCount() const;

  std::shared_ptr<const ErrorsView> m_view;
  QCPGraph* m_isolated;
  QCPGraph* m_accumulated;
  QCPErrorBars* m_isolatedIntervals;
  QCPErrorBars* m_accumulatedIntervals;
  QCPItemStraightLine* m_current;
  int m_layer = -1;
};

} // namespace halfstep
