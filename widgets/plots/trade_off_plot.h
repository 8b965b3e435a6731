// Cost against damage: the predicted frontier as a line, measured plans as dots with intervals, uniform plans
// as squares, named versions as triangles, the chosen plan on its budget. A click on a dot picks it,
// elsewhere it sets the budget. UI thread.
#pragma once

#include "widgets/plots/plot.h"
#include "widgets/viewmodels/trade_off.h"

namespace halfstep {

class TradeOffPlot : public Plot {
  Q_OBJECT

public:
  explicit TradeOffPlot(TradeOff& tradeOff, QWidget* parent = nullptr);
  /// What is drawn upwards: nothing for the damage (with the frontier, on a logarithmic scale), otherwise a
  /// figure that only measured plans have.
  void setUp(std::optional<OutputMetric> figure);
  /// What the marks are, in their colours; rich text.
  QString legendText() const;
  PlotTable table() const override;

signals:
  void budgetPicked(double cost);
  void pointPicked(int point);

protected:
  void applyColors(const Theme& theme) override;
  void fitAxes() override;
  QString describe(double key, double value) const override;
  void clicked(const QPoint& at) override;

private:
  void showSpace();
  void showPoints();
  void showChosen();
  void labelPoints();
  /// Moves labels that would cover each other apart, in pixels; before every painting.
  void placeLabels();
  Estimate estimateOf(const TradeOffPoint& point) const;
  double costOf(const TradeOffPoint& point) const;
  double shown(double value) const;
  /// The measured point under a pixel, or −1.
  int pointAt(const QPoint& position) const;

  TradeOff& m_tradeOff;
  std::optional<OutputMetric> m_up;
  double m_unit = 1.0;  ///< of the cost: shown = cost / unit
  double m_floor = 0.0; ///< a damage of 0 is drawn here on the logarithmic scale
  QCPGraph* m_frontier;
  QCPGraph* m_measured;
  QCPGraph* m_uniform;
  QCPGraph* m_present;
  QCPGraph* m_versions;
  QCPGraph* m_predictedVersions; ///< nothing was measured of them
  QCPGraph* m_predictedPresent;
  QCPGraph* m_chosen;
  QCPErrorBars* m_intervals;
  QCPItemStraightLine* m_budget;
  QCPItemText* m_chosenText;
  /// Names of points, with the place they belong to.
  std::vector<std::pair<QCPItemText*, QPointF>> m_labels;
};

/// "134 KiB", "2.31 ms", "1.20 G": a sum of the quantity for people.
QString quantityText(PlanQuantity quantity, double value);

} // namespace halfstep
