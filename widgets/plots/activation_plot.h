// The histogram of an activation over all calibration samples, with the levels that a scheme gives, the
// handles of its clipping range, and another distribution to compare with. UI thread.
#pragma once

#include "core/analysis/activation_figures.h"
#include "widgets/plots/clippable_plot.h"

#include <memory>
#include <optional>
#include <utility>

namespace halfstep {

class StepFill;

class ActivationPlot : public ClippablePlot {
  Q_OBJECT

public:
  explicit ActivationPlot(QWidget* parent = nullptr);
  /// What a static scheme makes of the values.
  struct Quantized {
    ValueRange clip;
    bool isMirrored = false; ///< a symmetric mapping
    ActivationFigures figures;
  };

  /// `owner`, the calibration, keeps `statistics` alive; null shows nothing, and says which of the two is not
  /// there. `quantized`: nothing for a scheme without levels and range.
  void setStatistics(std::shared_ptr<const void> owner, const ActivationStatistics* statistics,
                     std::optional<Quantized> quantized);
  /// Of other samples, as a line, its counts brought to the same number of values; null for none.
  void setOther(std::shared_ptr<const void> owner, const ActivationStatistics* other);
  PlotTable table() const override;

protected:
  void applyColors(const Theme& theme) override;
  void fitAxes() override;
  QString describe(double key, double value) const override;

private:
  bool hasValues() const { return m_statistics != nullptr && !m_statistics->histogram.empty(); }
  /// The first bin that is not empty, and the one behind the last.
  static std::pair<std::size_t, std::size_t> usedBins(const BinaryHistogram& histogram);
  void rebuildOther();
  void rebuildLevels();
  /// The value at which a bin begins.
  double edgeOf(std::size_t bin) const;
  /// Joins bins to columns that fit the shown range.
  void rebuild();
  /// Of the column that begins with bin `first`.
  std::int64_t columnCount(std::size_t first) const;

  std::shared_ptr<const void> m_owner;
  const ActivationStatistics* m_statistics = nullptr;
  std::optional<Quantized> m_quantized;
  std::shared_ptr<const void> m_otherOwner;
  const ActivationStatistics* m_other = nullptr;
  std::size_t m_binsPerColumn = 1;
  QCPGraph* m_counts;
  StepFill* m_fill;
  QCPGraph* m_levels;
  QCPGraph* m_others;
};

} // namespace halfstep
