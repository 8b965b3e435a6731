#include "app/cli/output_figures.h"

#include "core/support/units.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace halfstep::cli {

std::string estimateText(const Estimate& estimate) {
  if (std::isnan(estimate.value)) {
    return "–";
  }
  const std::string value = formatReal(estimate.value);
  return std::isnan(estimate.low)
             ? value
             : value + " (" + formatReal(estimate.low) + " to " + formatReal(estimate.high) + ")";
}

namespace {

std::string notFiniteText(const NotFinite& found) {
  if (found.samples.empty()) {
    return {};
  }
  constexpr std::size_t kNamed = 3; // --json has them all
  std::string text = "Warning: NaN or infinite: " + std::to_string(found.inputs) +
                     " numbers of the inputs, " + std::to_string(found.floatOutputs) +
                     " of the float outputs, " + std::to_string(found.quantizedOutputs) +
                     " of the quantized ones, in ";
  for (std::size_t i = 0; i < std::min(found.samples.size(), kNamed); ++i) {
    text += (i > 0 ? ", " : "") + displayText(found.samples[i]);
  }
  text +=
      found.samples.size() > kNamed ? " and " + std::to_string(found.samples.size() - kNamed) + " more" : "";
  return text + ". The figures are not to be trusted.\n";
}

} // namespace

std::string evaluationText(const Evaluation& evaluation, std::uint64_t seed) {
  std::vector<std::vector<std::string>> rows = {{"OUTPUT", "VALUE (95 % INTERVAL)"}};
  for (const OutputMetric metric : kOutputMetrics) {
    const Estimate estimate = estimateOf(metric, evaluation.samples, seed);
    if (!std::isnan(estimate.value)) {
      rows.push_back({std::string(metricName(metric)), estimateText(estimate)});
    }
  }
  std::string text = tableText(rows, 2) + "on " + std::to_string(evaluation.samples.size()) + " of " +
                     displayText(evaluation.origin.description) + "\n";
  std::map<std::string, std::vector<std::string>> left; // the layers of every reason
  for (const auto& [layer, why] : evaluation.left) {
    left[why].push_back(layer);
  }
  for (const auto& [why, layers] : left) {
    constexpr std::size_t kNamed = 3; // --json has them all
    for (std::size_t i = 0; i < std::min(layers.size(), kNamed); ++i) {
      text += (i > 0 ? ", " : "") + displayText(layers[i]);
    }
    text += layers.size() > kNamed ? " and " + std::to_string(layers.size() - kNamed) + " more" : "";
    text += (layers.size() == 1 ? " stays as it is: " : " stay as they are: ") + displayText(why) + "\n";
  }
  return text + notFiniteText(evaluation.notFinite);
}

std::string planFiguresText(const PlanFigures& figures) {
  const PlanFigure* shown = figures.damage            ? &*figures.damage
                            : figures.figures.empty() ? nullptr
                                                      : &figures.figures.front();
  std::string text = "no figures";
  if (shown != nullptr) {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    text = (figures.damage ? "damage " : "") + displayText(shown->metric) + " " +
           estimateText({shown->value, shown->low.value_or(kNone), shown->high.value_or(kNone)});
  }
  // The samples that the program draws say so themselves.
  const bool said = figures.data.find("random") != std::string::npos;
  return text + " on " + std::to_string(figures.samples) + " of " + displayText(figures.data) +
         (figures.synthetic && !said ? ", drawn at random" : "");
}

} // namespace halfstep::cli
