#include "app/cli/output_figures.h"

#include "core/support/units.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace halfstep::cli {

namespace {

constexpr std::array kMetrics = {OutputMetric::kl,
                                 OutputMetric::sqnr,
                                 OutputMetric::relativeError,
                                 OutputMetric::mse,
                                 OutputMetric::cosine,
                                 OutputMetric::top1,
                                 OutputMetric::top5,
                                 OutputMetric::floatAccuracy,
                                 OutputMetric::accuracy,
                                 OutputMetric::floatPerplexity,
                                 OutputMetric::perplexity};

std::string keyOf(OutputMetric metric) {
  std::string key(metricName(metric));
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

} // namespace

Json estimateJson(const Estimate& estimate) {
  return {{"value", jsonNumber(estimate.value)},
          {"low", jsonNumber(estimate.low)},
          {"high", jsonNumber(estimate.high)}};
}

std::string estimateText(const Estimate& estimate) {
  if (std::isnan(estimate.value)) {
    return "–";
  }
  const std::string value = formatReal(estimate.value);
  return std::isnan(estimate.low)
             ? value
             : value + " (" + formatReal(estimate.low) + " to " + formatReal(estimate.high) + ")";
}

Json evaluationJson(const Evaluation& evaluation, std::uint64_t seed) {
  Json json = {{"samples", evaluation.samples.size()},
               {"data", evaluation.origin.description},
               {"synthetic", evaluation.origin.synthetic},
               {"metric", metricName(evaluation.standard)}};
  for (const OutputMetric metric : kMetrics) {
    const Estimate estimate = estimateOf(metric, evaluation.samples, seed);
    json[keyOf(metric)] = std::isnan(estimate.value) ? Json() : estimateJson(estimate);
  }
  json["left"] = Json::array();
  for (const auto& [layer, why] : evaluation.left) {
    json["left"].push_back({{"layer", layer}, {"why", why}});
  }
  return json;
}

std::string evaluationText(const Evaluation& evaluation, std::uint64_t seed) {
  std::vector<std::vector<std::string>> rows = {{"OUTPUT", "VALUE (95 % INTERVAL)"}};
  for (const OutputMetric metric : kMetrics) {
    const Estimate estimate = estimateOf(metric, evaluation.samples, seed);
    if (!std::isnan(estimate.value)) {
      rows.push_back({std::string(metricName(metric)), estimateText(estimate)});
    }
  }
  std::string text = tableText(rows, 2) + "on " + std::to_string(evaluation.samples.size()) + " of " +
                     displayText(evaluation.origin.description) + "\n";
  for (const auto& [layer, why] : evaluation.left) {
    text += displayText(layer) + " stays in float: " + displayText(why) + "\n";
  }
  return text;
}

} // namespace halfstep::cli
