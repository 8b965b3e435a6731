// Ranges side by side as a band: of the channels of a value, or of the samples of a calibration. UI thread.
#pragma once

#include "core/quant/quantizer.h"
#include "widgets/plots/plot.h"

#include <functional>
#include <vector>

namespace halfstep {

class StepFill;

class RangeBandPlot : public Plot {
  Q_OBJECT

public:
  /// `keyTitle`: "channel", "sample".
  RangeBandPlot(const QString& name, const QString& keyTitle, QWidget* parent = nullptr);

  /// `clip`: where a quantizer clips, drawn as two lines; equal ends for none. `nameOf`: what to call an
  /// entry under the mouse; empty for its number.
  void setRanges(std::vector<ValueRange> ranges, ValueRange clip,
                 std::function<QString(std::size_t)> nameOf = {});
  /// The entry that is looked at, as a line; −1 for none.
  void setCurrent(int index);
  PlotTable table() const override;

signals:
  void picked(int index);

protected:
  void clicked(const QPoint& at) override;
  bool stepped(int step) override;
  void applyColors(const Theme& theme) override;
  void fitAxes() override;
  QString describe(double key, double value) const override;

private:
  QString m_keyTitle;
  std::vector<ValueRange> m_ranges;
  ValueRange m_clip;
  std::function<QString(std::size_t)> m_nameOf;
  QCPGraph* m_high;
  QCPGraph* m_low;
  StepFill* m_fill;
  QCPItemStraightLine* m_clipHigh;
  QCPItemStraightLine* m_clipLow;
  QCPItemStraightLine* m_marker;
  int m_current = -1;
};

} // namespace halfstep
