// The histogram of rounding errors in steps: flat between −½ and ½ for a quantizer finer than the
// distribution. UI thread.
#pragma once

#include "widgets/plots/plot.h"
#include "widgets/viewmodels/layer_explorer.h"

namespace halfstep {

class RoundingErrorPlot : public Plot {
  Q_OBJECT

public:
  explicit RoundingErrorPlot(QWidget* parent = nullptr);
  void setView(std::shared_ptr<const LayerView> view);
  PlotTable table() const override;

protected:
  void applyColors(const Theme& theme) override;
  void fitAxes() override;
  QString describe(double key, double value) const override;

private:
  std::shared_ptr<const LayerView> m_view;
  QCPGraph* m_errors;
};

} // namespace halfstep
