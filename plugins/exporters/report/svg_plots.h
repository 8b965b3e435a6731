// The plots of the HTML report as inline SVG. Colours come from the page's style sheet (classes s0, s1, …),
// so that one picture serves light and dark and print; what a bar or cell stands for is in its title, which
// browsers show as a tooltip and screen readers read. Pure; any thread. All texts are escaped here.
#pragma once

#include <string>
#include <vector>

namespace halfstep {

/// What every plot has. `id` is unique within the page and made of letters and digits.
struct PlotHead {
  std::string id;
  std::string title;
  std::string description; ///< what is seen in it, for those who do not see it
};

struct BarRow {
  std::string name;
  std::vector<double> values; ///< one per series; not finite: no bar, the text alone
  std::vector<std::string> texts;
};
/// Horizontal bars from 0, a group of them for each row.
struct BarPlot {
  PlotHead head;
  std::string axis; ///< "dB"
  std::vector<std::string> series;
  std::vector<BarRow> rows;
};
std::string drawBars(const BarPlot& plot);

struct LineSeries {
  std::string name;
  std::vector<double> values; ///< one per point; not finite: a gap
  std::vector<double> low;    ///< of the interval; NaN where there is none
  std::vector<double> high;
};
/// Lines over points in a fixed order, with their intervals as whiskers.
struct LinePlot {
  PlotHead head;
  std::string axis;
  std::vector<std::string> points; ///< names
  std::vector<LineSeries> series;
};
std::string drawLines(const LinePlot& plot);

struct HeatCell {
  double shade = 0.0; ///< 0…1; NaN: no figure
  std::string text;
  std::string title;
};
struct HeatMap {
  PlotHead head;
  std::vector<std::string> columns;
  std::vector<std::string> rows;
  std::vector<HeatCell> cells; ///< rows × columns, row by row
  std::string least;           ///< what shade 0 and shade 1 mean
  std::string most;
};
std::string drawHeatMap(const HeatMap& map);

/// Counts over equal bins from lo to hi, on a logarithmic scale of counts.
struct HistogramPlot {
  PlotHead head;
  double lo = 0.0;
  double hi = 0.0;
  std::vector<double> counts;
  double clipLow = 0.0; ///< NaN: no clipping range
  double clipHigh = 0.0;
  std::vector<float> levels; ///< ticks below the axis
};
std::string drawHistogram(const HistogramPlot& plot);

} // namespace halfstep
