// The time of the whole network in each type as a stacked bar: one segment per layer, in the file's order.
// A click selects the layer. UI thread.
#pragma once

#include "core/analysis/roofline.h"
#include "widgets/plots/plot.h"
#include "widgets/viewmodels/latency_model.h"

namespace halfstep {

class LatencyBars;

/// The colour that stands for a type on the Latency page.
QColor latencyColor(LatencyType type, const Theme& theme);

class LatencyPlot : public Plot {
  Q_OBJECT

public:
  explicit LatencyPlot(QWidget* parent = nullptr);
  /// From top to bottom; none where nothing was measured. `layers`: the segments' names.
  void setStacks(std::vector<LatencyStack> stacks, QStringList layers);
  void setCurrentLayer(int layer);
  PlotTable table() const override;
  /// The layer whose segment is at a position in the widget, or -1.
  int layerAt(const QPoint& at) const;

signals:
  void layerPicked(int layer);

protected:
  void applyColors(const Theme& theme) override;
  void fitAxes() override;
  QString describe(double key, double value) const override;
  void clicked(const QPoint& at) override;
  bool stepped(int step) override;

private:
  struct Place {
    const LatencyStack* stack = nullptr;
    int layer = -1;
  };
  Place placeAt(double key, double value) const;

  std::vector<LatencyStack> m_stacks;
  QStringList m_layers;
  LatencyBars* m_bars; ///< owned by the plot
  double m_unit = 1e-3;
  int m_layer = -1;
};

} // namespace halfstep
