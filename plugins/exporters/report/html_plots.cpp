#include "plugins/exporters/report/html_plots.h"

#include "core/quant/scheme_grammar.h"
#include "core/support/units.h"
#include "plugins/exporters/report/html_text.h"
#include "plugins/exporters/report/svg_plots.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace halfstep {

namespace {

constexpr std::size_t kMostBars = 50; ///< of layers in a plot; the table has all of them

std::string figure(const std::string& svg, const std::string& caption) {
  return "<figure><div class=\"scroll\">" + svg + "</div><figcaption>" + caption + "</figcaption></figure>\n";
}

/// "All 12 layers, …" or "The 50 layers with WHICH of 5000; the table below has all."
std::string shownText(std::size_t shown, std::size_t all, const std::string& which,
                      const std::string& table = "layers") {
  if (shown == all) {
    return all == 1
               ? "The only layer."
               : "All " + formatCount(static_cast<std::int64_t>(all)) + " layers, in the network's order.";
  }
  return "The " + formatCount(static_cast<std::int64_t>(shown)) + " layers " + which + ", of " +
         formatCount(static_cast<std::int64_t>(all)) + "; <a href=\"#" + table + "\">the table</a> has all.";
}

/// All layers in order, or where they are too many those that `before` puts first.
template <class Before>
std::vector<std::size_t> chosen(std::size_t count, std::size_t most, Before before) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (count > most) {
    std::stable_sort(order.begin(), order.end(), before);
    order.resize(most);
  }
  return order;
}

/// NaN counts as the best: it is shown last.
double orLargest(double value) {
  return std::isnan(value) ? INFINITY : value;
}

} // namespace

std::string notMeasured(const std::string& what, const std::string& command) {
  return "<p class=\"missing\"><strong>" + escaped(what) + ": not measured.</strong> Run <code>" +
         escaped(command) + "</code>.</p>\n";
}

std::string sqnrFigure(const ReportContent& content) {
  const auto& layers = content.layers;
  const auto sqnr = [&](std::size_t i) { return orLargest(layers[i].total.sqnrDb()); };
  const auto order =
      chosen(layers.size(), kMostBars, [&](std::size_t a, std::size_t b) { return sqnr(a) < sqnr(b); });
  BarPlot plot{
      {"sqnr", "Weight SQNR of the layers",
       "Horizontal bars, one for each layer: the signal-to-quantization-noise ratio of its weights in "
       "decibels. A longer bar is a smaller error."},
      "dB",
      {"SQNR"},
      {}};
  for (const std::size_t i : order) {
    const double value = layers[i].total.sqnrDb();
    plot.rows.push_back(
        {layers[i].layer->name, {value}, {std::isinf(value) ? "no error" : formatReal(value) + " dB"}});
  }
  return figure(drawBars(plot),
                shownText(order.size(), layers.size(), "with the lowest SQNR") +
                    " The error of the weights themselves, longer is better. It says how much the "
                    "weights change, not what that does to the output.");
}

std::string bitsFigure(const ReportContent& content) {
  const auto& layers = content.layers;
  const auto order = chosen(layers.size(), kMostBars,
                            [&](std::size_t a, std::size_t b) { return layers[a].bytes > layers[b].bytes; });
  BarPlot plot{
      {"bits", "Bits per weight of the layers",
       "Horizontal bars, one for each layer: how many bits the plan spends on a weight, scales and zero "
       "points included."},
      "bits",
      {"bits per weight"},
      {}};
  for (const std::size_t i : order) {
    plot.rows.push_back({layers[i].layer->name,
                         {layers[i].bitsPerWeight},
                         {formatReal(layers[i].bitsPerWeight) + " · " + formatBytes(layers[i].bytes)}});
  }
  return figure(drawBars(plot), shownText(order.size(), layers.size(), "that take the most bytes") +
                                    " Scales and zero points are counted; behind the bar the layer's bytes.");
}

std::string histogramFigures(const ReportContent& content) {
  constexpr std::size_t kBins = 128;
  if (content.pictures.empty()) {
    return "<p>No layer's weights change: there is no error to look at.</p>\n";
  }
  std::string text = "<div class=\"grid\">\n";
  for (const LayerPicture& picture : content.pictures) {
    const ReportLayer& layer = content.layers[picture.layer];
    const std::string& name = layer.layer->name;
    HistogramPlot plot{
        {"histogram" + std::to_string(picture.layer), "Weights of " + name,
         "Histogram of the layer's weights on a logarithmic scale of counts, with the clipping "
         "range and the values that remain after quantization."},
        picture.histogram.lo,
        picture.histogram.hi};
    const auto& counts = picture.histogram.counts;
    const std::size_t together = std::max<std::size_t>(counts.size() / kBins, 1);
    for (std::size_t bin = 0; bin < counts.size(); bin += together) {
      const auto last = std::min(bin + together, counts.size());
      plot.counts.push_back(static_cast<double>(
          std::accumulate(counts.begin() + static_cast<std::ptrdiff_t>(bin),
                          counts.begin() + static_cast<std::ptrdiff_t>(last), std::int64_t{0})));
    }
    const bool clips = picture.clip.lo < picture.clip.hi;
    plot.clipLow = clips ? picture.clip.lo : std::nan("");
    plot.clipHigh = clips ? picture.clip.hi : std::nan("");
    plot.levels = picture.levels;
    text += figure(drawHistogram(plot),
                   "<strong>" + escaped(name) + "</strong>, " + escaped(printScheme(layer.plan.weights)) +
                       ": SQNR " + formatReal(layer.total.sqnrDb()) + " dB, " +
                       formatShare(layer.total.clippedShare()) + " clipped." +
                       (picture.scales > 1
                            ? " Range and levels of the widest of " +
                                  formatCount(static_cast<std::int64_t>(picture.scales)) + " scales."
                            : std::string()));
  }
  return text + "</div>\n<p>The " + std::to_string(content.pictures.size()) +
         " layers with the lowest SQNR. Shaded: the clipping range. Ticks below the axis: the values that "
         "weights can "
         "have afterwards (none are drawn where there are more than 256).</p>\n";
}

std::string errorFigure(const ReportContent& content) {
  if (!content.measured().layerErrors) {
    return notMeasured("Error along the network", "halfstep-cli report … --data DATA");
  }
  LinePlot plot{
      {"errors", "Error along the network",
       "Two lines over the layers in the network's order: the SQNR of every layer's output with this layer "
       "alone quantized, and with the whole plan applied."},
      "dB",
      {},
      {{"isolated", {}, {}, {}}, {"accumulated", {}, {}, {}}}};
  std::size_t unseen = 0;
  for (const ReportLayer& layer : content.layers) {
    plot.points.push_back(layer.layer->name);
    std::size_t index = 0;
    for (const auto& estimate : {layer.measured.isolated, layer.measured.accumulated}) {
      LineSeries& series = plot.series[index++];
      series.values.push_back(estimate ? estimate->value : std::nan(""));
      series.low.push_back(estimate ? estimate->low : std::nan(""));
      series.high.push_back(estimate ? estimate->high : std::nan(""));
    }
    unseen += layer.measured.isolated ? 0 : 1;
  }
  const LayerErrors& errors = *content.measured().layerErrors;
  std::string caption =
      "SQNR of every layer's output, higher is better; whiskers: 95 % intervals, where they are known. "
      "Isolated: only this layer is "
      "quantized. Accumulated: the whole plan, with what comes down from the layers before. Measured on " +
      formatCount(static_cast<std::int64_t>(errors.samples)) + " of " + escaped(errors.origin.description) +
      ".";
  if (unseen > 0) {
    caption += " " + formatCount(static_cast<std::int64_t>(unseen)) +
               " layers have no figure: their output cannot be seen, or nothing is quantized; <a "
               "href=\"#layers\">the "
               "table</a> says which.";
  }
  return figure(drawLines(plot), caption);
}

namespace {

/// Maps damages to shades: by their logarithm where they span more than a factor of 20 and none is negative.
class Shades {
public:
  explicit Shades(const std::vector<double>& damages) {
    double leastPositive = INFINITY;
    for (const double damage : damages) {
      if (std::isfinite(damage)) {
        m_least = std::min(m_least, damage);
        m_most = std::max(m_most, damage);
        leastPositive = damage > 0.0 ? std::min(leastPositive, damage) : leastPositive;
      }
    }
    constexpr double kWide = 20.0;
    m_logarithmic = m_least >= 0.0 && m_most > kWide * leastPositive;
    m_least = m_logarithmic ? leastPositive : m_least;
  }
  double of(double damage) const {
    if (!std::isfinite(damage)) {
      return std::isinf(damage) ? (damage > 0 ? 1.0 : 0.0) : std::nan("");
    }
    if (m_logarithmic) {
      return damage <= m_least ? 0.0 : std::log(damage / m_least) / std::log(m_most / m_least);
    }
    return m_most > m_least ? (damage - m_least) / (m_most - m_least) : 0.0;
  }
  double least() const { return m_least; }
  double most() const { return m_most; }
  bool isLogarithmic() const { return m_logarithmic; }

private:
  double m_least = INFINITY;
  double m_most = -INFINITY;
  bool m_logarithmic = false;
};

std::string withInterval(const Estimate& estimate) {
  return formatReal(estimate.value) + (std::isnan(estimate.low) ? std::string()
                                                                : " (" + formatReal(estimate.low) + " to " +
                                                                      formatReal(estimate.high) + ")");
}

/// The largest damage of a layer over the schemes; −∞ where there is none.
double worstDamage(const Sensitivity& sweep, std::size_t row) {
  double worst = -INFINITY;
  for (std::size_t column = 0; column < sweep.schemes.size(); ++column) {
    const double damage = sweep.damage(row, column);
    worst = std::isnan(damage) ? worst : std::max(worst, damage);
  }
  return worst;
}

} // namespace

std::string sensitivityFigure(const ReportContent& content) {
  constexpr std::size_t kMostRows = 40;
  if (!content.measured().sensitivity) {
    return notMeasured("Sensitivity", "halfstep-cli report … --data DATA --schemes int8,int4");
  }
  const Sensitivity& sweep = *content.measured().sensitivity;
  const std::size_t columns = sweep.schemes.size();
  const auto order = chosen(sweep.layers.size(), kMostRows, [&](std::size_t a, std::size_t b) {
    return worstDamage(sweep, a) > worstDamage(sweep, b);
  });
  std::vector<double> damages;
  for (const std::size_t row : order) {
    for (std::size_t column = 0; column < columns; ++column) {
      damages.push_back(sweep.damage(row, column));
    }
  }
  const Shades shades(damages);
  const double sign = isBetterWhenLarger(sweep.metric) ? -1.0 : 1.0;
  HeatMap map{
      {"sensitivity", "Sensitivity of the layers",
       "A table of colours: for every layer and scheme the damage to the network's output when this layer "
       "alone is quantized. Lighter is worse."},
      {},
      {},
      {},
      "less harm: " + formatReal(sign * shades.least()),
      "more harm: " + formatReal(sign * shades.most()) + (shades.isLogarithmic() ? " (logarithmic)" : "")};
  for (const std::string& scheme : sweep.candidateNames()) {
    map.columns.push_back(scheme);
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t row = order[i];
    map.rows.push_back(sweep.layers[row]);
    for (std::size_t column = 0; column < columns; ++column) {
      const Estimate estimate = sweep.estimate(row, column);
      const bool known = !std::isnan(estimate.value);
      map.cells.push_back({shades.of(damages[i * columns + column]), formatReal(estimate.value),
                           known                     ? withInterval(estimate)
                           : sweep.left[row].empty() ? "not measured"
                                                     : "not measured: " + sweep.left[row]});
    }
  }
  std::string caption =
      shownText(order.size(), sweep.layers.size(), "that can do the most harm", "sensitivity-table") +
      " Metric: " + escaped(metricName(sweep.metric)) + ", " +
      (isBetterWhenLarger(sweep.metric) ? "larger is better" : "smaller is better") +
      "; point at a cell for its 95 % interval. Measured on " +
      formatCount(static_cast<std::int64_t>(sweep.samples)) + " of " + escaped(sweep.origin.description) +
      ".";
  if (!sweep.isComplete()) {
    caption +=
        " <strong>Not finished:</strong> " + formatShare(sweep.progress()) + " of the layers are measured.";
  }
  return figure(drawHeatMap(map), caption);
}

std::string latencyFigure(const ReportContent& content) {
  constexpr std::size_t kMostRows = 30;
  if (!content.measured().latency) {
    return notMeasured("Latency", "halfstep-cli report … --latency");
  }
  const Latency& latency = *content.measured().latency;
  const auto slowness = [&](std::size_t i) {
    const double time = latencyMs(content.layers[i].measured.latency, LatencyType::fp32);
    return std::isnan(time) ? -1.0 : time;
  };
  const auto order = chosen(content.layers.size(), kMostRows,
                            [&](std::size_t a, std::size_t b) { return slowness(a) > slowness(b); });
  BarPlot plot{
      {"latency", "Latency of the layers",
       "Groups of horizontal bars, one for each layer and a bar for each type: the median time of one call "
       "in milliseconds."},
      "ms",
      {},
      {}};
  for (const LatencyType type : content.latencyTypes) {
    plot.series.emplace_back(latencyTypeName(type));
  }
  for (const std::size_t i : order) {
    BarRow row{content.layers[i].layer->name, {}, {}};
    for (const LatencyType type : content.latencyTypes) {
      row.values.push_back(latencyMs(content.layers[i].measured.latency, type));
      row.texts.push_back(std::isnan(row.values.back()) ? "not measured"
                                                        : formatReal(row.values.back()) + " ms");
    }
    plot.rows.push_back(std::move(row));
  }
  std::string totals;
  for (const LatencyType type : content.latencyTypes) {
    totals += (totals.empty() ? " All layers: " : ", ") + std::string(latencyTypeName(type)) + " " +
              formatReal(latency.total(type) * 1e3) + " ms";
  }
  totals += '.';
  if (latency.network) {
    totals += " The whole network: fp32 " + formatReal(latency.network->median * 1e3) + " ms";
    for (const auto& [type, network] : latency.narrowNetworks) {
      totals += ", with its layers in " + std::string(latencyTypeName(type)) + ' ' +
                formatReal(network.timing.median * 1e3) + " ms";
    }
    totals += '.';
  }
  return figure(drawBars(plot),
                shownText(order.size(), content.layers.size(), "that take longest in fp32") +
                    " Median of one call, each layer alone, in every type whatever the plan says." + totals +
                    " Measured on " + escaped(latency.machine.name) + ", " + std::to_string(latency.threads) +
                    " threads.");
}

} // namespace halfstep
