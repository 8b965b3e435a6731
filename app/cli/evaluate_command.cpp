// halfstep-cli evaluate: what a plan does to the network's output, and where along the network error grows.
#include "app/cli/calibration_options.h"
#include "app/cli/data_options.h"
#include "app/cli/output_figures.h"
#include "app/cli/plan_options.h"
#include "core/support/units.h"

namespace halfstep::cli {

namespace {

struct EvaluateOptions {
  std::string file;
  PlanOptions plan;
  DataOptions data;
  std::string calibration; ///< a saved one
  bool layers = false;
};

Json layersJson(const LayerErrors& errors, std::uint64_t seed) {
  Json list = Json::array();
  for (std::size_t i = 0; i < errors.layers.size(); ++i) {
    Json one = {
        {"name", errors.layers[i]},
        {"isolated_sqnr_db", estimateJson(LayerErrors::sqnrEstimate(errors.errors[i].isolated, seed))},
        {"accumulated_sqnr_db", estimateJson(LayerErrors::sqnrEstimate(errors.errors[i].accumulated, seed))}};
    if (!errors.left[i].empty()) {
      one["left"] = errors.left[i];
    }
    list.push_back(std::move(one));
  }
  return list;
}

std::string layersText(const LayerErrors& errors, std::uint64_t seed) {
  std::vector<std::vector<std::string>> rows = {{"LAYER", "ISOLATED dB", "ACCUMULATED dB"}};
  for (std::size_t i = 0; i < errors.layers.size(); ++i) {
    rows.push_back({displayText(errors.layers[i]),
                    estimateText(LayerErrors::sqnrEstimate(errors.errors[i].isolated, seed)),
                    estimateText(LayerErrors::sqnrEstimate(errors.errors[i].accumulated, seed))});
  }
  std::string text = tableText(rows, 1);
  for (std::size_t i = 0; i < errors.layers.size(); ++i) {
    if (!errors.left[i].empty()) {
      text += displayText(errors.layers[i]) + ": no figures: " + displayText(errors.left[i]) + "\n";
    }
  }
  return text + "\n";
}

Result<void> evaluatePlan(Environment& environment, const EvaluateOptions& options) {
  const JobContext& context = environment.context();
  HALFSTEP_TRY(const auto model, environment.loadModel(options.file, 0.05));
  HALFSTEP_TRY(const Plan plan, planFor(*model, options.plan, false, context));
  HALFSTEP_TRY(const DataSettings settings, dataSettingsFor(options.data, plan.data));
  HALFSTEP_TRY(const auto samples, samplesFor(environment, *model, settings, context));
  HALFSTEP_TRY(const Executor executor, Executor::create(model));
  HALFSTEP_TRY(const auto calibration,
               calibrationFor(environment, options.calibration, executor, *samples,
                              hasStaticActivations(*model, plan), context.part(0.05, 0.3)));
  const Simulation simulation(model, calibration);
  HALFSTEP_TRY(const auto evaluation, evaluate(executor, simulation, plan, *samples, {},
                                               context.part(0.3, options.layers ? 0.6 : 1.0)));
  Json json = {{"model", options.file}, {"output", evaluationJson(*evaluation, context.seed())}};
  std::string text;
  if (options.layers) {
    LayerErrorOptions every;
    every.samples = 0;
    HALFSTEP_TRY(const auto errors,
                 measureLayerErrors(executor, simulation, plan, *samples, every, context.part(0.6, 1.0)));
    json["layers"] = layersJson(*errors, context.seed());
    text = layersText(*errors, context.seed());
  }
  environment.output().document(json);
  environment.output().text(text + evaluationText(*evaluation, context.seed()));
  return {};
}

} // namespace

Command evaluateCommand(CLI::App& main) {
  auto options = std::make_shared<EvaluateOptions>();
  const CommandParser parser(main, "evaluate", "What a plan does to the network's output");
  parser.option("MODEL", options->file, "The model file").required();
  addPlanOptions(parser, options->plan);
  addDataOptions(parser, options->data);
  addCalibrationOption(parser, options->calibration);
  parser.flag("--layers", options->layers,
              "Also every layer's isolated error (this layer alone quantized) and accumulated one");
  parser.footer(
      "Examples:\n  halfstep-cli evaluate model.onnx --weights int8 --data photos\n"
      "  halfstep-cli evaluate model.onnx --weights int8 --activations uint8:tensor:mse --data photos "
      "--layers --json");
  return {parser.app(), [options](Environment& environment) { return evaluatePlan(environment, *options); }};
}

} // namespace halfstep::cli
