// The histogram of an activation over all calibration samples, with the levels that a scheme gives and where
// it clips. UI thread.
#pragma once

#include "core/analysis/activation_statistics.h"
#include "widgets/plots/plot.h"

#include <memory>
#include <utility>

namespace halfstep {

class StepFill;

class ActivationPlot : public Plot {
  Q_OBJECT

public:
  explicit ActivationPlot(QWidget* parent = nullptr);
  /// `owner`, the calibration, keeps `statistics` alive; null shows nothing, and says which of the two is not
  /// there. `clip`: equal ends for a scheme that does not clip.
  void setStatistics(std::shared_ptr<const void> owner, const ActivationStatistics* statistics,
                     ValueRange clip);
  PlotTable table() const override;

protected:
  void applyColors(const Theme& theme) override;
  void fitAxes() override;
  QString describe(double key, double value) const override;

private:
  bool hasValues() const { return m_statistics != nullptr && !m_statistics->histogram.empty(); }
  /// The first bin that is not empty, and the one behind the last.
  std::pair<std::size_t, std::size_t> usedBins() const;
  /// The value at which a bin begins.
  double edgeOf(std::size_t bin) const;
  /// Joins bins to columns that fit the shown range.
  void rebuild();
  /// Of the column that begins with bin `first`.
  std::int64_t columnCount(std::size_t first) const;

  std::shared_ptr<const void> m_owner;
  const ActivationStatistics* m_statistics = nullptr;
  ValueRange m_clip;
  std::size_t m_binsPerColumn = 1;
  QCPGraph* m_counts;
  StepFill* m_fill;
  QCPItemStraightLine* m_clipLow;
  QCPItemStraightLine* m_clipHigh;
};

} // namespace halfstep
