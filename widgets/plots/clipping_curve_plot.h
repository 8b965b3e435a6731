// Rounding, clipping and total error against the clipping range, with the optimum and every estimator's
// choice. UI thread.
#pragma once

#include "widgets/plots/plot.h"
#include "widgets/viewmodels/layer_explorer.h"

namespace halfstep {

class ClippingCurvePlot : public Plot {
  Q_OBJECT

public:
  explicit ClippingCurvePlot(QWidget* parent = nullptr);
  void setCurve(std::shared_ptr<const ClippingCurve> curve);
  PlotTable table() const override;
  /// What the colours mean, as rich text in the colours of the theme.
  QString legendText() const;

protected:
  void applyColors(const Theme& theme) override;
  void fitAxes() override;
  QString describe(double key, double value) const override;

private:
  void placeMarks();

  std::shared_ptr<const ClippingCurve> m_curve;
  QCPGraph* m_rounding;
  QCPGraph* m_clipping;
  QCPGraph* m_total;
  QCPGraph* m_marks;
  QCPGraph* m_best;
  std::vector<QCPItemText*> m_labels;
};

} // namespace halfstep
