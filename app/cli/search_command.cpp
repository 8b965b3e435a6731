// halfstep-cli search: finds the plan that does the least damage within a budget, or the smallest one within
// a damage.
#include "app/cli/calibration_options.h"
#include "app/cli/data_options.h"
#include "app/cli/device_options.h"
#include "app/cli/plan_options.h"
#include "app/cli/search_report.h"
#include "app/cli/sweep_journal.h"
#include "core/analysis/metric_choice.h"
#include "core/io/selected_samples.h"
#include "core/quant/scheme_grammar.h"

#include <algorithm>

namespace halfstep::cli {

namespace {

constexpr std::size_t kFrontierPoints = 64;

struct SearchCommandOptions {
  std::string file;
  DataOptions data;
  std::string calibration; ///< a saved one
  std::vector<std::string> budgets;
  std::string minimize;
  std::string schemes = "int8,int6:mse,int5:mse,int4:mse,int4:group64:mse,int3:group64:mse";
  std::string metric;
  std::string journal;
  std::vector<std::string> pins;
  std::vector<std::string> ties;
  std::string device;
  std::string savePlan;
  bool noFloat = false;
  double seconds = 60.0;
  std::size_t trials = 60;
  std::size_t memory = 512; ///< MiB
  std::size_t holdout = 0;  ///< samples
};

Result<PlanQuantity> objectiveOf(const SearchCommandOptions& options) {
  bool limitsDamage = false;
  for (const std::string& budget : options.budgets) {
    HALFSTEP_TRY(const PlanQuantity quantity, budgetQuantity(budget));
    limitsDamage = limitsDamage || quantity == PlanQuantity::damage;
  }
  if (options.minimize.empty()) {
    return limitsDamage ? PlanQuantity::size : PlanQuantity::damage;
  }
  for (std::size_t q = 0; q < kPlanQuantities; ++q) {
    if (options.minimize == quantityName(static_cast<PlanQuantity>(q))) {
      return static_cast<PlanQuantity>(q);
    }
  }
  return Error{ErrorKind::usage,
               "--minimize " + options.minimize + ": expected damage, size, bops or latency"};
}

/// Whether a quantity that needs the layers' shapes or times is asked for.
Result<bool> asksFor(const SearchCommandOptions& options, PlanQuantity wanted) {
  HALFSTEP_TRY(const PlanQuantity objective, objectiveOf(options));
  bool asked = objective == wanted;
  for (const std::string& budget : options.budgets) {
    HALFSTEP_TRY(const PlanQuantity quantity, budgetQuantity(budget));
    asked = asked || quantity == wanted;
  }
  return asked;
}

/// MACs for BOPs always; times where they are asked for.
Result<SearchTimes> timesFor(Environment& environment, const SearchCommandOptions& given,
                             const Executor& executor, const SampleSource& samples, const JobContext& job) {
  SearchTimes times;
  HALFSTEP_TRY(times.shapes, findLayerShapes(executor, samples, 0, job));
  if (!given.device.empty()) {
    HALFSTEP_TRY(times.device, deviceNamed(given.device, environment.programFolder()));
    return times;
  }
  HALFSTEP_TRY(const bool needed, asksFor(given, PlanQuantity::latency));
  if (needed) {
    LatencyOptions measure;
    measure.clock = steadySeconds;
    HALFSTEP_TRY(Latency latency, measureLatency(times.shapes, measure, job));
    times.measured = std::make_shared<const Latency>(std::move(latency));
  }
  return times;
}

Result<SearchSpaceOptions> spaceOptions(const SearchCommandOptions& given, const Model& model) {
  SearchSpaceOptions options;
  options.keepFloat = !given.noFloat;
  Plan pins;
  for (const std::string& pin : given.pins) {
    HALFSTEP_CHECK(applySet("--pin", pin, model, pins));
  }
  options.pinned = pins.layers;
  for (const std::string& tie : given.ties) {
    if (tie == "residual" || tie == "same-input") {
      auto found = findTies(model, tie == "residual" ? TieRule::residual : TieRule::sameInput);
      std::move(found.begin(), found.end(), std::back_inserter(options.ties));
      continue;
    }
    auto& names = options.ties.emplace_back();
    std::size_t start = 0;
    for (std::size_t comma = 0; comma != std::string::npos; start = comma + 1) {
      comma = tie.find(',', start);
      names.push_back(tie.substr(start, comma == std::string::npos ? comma : comma - start));
    }
  }
  return options;
}

/// Every layer with the same candidate, as points to compare with.
Result<void> tryUniform(SearchReport& report, const Model& model, PlanTrials* trials, const JobContext& job) {
  const std::size_t count = report.space.candidates.size();
  for (std::size_t candidate = 0; candidate < count; ++candidate) {
    const LayerPlan& uniform = report.space.candidates[candidate];
    if (uniform.weights.format == NumberFormat::fp32) {
      continue;
    }
    Plan plan;
    plan.fallback = uniform;
    plan.layers = report.space.fixed;
    TriedPlan tried;
    tried.solution.totals = report.space.quantitiesOf(model, plan);
    if (trials != nullptr) {
      HALFSTEP_TRY(tried, trials->run(plan, job));
    }
    report.uniform.emplace_back(printLayerPlan(uniform), std::move(tried));
  }
  return {};
}

/// The plan that the report found, and the uniform ones, on `samples`.
Result<HeldOut> tryHeldOut(const SearchReport& report, const Executor& executor, const Simulation& simulation,
                           const SampleSource& samples, std::size_t memory, const JobContext& job) {
  HeldOut heldOut{samples.origin(), samples.count(), {}, {}};
  TrialOptions options;
  options.memoryBudget = memory << 20;
  HALFSTEP_TRY(PlanTrials trials,
               PlanTrials::create(executor, simulation, report.space, samples, std::move(options), job));
  HALFSTEP_TRY(heldOut.found,
               trials.run(report.found.best ? report.found.best->solution : report.found.solution, job));
  for (const auto& [name, tried] : report.uniform) {
    HALFSTEP_TRY(const LayerPlan uniform, parseLayerPlan(name));
    Plan plan;
    plan.fallback = uniform;
    plan.layers = report.space.fixed;
    HALFSTEP_TRY(TriedPlan again, trials.run(plan, job));
    heldOut.uniform.push_back(std::move(again));
  }
  return heldOut;
}

/// The samples to search on, and those that are held out (null: none).
Result<std::pair<std::shared_ptr<const SampleSource>, std::shared_ptr<const SampleSource>>>
divided(std::shared_ptr<const SampleSource> all, std::size_t holdout) {
  if (holdout == 0) {
    return std::pair(std::move(all), std::shared_ptr<const SampleSource>());
  }
  if (holdout >= all->count()) {
    return Error{ErrorKind::usage, "--holdout " + std::to_string(holdout) + ": there are " +
                                       std::to_string(all->count()) +
                                       " samples, and some must be left to search on"};
  }
  auto rest = selectSamples(all, all->count() - holdout, std::nullopt, 0);
  return std::pair(std::move(rest), lastSamples(std::move(all), holdout));
}

Result<void> searchPlan(Environment& environment, const SearchCommandOptions& given) {
  const JobContext& context = environment.context();
  const double start = steadySeconds();
  if (given.budgets.empty()) {
    return Error{ErrorKind::usage,
                 "which budget? Give --budget size=25%, bits=4.5, latency=60% or damage=0.05"};
  }
  HALFSTEP_TRY(const PlanQuantity objective, objectiveOf(given)); // before anything takes long
  HALFSTEP_TRY(const auto model, environment.loadModel(given.file, 0.02));
  HALFSTEP_TRY(const DataSettings settings, dataSettingsFor(given.data));
  HALFSTEP_TRY(const auto all, samplesFor(environment, *model, settings, context));
  HALFSTEP_TRY(const auto parts, divided(all, given.holdout));
  const auto& [samples, heldOut] = parts;
  HALFSTEP_TRY(SearchSpaceOptions options, spaceOptions(given, *model));
  HALFSTEP_TRY(const Executor executor, Executor::create(model));
  HALFSTEP_TRY(const SensitivityOptions measured,
               sweepOptions(given.schemes, given.metric, given.memory, *samples));
  HALFSTEP_CHECK(chooseMetric(executor, *samples, measured.metric, context));
  HALFSTEP_TRY(const SchemeList list, schemeList("--schemes", given.schemes));
  HALFSTEP_TRY(const auto calibration, calibrationFor(environment, given.calibration, executor, *samples,
                                                      list.needsCalibration(), context.part(0.02, 0.1)));
  const Simulation simulation(model, calibration);
  HALFSTEP_TRY(const auto sensitivity, measureWithJournal(executor, simulation, *samples, measured,
                                                          given.journal, context.part(0.02, 0.6)));
  HALFSTEP_TRY(options.times, timesFor(environment, given, executor, *samples, context.part(0.6, 0.65)));
  SearchReport report{given.file, samples->origin(), samples->count(), context.seed()};
  HALFSTEP_TRY(report.space, makeSearchSpace(*model, *sensitivity, options));
  report.budgets = given.budgets;
  report.problem = report.space.problem;
  report.problem.objective = static_cast<std::size_t>(objective);
  for (const std::string& budget : given.budgets) {
    HALFSTEP_TRY(const SearchLimit limit, parseBudget(budget, report.space));
    report.problem.limits.push_back(limit);
  }
  std::optional<PlanTrials> trials;
  std::shared_ptr<const TrialJournal> journal;
  if (given.trials > 0) {
    HALFSTEP_TRY(JournaledTrials kept,
                 journaledTrials(*model,
                                 {{}, report.space.layers, report.origin, report.samples, calibration},
                                 given.journal, context));
    kept.options.memoryBudget = given.memory << 20;
    journal = kept.journal;
    HALFSTEP_TRY(PlanTrials made, PlanTrials::create(executor, simulation, report.space, *samples,
                                                     std::move(kept.options), context.part(0.65, 0.7)));
    trials.emplace(std::move(made));
  }
  FindOptions find;
  find.exact.seconds = given.seconds;
  find.local.trials = given.trials;
  HALFSTEP_TRY(report.found,
               findPlan(report.problem, trials ? &*trials : nullptr, find, context.part(0.7, 0.95)));
  report.trials = trials ? trials->count() : 0;
  HALFSTEP_CHECK(tryUniform(report, *model, trials ? &*trials : nullptr, context.part(0.95, 1.0)));
  report.plansRun = trials ? trials->measured() : 0;
  if (heldOut) {
    HALFSTEP_TRY(report.heldOut,
                 tryHeldOut(report, executor, simulation, *heldOut, given.memory, context.part(0.99, 1.0)));
  }
  if (journal && journal->problem()) {
    printWarning(journal->problem()->message());
  }
  SearchProblem open = report.space.problem; // the whole curve, whatever the budgets
  HALFSTEP_TRY(report.frontier,
               searchFrontier(open, static_cast<std::size_t>(PlanQuantity::size), kFrontierPoints, context));
  PlanOptions base;
  base.weights = "fp32";
  HALFSTEP_TRY(Plan plan, planFor(*model, base, !given.savePlan.empty(), context));
  if (!settings.source.empty()) {
    plan.data = settings;
  }
  report.plan =
      report.space.planOf(report.found.best ? report.found.best->solution : report.found.solution, plan);
  if (!given.savePlan.empty()) {
    HALFSTEP_CHECK(writePlan(report.plan, given.savePlan));
  }
  report.seconds = steadySeconds() - start;
  environment.output().document(searchJson(report));
  environment.output().text(searchText(report));
  return {};
}

} // namespace

Command searchCommand(CLI::App& main) {
  auto options = std::make_shared<SearchCommandOptions>();
  const CommandParser parser(main, "search", "Find the best plan within a budget");
  parser.option("MODEL", options->file, "The model file").required();
  addDataOptions(parser, options->data);
  addCalibrationOption(parser, options->calibration);
  parser
      .option("--budget", options->budgets,
              "size=25%, size=1.5MiB, bits=4.5, latency=60%, latency=2.5ms, bops=10%, damage=0.05; may be "
              "repeated")
      .repeated();
  parser.option("--minimize", options->minimize,
                "damage (the default), size (the default with a damage budget), latency or bops");
  parser.option("--schemes", options->schemes, "Weight schemes to choose from, separated by commas")
      .showsDefault();
  parser.option("--metric", options->metric,
                "What damage means: kl, relative-error, mse, top1, top5, accuracy, perplexity; without it "
                "kl where the output is a distribution that shows everything, otherwise relative-error");
  parser.option("--journal", options->journal,
                "Keep the sensitivities in this file and the plans that were run beside it (sweep.jsonl: "
                "sweep.trials.jsonl), and go on from them after an interruption");
  parser
      .option("--pin", options->pins,
              "GLOB=SCHEME: layers that keep this scheme (int8, int8/uint8:tensor); may be repeated")
      .repeated();
  parser
      .option("--tie", options->ties,
              "Layers that must have one scheme: A,B,C, or residual (meeting in one sum or concatenation), "
              "or same-input (query, key, value; gate, up); may be repeated")
      .repeated();
  parser.option("--device", options->device,
                "Latency as estimated for this device: a profile's name, or its file");
  parser.flag("--no-float", options->noFloat, "No layer may stay in float");
  parser.option("--time-limit", options->seconds, "Seconds for the integer program")
      .between(0.01, 1e6)
      .showsDefault();
  parser
      .option("--trials", options->trials,
              "How many plans to run while improving the one found; 0: predict only")
      .showsDefault();
  parser.option("--memory", options->memory, "MiB for values that are kept from run to run").showsDefault();
  parser.option("--holdout", options->holdout,
                "Keep the last N samples back, and say what the plan found does on them");
  parser.option("--save-plan", options->savePlan, "Write the plan to this file");
  parser.footer("Examples:\n  halfstep-cli search model.onnx --data photos --budget size=25% --save-plan "
                "best.halfstep.json\n"
                "  halfstep-cli search model.onnx --data photos --budget damage=0.01 --minimize size --json");
  return {parser.app(), [options](Environment& environment) { return searchPlan(environment, *options); }};
}

} // namespace halfstep::cli
