// The two ends of a clipping range over a distribution: lines, grips, the shaded zones outside and the share
// that is clipped; dragged with the mouse. Part of a plot, which passes the mouse on. UI thread.
#pragma once

#include "core/quant/quantizer.h"
#include "widgets/plots/plot.h"

#include <optional>
#include <utility>

namespace halfstep {

class ClippingHandles {
public:
  enum class End { none, low, high };

  struct Clipping {
    ValueRange range;
    bool isMirrored = false; ///< a symmetric mapping: both ends move
    double span = 1.0;       ///< of the values, > 0: what a range is small beside
    double clippedShare = 0.0;
  };

  explicit ClippingHandles(QCustomPlot& plot);

  void applyColors(const Theme& theme);
  /// Nothing: there is no range to clip to.
  void set(const std::optional<Clipping>& clipping);
  /// Puts everything where the axes have its place; to be called when they change.
  void place();

  bool canClip() const { return m_clipping.has_value(); }
  bool areShown() const;
  bool isDragged() const { return m_dragged != End::none; }
  End endAt(const QPoint& position) const;
  /// The pixel in the middle of an end's line.
  QPoint position(bool high) const;
  /// Takes the end at `position`; false where there is none.
  bool press(const QPoint& position);
  void release() { m_dragged = End::none; }
  /// Where the range goes with the end that is held at `key`, to five digits; nothing where it would be
  /// empty. It always holds zero, which must stay representable.
  std::optional<std::pair<double, double>> draggedTo(double key) const;
  /// The same with an end one percent further to the right, or to the left.
  std::optional<std::pair<double, double>> stepped(End end, bool right);

private:
  double at(int side) const {
    return static_cast<double>(side == 0 ? m_clipping->range.lo : m_clipping->range.hi);
  }

  QCustomPlot& m_plot;
  std::optional<Clipping> m_clipping;
  QCPItemRect* m_zones[2];
  QCPItemLine* m_lines[2];
  QCPItemText* m_grips[2];
  QCPItemText* m_values[2];
  QCPItemText* m_clippedShare;
  End m_dragged = End::none;
};

} // namespace halfstep
