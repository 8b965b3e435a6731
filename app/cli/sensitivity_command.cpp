// halfstep-cli sensitivity: quantizes one layer at a time and measures the output.
#include "app/cli/calibration_options.h"
#include "app/cli/data_options.h"
#include "app/cli/device_options.h"
#include "app/cli/output_figures.h"
#include "app/cli/plan_options.h"
#include "app/cli/sweep_journal.h"
#include "core/analysis/fisher.h"
#include "core/analysis/metric_choice.h"
#include "core/analysis/sensitivity.h"
#include "core/quant/scheme_grammar.h"
#include "core/support/units.h"

#include <cmath>
#include <numeric>

namespace halfstep::cli {

namespace {

struct SensitivityCommandOptions {
  std::string file;
  DataOptions data;
  std::string calibration; ///< a saved one
  std::string schemes = "int8,int6,int4,int2";
  std::string metric;
  std::string journal;
  std::size_t memory = 512; ///< MiB
  bool naive = false;
  std::string estimate;
  bool onlyEstimate = false;
};

/// What is known beside the measured figures.
struct Beside {
  std::vector<double> screening;
  std::shared_ptr<const FisherEstimate> fisher; ///< null where it was not asked for
  double fisherSeconds = 0.0;
};

std::vector<double> valuesAt(const FisherEstimate& estimate, std::size_t layer) {
  const auto row = estimate.values.begin() + static_cast<std::ptrdiff_t>(layer * estimate.schemes.size());
  return {row, row + static_cast<std::ptrdiff_t>(estimate.schemes.size())};
}

/// What the estimate is, for the document's head.
Json fisherJson(const Beside& beside) {
  const FisherEstimate& estimate = *beside.fisher;
  return {{"kind", "fisher"},        {"metric", metricName(estimate.metric)},
          {"exact", estimate.exact}, {"samples", estimate.samples},
          {"seed", estimate.seed},   {"seconds", beside.fisherSeconds}};
}

/// Adds a layer's estimates to its entry.
void addFisher(const Beside& beside, std::size_t layer, Json& entry) {
  if (!beside.fisher) {
    return;
  }
  Json values = Json::array();
  for (const double value : valuesAt(*beside.fisher, layer)) {
    values.push_back(jsonNumber(value));
  }
  entry["fisher_estimates"] = std::move(values);
  if (!beside.fisher->left[layer].empty()) {
    entry["fisher_left"] = beside.fisher->left[layer];
  }
}

Json sweepJson(const std::string& file, const Sensitivity& sweep, const Beside& beside, double seconds) {
  Json json = {{"model", file},
               {"data", sweep.origin.description},
               {"synthetic", sweep.origin.synthetic},
               {"samples", sweep.samples},
               {"metric", metricName(sweep.metric)},
               {"outputs", sweep.outputs},
               {"metric_note", sweep.metricNote},
               {"schemes", Json::array()},
               {"baseline", jsonNumber(sweep.baseline())},
               {"reliability", Json::array()},
               {"layers", Json::array()}};
  const std::vector<double> screened = rankCorrelationsWith(sweep, beside.screening);
  std::vector<double> estimated;
  if (beside.fisher) {
    json["estimate"] = fisherJson(beside);
    estimated = rankCorrelationsWith(sweep, beside.fisher->values);
  }
  for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
    json["schemes"].push_back(printLayerPlan(sweep.candidate(scheme)));
    const RankingReliability reliability = reliabilityOf(sweep, scheme);
    Json order = Json::array();
    for (std::size_t i = 0; i < reliability.order.size(); ++i) {
      order.push_back({{"layer", sweep.layers[reliability.order[i]]}, {"tied", bool(reliability.tied[i])}});
    }
    json["reliability"].push_back({{"split_half_rank_correlation", jsonNumber(reliability.splitHalf)},
                                   {"weight_error_rank_correlation", jsonNumber(screened[scheme])},
                                   {"ranking", std::move(order)}});
    if (beside.fisher) {
      json["reliability"].back()["fisher_estimate_rank_correlation"] = jsonNumber(estimated[scheme]);
    }
  }
  for (std::size_t layer = 0; layer < sweep.layers.size(); ++layer) {
    Json values = Json::array();
    Json intervals = Json::array();
    Json weights = Json::array();
    for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
      const Estimate estimate = sweep.estimate(layer, scheme);
      values.push_back(jsonNumber(estimate.value));
      intervals.push_back({jsonNumber(estimate.low), jsonNumber(estimate.high)});
      weights.push_back(jsonNumber(beside.screening[layer * sweep.schemes.size() + scheme]));
    }
    Json one = {{"name", sweep.layers[layer]},
                {"values", std::move(values)},
                {"intervals", std::move(intervals)},
                {"weight_errors", std::move(weights)}};
    if (!sweep.left[layer].empty()) {
      one["left"] = sweep.left[layer];
    }
    addFisher(beside, layer, one);
    json["layers"].push_back(std::move(one));
  }
  json["seconds"] = seconds;
  return json;
}

/// "Fisher estimate of kl, exact to second order, of 16 samples".
std::string fisherTitle(const FisherEstimate& estimate) {
  return "Fisher estimate of " + std::string(metricName(estimate.metric)) +
         (estimate.exact ? ", all directions of the output" : ", random projections of the output") + ", " +
         std::to_string(estimate.samples) + " of " + displayText(estimate.origin.description) + "\n";
}

/// The layers without an estimate, each with its reason.
std::string fisherLeftText(const FisherEstimate& estimate) {
  std::string text;
  for (std::size_t layer = 0; layer < estimate.layers.size(); ++layer) {
    if (!estimate.left[layer].empty()) {
      text += displayText(estimate.layers[layer]) +
              ": no Fisher estimate: " + displayText(estimate.left[layer]) + "\n";
    }
  }
  return text;
}

/// The estimate by itself.
Json estimateJson(const std::string& file, const Beside& beside) {
  const FisherEstimate& estimate = *beside.fisher;
  Json json = {{"model", file},
               {"data", estimate.origin.description},
               {"synthetic", estimate.origin.synthetic},
               {"estimate", fisherJson(beside)},
               {"schemes", Json::array()},
               {"layers", Json::array()}};
  for (const Scheme& scheme : estimate.schemes) {
    json["schemes"].push_back(printScheme(scheme));
  }
  for (std::size_t layer = 0; layer < estimate.layers.size(); ++layer) {
    Json one = {{"name", estimate.layers[layer]}};
    addFisher(beside, layer, one);
    json["layers"].push_back(std::move(one));
  }
  return json;
}

std::string fisherText(const FisherEstimate& estimate) {
  std::vector<std::vector<std::string>> rows = {{"LAYER"}};
  for (const Scheme& scheme : estimate.schemes) {
    rows.front().push_back(printScheme(scheme));
  }
  std::vector<std::size_t> order(estimate.layers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto rank = [&](std::size_t layer) { // the largest first, those without one at the end
    const double value = valuesAt(estimate, layer).back();
    return std::isnan(value) ? -1.0 : value;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rank(a) > rank(b); });
  for (const std::size_t layer : order) {
    std::vector<std::string> row = {displayText(estimate.layers[layer])};
    for (const double value : valuesAt(estimate, layer)) {
      row.push_back(std::isnan(value) ? "–" : formatReal(value));
    }
    rows.push_back(std::move(row));
  }
  return tableText(rows, 1) + fisherTitle(estimate) + fisherLeftText(estimate);
}

/// One layer's cells, each with its 95 % interval.
std::vector<std::string> sweepRow(const Sensitivity& sweep, const FisherEstimate* fisher, std::size_t layer) {
  std::vector<std::string> row = {displayText(sweep.layers[layer])};
  for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
    row.push_back(estimateText(sweep.estimate(layer, scheme)));
    if (fisher != nullptr) {
      const double estimated = fisher->value(layer, scheme);
      row.push_back(std::isnan(estimated) ? "–" : formatReal(estimated));
    }
  }
  return row;
}

/// "unknown" where it is NaN.
std::string correlationText(double rho) {
  return std::isnan(rho) ? "unknown" : formatReal(rho);
}

std::string sweepText(const Sensitivity& sweep, const Beside& beside) {
  const FisherEstimate* fisher = beside.fisher.get();
  std::vector<std::vector<std::string>> rows = {{"LAYER"}};
  for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
    rows.front().push_back(printLayerPlan(sweep.candidate(scheme)));
    if (fisher != nullptr) {
      rows.front().push_back("FISHER");
    }
  }
  rows.front().push_back(""); // the mark of those that cannot be told apart
  const std::size_t last = sweep.schemes.size() - 1;
  const RankingReliability ranking = reliabilityOf(sweep, last);
  bool isAnyTied = false;
  for (std::size_t place = 0; place < ranking.order.size(); ++place) {
    rows.push_back(sweepRow(sweep, fisher, ranking.order[place]));
    rows.back().push_back(ranking.tied[place] ? "~" : "");
    isAnyTied = isAnyTied || ranking.tied[place];
  }
  for (std::size_t layer = 0; layer < sweep.layers.size(); ++layer) { // those without figures at the end
    if (std::find(ranking.order.begin(), ranking.order.end(), layer) == ranking.order.end()) {
      rows.push_back(sweepRow(sweep, fisher, layer));
      rows.back().emplace_back();
    }
  }
  std::string text = tableText(rows, 1) + std::string(metricName(sweep.metric)) + " (95 % interval) on " +
                     std::to_string(sweep.samples) + " of " + displayText(sweep.origin.description) + "\n";
  if (sweep.metric == OutputMetric::accuracy || sweep.metric == OutputMetric::perplexity) {
    text += "the float network's is " + formatReal(sweep.baseline()) + "\n";
  }
  if (!sweep.metricNote.empty()) {
    text += displayText(sweep.metricNote) + "\n";
  }
  if (isAnyTied) {
    text += "~ the samples cannot tell it from the layer above at " + printLayerPlan(sweep.candidate(last)) +
            "\n";
  }
  for (std::size_t layer = 0; layer < sweep.layers.size(); ++layer) {
    if (!sweep.left[layer].empty()) {
      text += displayText(sweep.layers[layer]) + ": not measured: " + displayText(sweep.left[layer]) + "\n";
    }
  }
  const std::vector<double> screening = rankCorrelationsWith(sweep, beside.screening);
  const std::vector<double> estimated =
      fisher != nullptr ? rankCorrelationsWith(sweep, fisher->values) : std::vector<double>();
  for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
    const double rho = reliabilityOf(sweep, scheme).splitHalf;
    text += printLayerPlan(sweep.candidate(scheme)) + ": split-half rank correlation " +
            (std::isnan(rho) ? "unknown (too few samples)" : formatReal(rho)) +
            "; rank correlation with the measured: weight error " + correlationText(screening[scheme]) +
            (fisher != nullptr ? ", Fisher " + correlationText(estimated[scheme]) : "") + "\n";
  }
  if (fisher != nullptr) {
    text += fisherTitle(*fisher) + fisherLeftText(*fisher);
  }
  return text;
}

/// What the sweep will cost: told to somebody who waits at a terminal before it starts, and in the document.
Result<Json> forecastOf(const Executor& executor, const SampleSource& samples,
                        const SensitivityOptions& options, const JobContext& context) {
  HALFSTEP_TRY(const SensitivityCost cost,
               sensitivityCost(executor, samples, options, steadySeconds, context));
  printNote("the sweep takes about " + formatReal(cost.seconds) + " s and " + formatBytes(cost.keptBytes) +
            " for the values that are kept; every run from the start would take " +
            formatReal(cost.naiveSeconds) + " s");
  return Json{
      {"seconds", cost.seconds}, {"naive_seconds", cost.naiveSeconds}, {"kept_bytes", cost.keptBytes}};
}

Result<void> checkEstimate(const SensitivityCommandOptions& given) {
  if (!given.estimate.empty() && given.estimate != "fisher") {
    return Error{ErrorKind::usage, "--estimate " + given.estimate + ": expected fisher"};
  }
  if (given.onlyEstimate && given.estimate.empty()) {
    return Error{ErrorKind::usage, "--only-estimate: say which one, with --estimate fisher"};
  }
  return {};
}

Result<void> sweepNetwork(Environment& environment, const SensitivityCommandOptions& given) {
  const JobContext& context = environment.context();
  HALFSTEP_CHECK(checkEstimate(given));
  HALFSTEP_TRY(const auto model, environment.loadModel(given.file, 0.02));
  HALFSTEP_TRY(const auto samples, samplesFor(environment, *model, given.data));
  HALFSTEP_TRY(SensitivityOptions options, sweepOptions(given.schemes, given.metric, given.memory, *samples));
  options.reuse = !given.naive;
  HALFSTEP_TRY(const Executor executor, Executor::create(model));
  if (!given.estimate.empty() && !options.activations.empty()) {
    return Error{ErrorKind::usage, "--estimate fisher: it is of weights alone, not of " + given.schemes};
  }
  HALFSTEP_CHECK(chooseMetric(executor, *samples, options.metric, context)); // before anything takes long
  HALFSTEP_TRY(const SchemeList list, schemeList("--schemes", given.schemes));
  HALFSTEP_TRY(const auto calibration, calibrationFor(environment, given.calibration, executor, *samples,
                                                      list.needsCalibration(), context.part(0.02, 0.05)));
  const Simulation simulation(model, calibration);
  Beside beside;
  if (!given.estimate.empty()) {
    FisherOptions wanted;
    wanted.schemes = options.schemes;
    wanted.samples = options.samples;
    wanted.beside = options.metric;
    wanted.memoryBudget = options.memoryBudget;
    const double start = steadySeconds();
    HALFSTEP_TRY(beside.fisher, estimateFisher(executor, simulation, *samples, wanted,
                                               context.part(0.02, given.onlyEstimate ? 1.0 : 0.3)));
    beside.fisherSeconds = steadySeconds() - start;
  }
  if (given.onlyEstimate) {
    environment.output().document(estimateJson(given.file, beside));
    environment.output().text(fisherText(*beside.fisher));
    return {};
  }
  const double from = beside.fisher ? 0.3 : 0.02;
  HALFSTEP_TRY(beside.screening, screenWeights(*model, options.schemes, context.part(from, from + 0.03)));
  HALFSTEP_TRY(Json forecast, forecastOf(executor, *samples, options, context));
  const double start = steadySeconds();
  HALFSTEP_TRY(const auto sweep, measureWithJournal(executor, simulation, *samples, options, given.journal,
                                                    context.part(from + 0.03, 1.0)));
  const double seconds = steadySeconds() - start;
  Json json = sweepJson(given.file, *sweep, beside, seconds);
  json["forecast"] = std::move(forecast);
  environment.output().document(json);
  environment.output().text(sweepText(*sweep, beside));
  return {};
}

} // namespace

Command sensitivityCommand(CLI::App& main) {
  auto options = std::make_shared<SensitivityCommandOptions>();
  const CommandParser parser(main, "sensitivity", "What quantizing each layer alone does to the output");
  parser.option("MODEL", options->file, "The model file").required();
  addDataOptions(parser, options->data);
  addCalibrationOption(parser, options->calibration);
  parser.option("--schemes", options->schemes, "Weight schemes, separated by commas").showsDefault();
  parser.option(
      "--metric", options->metric,
      "kl, sqnr, relative-error, mse, cosine, top1, top5, accuracy, perplexity; without it kl where "
      "the output is a distribution that shows everything, otherwise relative-error of all outputs");
  parser.option("--journal", options->journal,
                "Keep what is measured in this file, and go on from it after an interruption");
  parser.option("--memory", options->memory, "MiB for values that are kept from run to run").showsDefault();
  parser.flag("--naive", options->naive, "Run the whole network every time, to compare with");
  parser.option("--estimate", options->estimate,
                "fisher: beside the measured figures, what gradients of the float network predict");
  parser.flag("--only-estimate", options->onlyEstimate, "The estimate alone, without measuring");
  parser.footer("Examples:\n  halfstep-cli sensitivity model.onnx --data photos --samples 64\n"
                "  halfstep-cli sensitivity model.onnx --data photos --schemes int8,int4:group64:mse --json\n"
                "  halfstep-cli sensitivity model.onnx --data photos --estimate fisher --only-estimate");
  return {parser.app(), [options](Environment& environment) { return sweepNetwork(environment, *options); }};
}

} // namespace halfstep::cli
