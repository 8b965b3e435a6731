#include "app/cli/search_report.h"

#include "app/cli/output_figures.h"
#include "core/io/plan_file.h"
#include "core/quant/scheme_grammar.h"
#include "core/support/units.h"

#include <cmath>

namespace halfstep::cli {

namespace {

double part(const Quantities& totals, PlanQuantity quantity) {
  return totals[static_cast<std::size_t>(quantity)];
}

Json totalsJson(const SearchSpace& space, const Quantities& totals) {
  const double size = part(totals, PlanQuantity::size);
  Json json = {{"damage", jsonNumber(part(totals, PlanQuantity::damage))},
               {"size", static_cast<std::int64_t>(size)},
               {"bits_per_weight", jsonNumber(8.0 * size / space.parameters)}};
  if (space.hasBops) {
    json["bops"] = jsonNumber(part(totals, PlanQuantity::bops));
  }
  if (space.hasLatency) {
    json["latency_ms"] = jsonNumber(1e3 * part(totals, PlanQuantity::latency));
  }
  return json;
}

/// Figures of a plan that was run; null for one that was not.
Json measuredJson(const SearchReport& report, const TriedPlan& tried) {
  if (tried.samples.empty()) {
    return nullptr;
  }
  Json json = {
      {"damage", estimateJson(addedDamageEstimate(report.space.metric, tried.samples, report.seed))}};
  for (const OutputMetric metric : {OutputMetric::kl, OutputMetric::sqnr, OutputMetric::top1,
                                    OutputMetric::accuracy, OutputMetric::perplexity}) {
    const Estimate estimate = estimateOf(metric, tried.samples, report.seed);
    if (!std::isnan(estimate.value)) {
      json[std::string(metricName(metric))] = estimateJson(estimate);
    }
  }
  return json;
}

std::string damageText(const SearchReport& report, const TriedPlan* tried) {
  return tried == nullptr || tried->samples.empty()
             ? "–"
             : estimateText(addedDamageEstimate(report.space.metric, tried->samples, report.seed));
}

/// `heldOut`: the same plan on the samples that were held out; null where there are none.
std::vector<std::string> row(const SearchReport& report, const std::string& name, const Quantities& totals,
                             const TriedPlan* tried, const TriedPlan* heldOut) {
  const double size = part(totals, PlanQuantity::size);
  const double predicted = part(totals, PlanQuantity::damage);
  std::vector<std::string> cells = {
      name, formatBytes(static_cast<std::int64_t>(size)), formatReal(8.0 * size / report.space.parameters),
      std::isnan(predicted) ? "–" : formatReal(predicted), damageText(report, tried)};
  if (report.heldOut) {
    cells.push_back(damageText(report, heldOut));
  }
  if (report.space.hasLatency) {
    cells.push_back(formatReal(1e3 * part(totals, PlanQuantity::latency)));
  }
  return cells;
}

} // namespace

Json searchJson(const SearchReport& report) {
  const SearchSolution& solution = report.found.solution;
  Json json = {{"model", report.file},
               {"data", report.origin.description},
               {"synthetic", report.origin.synthetic},
               {"samples", report.samples},
               {"seed", report.seed},
               {"metric", metricName(report.space.metric)},
               {"minimize", report.problem.quantities[report.problem.objective]},
               {"budgets", report.budgets},
               {"schemes", Json::array()},
               {"plan", Json::parse(planToJson(report.plan))}};
  for (const LayerPlan& candidate : report.space.candidates) {
    json["schemes"].push_back(printLayerPlan(candidate));
  }
  const TriedPlan* best = report.found.best ? &*report.found.best : nullptr;
  json["predicted"] = totalsJson(report.space, best != nullptr ? best->solution.totals : solution.totals);
  json["measured"] = best != nullptr ? measuredJson(report, *best) : Json();
  json["optimum"] = {
      {"exact", jsonNumber(solution.totals[report.problem.objective])},
      {"bound", jsonNumber(solution.bound)},
      {"gap", jsonNumber(solution.gap(report.problem))},
      {"fast", jsonNumber(report.found.fast)},
      {"greedy", jsonNumber(report.found.greedy)},
      {"measured", report.found.predicted ? measuredJson(report, *report.found.predicted) : Json()}};
  json["held_out"] = Json();
  if (report.heldOut) {
    json["held_out"] = {{"data", report.heldOut->origin.description},
                        {"samples", report.heldOut->samples},
                        {"measured", measuredJson(report, report.heldOut->found)}};
  }
  json["trials"] = report.trials;
  json["plans_run"] = report.plansRun;
  json["pareto"] = Json::array();
  for (const SearchSolution& point : report.frontier) {
    json["pareto"].push_back(totalsJson(report.space, point.totals));
  }
  json["uniform"] = Json::array();
  for (std::size_t i = 0; i < report.uniform.size(); ++i) {
    const auto& [name, tried] = report.uniform[i];
    Json one = totalsJson(report.space, tried.solution.totals);
    one["scheme"] = name;
    one["measured"] = measuredJson(report, tried);
    if (report.heldOut) {
      one["held_out"] = measuredJson(report, report.heldOut->uniform[i]);
    }
    json["uniform"].push_back(std::move(one));
  }
  json["layers"] = Json::array();
  for (const std::string& layer : report.space.layers) {
    const LayerPlan& plan = report.plan.forLayer(layer);
    json["layers"].push_back({{"name", layer},
                              {"weights", printScheme(plan.weights)},
                              {"activations", printActivationScheme(plan.activations)}});
  }
  json["seconds"] = report.seconds;
  return json;
}

std::string searchText(const SearchReport& report) {
  std::vector<std::vector<std::string>> layers = {{"LAYER", "SCHEME"}};
  for (const std::string& layer : report.space.layers) {
    layers.push_back({displayText(layer), printLayerPlan(report.plan.forLayer(layer))});
  }
  std::string text = tableText(layers, 2) + "\n";
  const std::string metric(metricName(report.space.metric));
  std::vector<std::vector<std::string>> rows = {
      {"PLAN", "SIZE", "BITS", "PREDICTED " + metric, "MEASURED " + metric}};
  if (report.heldOut) {
    rows.front().push_back("HELD OUT " + metric);
  }
  if (report.space.hasLatency) {
    rows.front().push_back("LATENCY ms");
  }
  const TriedPlan* foundHeldOut = report.heldOut ? &report.heldOut->found : nullptr;
  if (report.found.best) {
    rows.push_back(
        row(report, "found", report.found.best->solution.totals, &*report.found.best, foundHeldOut));
    if (report.found.predicted->solution.choices != report.found.best->solution.choices) {
      rows.push_back(
          row(report, "predicted best", report.found.solution.totals, &*report.found.predicted, nullptr));
    }
  } else {
    rows.push_back(row(report, "found", report.found.solution.totals, nullptr, foundHeldOut));
  }
  for (std::size_t i = 0; i < report.uniform.size(); ++i) {
    const auto& [name, tried] = report.uniform[i];
    rows.push_back(row(report, "all " + name, tried.solution.totals, &tried,
                       report.heldOut ? &report.heldOut->uniform[i] : nullptr));
  }
  text += tableText(rows, 1) + "\n";
  const double gap = report.found.solution.gap(report.problem);
  text += gap <= 0.0 ? "The prediction is proven optimal"
                     : "The prediction is proven to be within " + formatShare(gap) + " of the optimum";
  text += "; fast " + formatReal(report.found.fast) + ", greedy " + formatReal(report.found.greedy) +
          " against " + formatReal(report.found.solution.totals[report.problem.objective]) + ".\n";
  text += std::to_string(report.trials) + " trials on " + std::to_string(report.samples) + " of " +
          displayText(report.origin.description) + ", " + std::to_string(report.plansRun) +
          " plans run for them and for those that are the same everywhere.\n";
  if (report.heldOut) {
    text += "Held out: " + displayText(report.heldOut->origin.description) +
            ", which neither the sweep nor the search has seen.\n";
  }
  return text;
}

} // namespace halfstep::cli
