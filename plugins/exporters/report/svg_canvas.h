// Elements of an SVG picture within an HTML page, and the axes of its plots.
#pragma once

#include "plugins/exporters/report/svg_plots.h"

#include <string>
#include <vector>

namespace halfstep {

/// Collects elements. Coordinates in pixels of the view box, y downwards.
class SvgCanvas {
public:
  SvgCanvas(const PlotHead& head, double width, double height);

  /// `title` is shown as a tooltip; may be empty. Not escaped yet, like `words`.
  void rectangle(double x, double y, double width, double height, const std::string& style,
                 const std::string& title = {});
  void line(double x1, double y1, double x2, double y2, const std::string& style);
  void polyline(const std::vector<double>& xs, const std::vector<double>& ys, const std::string& style);
  void dot(double x, double y, const std::string& style, const std::string& title);
  /// `anchor`: "start", "middle" or "end". `title` as above.
  void text(double x, double y, const std::string& anchor, const std::string& words,
            const std::string& style = "label", const std::string& title = {});
  /// A rectangle filled with `colour` ("#rrggbb").
  void swatch(double x, double y, double width, double height, const std::string& colour,
              const std::string& title);
  /// Dashes that stand upright, one path for all of them.
  void combs(const std::vector<double>& xs, double top, double bottom, const std::string& style);
  /// A square and a word for each series, from `x` rightwards.
  void legend(double x, double y, const std::vector<std::string>& series);

  std::string finished() const { return m_text + "</svg>"; }

private:
  std::string m_text;
};

/// A linear axis from `lo` to `hi`, drawn from pixel `from` to `to`.
struct SvgScale {
  double lo = 0.0;
  double hi = 1.0;
  double from = 0.0;
  double to = 1.0;
  double at(double value) const { return from + (value - lo) / (hi - lo) * (to - from); }
};
/// Round values between the scale's ends, about `count` of them.
std::vector<double> ticksOf(const SvgScale& scale, int count);

/// The scale that holds all finite values and 0; 0…1 where there are none.
SvgScale scaleOver(const std::vector<double>& values, double from, double to);

} // namespace halfstep
