// The transfer function x → x̂ of the shown segment: the staircase of the levels, flat beyond the clipping
// range. UI thread.
#pragma once

#include "widgets/plots/plot.h"
#include "widgets/viewmodels/layer_explorer.h"

namespace halfstep {

class TransferPlot : public Plot {
  Q_OBJECT

public:
  explicit TransferPlot(QWidget* parent = nullptr);
  void setView(std::shared_ptr<const LayerView> view);
  PlotTable table() const override;

protected:
  void applyColors(const Theme& theme) override;
  void fitAxes() override;
  QString describe(double key, double value) const override;

private:
  std::shared_ptr<const LayerView> m_view;
  QCPGraph* m_identity;
  QCPGraph* m_transfer;
  double m_reach = 1.0;
};

} // namespace halfstep
