#include "plugins/exporters/report/svg_plots.h"

#include "core/support/units.h"
#include "plugins/exporters/report/html_text.h"
#include "plugins/exporters/report/svg_canvas.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace halfstep {

namespace {

constexpr double kWidth = 860.0;
constexpr double kNames = 230.0; ///< where the column of names ends
constexpr std::size_t kNameLetters = 32;

/// Light for much: cividis at six points (Nuñez, Anderton, Renslow, "Optimizing colormaps with consideration
/// for color vision deficiency", PLOS ONE 2018).
std::string heatColour(double shade) {
  static constexpr std::array<std::array<double, 3>, 6> kColours = {
      {{0, 34, 78}, {53, 69, 108}, {102, 105, 112}, {148, 142, 119}, {200, 184, 102}, {254, 232, 56}}};
  const double at = std::clamp(shade, 0.0, 1.0) * static_cast<double>(kColours.size() - 1);
  const auto index = std::min(static_cast<std::size_t>(at), kColours.size() - 2);
  const double part = at - static_cast<double>(index);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string colour = "#";
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const auto level = static_cast<unsigned>(
        std::lround(kColours[index][channel] * (1.0 - part) + kColours[index + 1][channel] * part));
    colour += kDigits[level / 16];
    colour += kDigits[level % 16];
  }
  return colour;
}

} // namespace

std::string drawBars(const BarPlot& plot) {
  constexpr double kTop = 44.0;
  constexpr double kValues = 90.0; // room for the figure behind the longest bar
  const auto series = static_cast<double>(plot.series.size());
  const double bar = plot.series.size() > 1 ? 11.0 : 14.0;
  const double step = bar * series + 6.0;
  const double bottom = kTop + step * static_cast<double>(plot.rows.size());
  SvgCanvas canvas(plot.head, kWidth, bottom + 10.0);
  std::vector<double> all;
  for (const BarRow& row : plot.rows) {
    all.insert(all.end(), row.values.begin(), row.values.end());
  }
  const SvgScale scale = scaleOver(all, kNames + 10.0, kWidth - kValues);
  for (const double tick : ticksOf(scale, 6)) {
    canvas.line(scale.at(tick), kTop - 6.0, scale.at(tick), bottom, "grid");
    canvas.text(scale.at(tick), kTop - 10.0, "middle", formatReal(tick, 2));
  }
  canvas.text(kWidth, kTop - 10.0, "end", plot.axis);
  if (plot.series.size() > 1) {
    canvas.legend(kNames + 10.0, 14.0, plot.series);
  }
  double y = kTop;
  for (const BarRow& row : plot.rows) {
    canvas.text(kNames, y + step / 2.0 + 1.0, "end", elided(row.name, kNameLetters), "label", row.name);
    for (std::size_t i = 0; i < row.values.size(); ++i) {
      const double value = row.values[i];
      const double top = y + static_cast<double>(i) * bar;
      double end = scale.at(0.0);
      if (std::isfinite(value)) {
        const double from = std::min(scale.at(0.0), scale.at(value));
        end = std::max(scale.at(0.0), scale.at(value));
        canvas.rectangle(from, top, std::max(end - from, 0.5), bar - 1.0, "s" + std::to_string(i),
                         row.name + (plot.series.size() > 1 ? ", " + plot.series[i] : std::string()) + ": " +
                             row.texts[i]);
      }
      canvas.text(end + 4.0, top + bar - 3.0, "start", row.texts[i], "value");
    }
    y += step;
  }
  return canvas.finished();
}

namespace {

/// One line of a plot: the line itself in pieces between gaps, whiskers and dots where they can be told
/// apart.
void drawSeries(SvgCanvas& canvas, const LinePlot& plot, std::size_t index, const SvgScale& x,
                const SvgScale& y) {
  constexpr std::size_t kMostDots = 300;
  const LineSeries& series = plot.series[index];
  const std::string colour = std::to_string(index);
  std::vector<double> xs;
  std::vector<double> ys;
  const auto flush = [&] {
    if (xs.size() > 1) {
      canvas.polyline(xs, ys, "l" + colour);
    }
    xs.clear();
    ys.clear();
  };
  for (std::size_t i = 0; i < series.values.size(); ++i) {
    if (!std::isfinite(series.values[i])) {
      flush();
      continue;
    }
    const double at = x.at(static_cast<double>(i));
    xs.push_back(at);
    ys.push_back(y.at(series.values[i]));
    if (series.values.size() <= kMostDots) {
      const bool known = std::isfinite(series.low[i]) && std::isfinite(series.high[i]);
      if (known) {
        canvas.line(at, y.at(series.low[i]), at, y.at(series.high[i]), "l" + colour);
      }
      canvas.dot(at, ys.back(), "s" + colour,
                 plot.points[i] + ", " + series.name + ": " + formatReal(series.values[i]) + " " + plot.axis +
                     (known ? " (" + formatReal(series.low[i]) + " to " + formatReal(series.high[i]) + ")"
                            : std::string()));
    }
  }
  flush();
}

} // namespace

std::string drawLines(const LinePlot& plot) {
  constexpr double kHeight = 320.0;
  constexpr double kLeft = 60.0;
  constexpr double kBottom = 40.0;
  SvgCanvas canvas(plot.head, kWidth, kHeight);
  std::vector<double> all;
  for (const LineSeries& series : plot.series) {
    for (const auto* values : {&series.values, &series.low, &series.high}) {
      all.insert(all.end(), values->begin(), values->end());
    }
  }
  const SvgScale y = scaleOver(all, kHeight - kBottom, 34.0);
  const SvgScale x{0.0, std::max(1.0, static_cast<double>(plot.points.size()) - 1.0), kLeft + 10.0,
                   kWidth - 10.0};
  for (const double tick : ticksOf(y, 6)) {
    canvas.line(kLeft, y.at(tick), kWidth, y.at(tick), "grid");
    canvas.text(kLeft - 6.0, y.at(tick) + 4.0, "end", formatReal(tick, 2));
  }
  canvas.text(0.0, 14.0, "start", plot.axis);
  canvas.legend(kLeft, 14.0, [&] {
    std::vector<std::string> names;
    for (const LineSeries& series : plot.series) {
      names.push_back(series.name);
    }
    return names;
  }());
  for (const double tick : ticksOf(x, 10)) {
    if (tick == std::floor(tick)) { // layers are counted from 1
      canvas.line(x.at(tick), kHeight - kBottom, x.at(tick), kHeight - kBottom + 5.0, "axis");
      canvas.text(x.at(tick), kHeight - kBottom + 18.0, "middle",
                  formatCount(static_cast<std::int64_t>(tick) + 1));
    }
  }
  canvas.text(kWidth, kHeight - 4.0, "end", "layer, in the network's order");
  canvas.line(kLeft, kHeight - kBottom, kWidth, kHeight - kBottom, "axis");
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    drawSeries(canvas, plot, i, x, y);
  }
  return canvas.finished();
}

std::string drawHeatMap(const HeatMap& map) {
  constexpr double kTop = 60.0;
  constexpr double kRow = 20.0;
  constexpr double kWhiteBelow = 0.45;
  constexpr std::size_t kColumnLetters = 18;
  const auto columns = static_cast<double>(std::max<std::size_t>(map.columns.size(), 1));
  const double cell = std::clamp((kWidth - kNames - 10.0) / columns, 24.0, 130.0);
  const double width = std::max(kWidth, kNames + 10.0 + cell * columns);
  SvgCanvas canvas(map.head, width, kTop + kRow * static_cast<double>(map.rows.size()) + 8.0);
  canvas.text(kNames + 10.0, 16.0, "start", map.least);
  constexpr int kSteps = 24;
  constexpr double kStrip = 200.0;
  const double strip = kNames + 150.0;
  for (int i = 0; i < kSteps; ++i) {
    canvas.swatch(strip + kStrip * i / kSteps, 6.0, kStrip / kSteps + 0.3, 12.0,
                  heatColour(static_cast<double>(i) / (kSteps - 1)), {});
  }
  canvas.text(strip + kStrip + 10.0, 16.0, "start", map.most);
  const bool narrow = cell < 60.0;
  for (std::size_t column = 0; column < map.columns.size(); ++column) {
    const double middle = kNames + 10.0 + cell * (static_cast<double>(column) + 0.5);
    std::string name = map.columns[column];
    if (narrow) {
      name = std::to_string(column + 1);
    } else if (name.size() > kColumnLetters) {
      name = name.substr(0, kColumnLetters - 1) + "…"; // schemes are ASCII
    }
    canvas.text(middle, kTop - 8.0, "middle", name, "label", map.columns[column]);
  }
  for (std::size_t row = 0; row < map.rows.size(); ++row) {
    const double y = kTop + kRow * static_cast<double>(row);
    canvas.text(kNames, y + 14.0, "end", elided(map.rows[row], kNameLetters), "label", map.rows[row]);
    for (std::size_t column = 0; column < map.columns.size(); ++column) {
      const HeatCell& one = map.cells[row * map.columns.size() + column];
      const double x = kNames + 10.0 + cell * static_cast<double>(column);
      const std::string title = map.rows[row] + ", " + map.columns[column] + ": " + one.title;
      if (std::isnan(one.shade)) {
        canvas.rectangle(x, y, cell - 1.0, kRow - 1.0, "empty", title);
      } else {
        canvas.swatch(x, y, cell - 1.0, kRow - 1.0, heatColour(one.shade), title);
      }
      if (!narrow) {
        const char* style = std::isnan(one.shade) ? "label" : one.shade < kWhiteBelow ? "onDark" : "onLight";
        canvas.text(x + cell / 2.0, y + 14.0, "middle", one.text, style);
      }
    }
  }
  return canvas.finished();
}

std::string drawHistogram(const HistogramPlot& plot) {
  constexpr double kHistogramWidth = 420.0;
  constexpr double kHeight = 190.0;
  constexpr double kBottom = 150.0;
  SvgCanvas canvas(plot.head, kHistogramWidth, kHeight);
  double most = 1.0;
  for (const double count : plot.counts) {
    most = std::max(most, count);
  }
  // The clipping range may reach beyond the values: both have to be seen.
  const bool clips = std::isfinite(plot.clipLow) && std::isfinite(plot.clipHigh);
  constexpr double kHalfLabel = 26.0; // of a number that stands at either end
  SvgScale x{plot.lo, plot.hi, kHalfLabel, kHistogramWidth - kHalfLabel};
  if (clips) {
    x.lo = std::min(x.lo, plot.clipLow);
    x.hi = std::max(x.hi, plot.clipHigh);
  }
  if (!(x.hi > x.lo)) {
    x.hi = x.lo + 1.0;
  }
  const SvgScale y{0.0, std::log10(1.0 + most), kBottom, 20.0};
  const double width =
      (plot.hi - plot.lo) / static_cast<double>(std::max<std::size_t>(plot.counts.size(), 1));
  if (clips) {
    canvas.rectangle(x.at(plot.clipLow), 20.0, x.at(plot.clipHigh) - x.at(plot.clipLow), kBottom - 20.0,
                     "clip");
  }
  for (std::size_t i = 0; i < plot.counts.size(); ++i) {
    if (plot.counts[i] > 0.0) {
      const double from = plot.lo + width * static_cast<double>(i);
      const double top = y.at(std::log10(1.0 + plot.counts[i]));
      canvas.rectangle(x.at(from), top, std::max(x.at(from + width) - x.at(from), 0.5), kBottom - top, "s0");
    }
  }
  if (clips) {
    canvas.line(x.at(plot.clipLow), 20.0, x.at(plot.clipLow), kBottom, "l1");
    canvas.line(x.at(plot.clipHigh), 20.0, x.at(plot.clipHigh), kBottom, "l1");
  }
  std::vector<double> levels;
  for (const float level : plot.levels) {
    if (level >= x.lo && level <= x.hi) {
      levels.push_back(x.at(level));
    }
  }
  if (!levels.empty()) {
    canvas.combs(levels, kBottom + 1.0, kBottom + 9.0, "level");
  }
  canvas.line(x.from, kBottom, x.to, kBottom, "axis");
  for (const double tick : ticksOf(x, 5)) {
    canvas.text(x.at(tick), kHeight - 12.0, "middle", formatReal(tick, 2));
  }
  canvas.text(kHalfLabel, 12.0, "start",
              "values in a bin, up to " + formatCount(static_cast<std::int64_t>(most)));
  return canvas.finished();
}

} // namespace halfstep
