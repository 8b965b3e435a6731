// The range of each channel's values as a band, and where its quantizer clips. A click selects the channel.
// UI thread.
#pragma once

#include "widgets/plots/plot.h"
#include "widgets/viewmodels/layer_explorer.h"

namespace halfstep {

class StepFill;

class ChannelRangePlot : public Plot {
  Q_OBJECT

public:
  explicit ChannelRangePlot(QWidget* parent = nullptr);
  void setView(std::shared_ptr<const LayerView> view);
  PlotTable table() const override;

signals:
  void channelPicked(int channel);

protected:
  void applyColors(const Theme& theme) override;
  void fitAxes() override;
  QString describe(double key, double value) const override;
  void clicked(const QPoint& at) override;
  bool stepped(int step) override;

private:
  void rebuild();
  int channelCount() const;
  /// Scale and zero point of a channel of a weight that the file holds quantized; NaN where it is none, or
  /// where its channels have several.
  std::pair<double, double> inTheFile(std::size_t channel) const;

  std::shared_ptr<const LayerView> m_view;
  StepFill* m_fill;
  QCPGraph* m_high;
  QCPGraph* m_low;
  QCPGraph* m_clipHigh;
  QCPGraph* m_clipLow;
  QCPItemStraightLine* m_current;
};

} // namespace halfstep
