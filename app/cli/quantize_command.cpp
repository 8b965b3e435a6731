// halfstep-cli quantize: quantizes every layer and tells what that does to its values.
#include "app/cli/calibration_options.h"
#include "app/cli/data_options.h"
#include "app/cli/dump.h"
#include "app/cli/output_figures.h"
#include "app/cli/plan_options.h"
#include "core/quant/quantizer.h"
#include "core/quant/scheme_grammar.h"
#include "core/support/units.h"

namespace halfstep::cli {

namespace {

struct QuantizeOptions {
  std::string file;
  PlanOptions plan;
  DataOptions data;
  std::string calibration; ///< a saved one
  std::string savePlan;
  std::string dump;
};

struct QuantizedLayer {
  std::string name;
  Scheme scheme;
  ErrorSums errors;
  std::int64_t bytes = 0;
  double bitsPerWeight = 0.0;
  std::string dumpedAs; ///< the beginning of its files' names; empty without --dump
};

struct Totals {
  std::int64_t bytesBefore = 0; ///< of the file and its external data
  std::int64_t bytesAfter = 0;  ///< the same with every layer's weight replaced
  ErrorSums errors;
  double ratio() const {
    return bytesAfter > 0 ? static_cast<double>(bytesBefore) / static_cast<double>(bytesAfter) : 0.0;
  }
};

Json layerJson(const QuantizedLayer& layer) {
  Json json = {{"name", layer.name},
               {"scheme", printScheme(layer.scheme)},
               {"bits_per_weight", jsonNumber(layer.bitsPerWeight)},
               {"bytes", layer.bytes},
               {"mse", jsonNumber(layer.errors.mse())},
               {"mse_rounding", jsonNumber(layer.errors.mseRounding())},
               {"mse_clipping", jsonNumber(layer.errors.mseClipping())},
               {"sqnr_db", jsonNumber(layer.errors.sqnrDb())},
               {"max_error", jsonNumber(layer.errors.maxError)},
               {"mean_error", jsonNumber(layer.errors.meanError())},
               {"cosine", jsonNumber(layer.errors.cosine())},
               {"clipped", jsonNumber(layer.errors.clippedShare())},
               {"non_finite", layer.errors.nonFinite}};
  if (!layer.dumpedAs.empty()) {
    json["dumped_as"] = layer.dumpedAs;
  }
  return json;
}

Json documentJson(const std::string& file, const std::vector<QuantizedLayer>& layers, const Totals& totals) {
  Json json = {{"model", file}, {"layers", Json::array()}};
  for (const QuantizedLayer& layer : layers) {
    json["layers"].push_back(layerJson(layer));
  }
  json["total"] = {{"bytes_before", totals.bytesBefore},
                   {"bytes_after", totals.bytesAfter},
                   {"ratio", jsonNumber(totals.ratio())},
                   {"sqnr_db", jsonNumber(totals.errors.sqnrDb())}};
  return json;
}

std::string resultText(const std::vector<QuantizedLayer>& layers, const Totals& totals) {
  std::vector<std::vector<std::string>> rows = {{"LAYER", "SCHEME", "BITS/WEIGHT", "SIZE", "SQNR dB", "MSE",
                                                 "ROUNDING", "CLIPPING", "MAX ERROR", "CLIPPED"}};
  for (const QuantizedLayer& layer : layers) {
    const ErrorSums& errors = layer.errors;
    rows.push_back({displayText(layer.name), printScheme(layer.scheme), formatReal(layer.bitsPerWeight),
                    formatBytes(layer.bytes), formatReal(errors.sqnrDb()), formatReal(errors.mse()),
                    formatReal(errors.mseRounding()), formatReal(errors.mseClipping()),
                    formatReal(errors.maxError), formatShare(errors.clippedShare())});
  }
  std::string text = tableText(rows, 2);
  for (const QuantizedLayer& layer : layers) {
    if (layer.errors.nonFinite > 0) {
      text +=
          displayText(layer.name) + ": " + formatCount(layer.errors.nonFinite) + " values are not finite\n";
    }
  }
  return text + "\n" + formatBytes(totals.bytesBefore) + " → " + formatBytes(totals.bytesAfter) + " (" +
         formatReal(totals.ratio()) + " times smaller), SQNR " + formatReal(totals.errors.sqnrDb()) + " dB\n";
}

Result<QuantizedLayer> quantizeOne(const Layer& layer, const Scheme& scheme, Dump* dump,
                                   const JobContext& context) {
  HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(layer, context));
  HALFSTEP_TRY(const LayerQuantization quantization, quantizeLayer(*matrix, scheme, context));
  std::string dumpedAs;
  if (dump != nullptr) {
    HALFSTEP_TRY(dumpedAs, dump->write(layer.name, *matrix, quantization.parameters, context));
  }
  return QuantizedLayer{
      layer.name, scheme, quantization.total, quantization.bytes, quantization.bitsPerWeight, dumpedAs};
}

/// What the plan does to the network's output on data.
Result<std::shared_ptr<const Evaluation>> outputUnder(Environment& environment,
                                                      std::shared_ptr<const Model> model, const Plan& plan,
                                                      const QuantizeOptions& options) {
  HALFSTEP_TRY(const DataSettings settings, dataSettingsFor(options.data, plan.data));
  HALFSTEP_TRY(const auto samples, samplesFor(environment, *model, settings, environment.context()));
  HALFSTEP_TRY(const Executor executor, Executor::create(model));
  HALFSTEP_TRY(auto calibration, calibrationFor(environment, options.calibration, executor, *samples,
                                                hasStaticActivations(*model, plan), environment.context()));
  const Simulation simulation(std::move(model), std::move(calibration));
  return evaluate(executor, simulation, plan, *samples, {}, environment.context());
}

Result<void> quantize(Environment& environment, const QuantizeOptions& options) {
  const JobContext& context = environment.context();
  if (!options.calibration.empty() && options.data.data.empty()) {
    return Error{ErrorKind::usage, "--calibration: the output is judged on data; give --data as well"};
  }
  HALFSTEP_TRY(const auto model, environment.loadModel(options.file, 0.05));
  HALFSTEP_TRY(Plan plan, planFor(*model, options.plan, !options.savePlan.empty(), context));
  if (!options.data.data.empty()) {
    HALFSTEP_TRY(plan.data, dataSettingsFor(options.data, plan.data));
  }
  std::optional<Dump> dump;
  if (!options.dump.empty()) {
    HALFSTEP_TRY(dump, Dump::into(options.dump));
  }
  std::vector<QuantizedLayer> layers;
  Totals totals{model->bytes, model->bytes, {}};
  for (std::size_t i = 0; i < model->layers.size(); ++i) {
    const Layer& layer = model->layers[i];
    const auto count = static_cast<double>(model->layers.size());
    context.reportProgress(0.05 + 0.95 * static_cast<double>(i) / count, layer.name);
    auto quantized = quantizeOne(layer, plan.forLayer(layer.name).weights, dump ? &*dump : nullptr, context);
    if (!quantized) {
      if (quantized.error().file.empty()) {
        quantized.error().file = options.file;
      }
      if (quantized.error().where.empty()) {
        quantized.error().where = "layer " + layer.name;
      }
      return std::move(quantized.error());
    }
    totals.errors += quantized->errors;
    totals.bytesAfter += quantized->bytes - static_cast<std::int64_t>(layer.weight.bytes().size());
    layers.push_back(std::move(*quantized));
  }
  if (!options.savePlan.empty()) {
    HALFSTEP_CHECK(writePlan(plan, options.savePlan));
  }
  Json json = documentJson(options.file, layers, totals);
  std::string text = resultText(layers, totals);
  if (!options.data.data.empty()) {
    HALFSTEP_TRY(const auto evaluation, outputUnder(environment, model, plan, options));
    json["output"] = evaluationJson(*evaluation, context.seed());
    text += "\n" + evaluationText(*evaluation, context.seed());
  }
  environment.output().document(json);
  environment.output().text(text);
  return {};
}

} // namespace

Command quantizeCommand(CLI::App& main) {
  auto options = std::make_shared<QuantizeOptions>();
  const CommandParser parser(main, "quantize", "Quantize every layer: size and weight error");
  parser.option("MODEL", options->file, "The model file").required();
  addPlanOptions(parser, options->plan);
  addDataOptions(parser, options->data);
  addCalibrationOption(parser, options->calibration);
  parser.option("--save-plan", options->savePlan, "Write the plan that was used");
  parser.option("--dump", options->dump,
                "Write codes, scales, zero points and decoded values as .npy files here, named after the "
                "layers with / as _ (--json tells each layer's name as dumped_as)");
  parser.footer(
      "A scheme is FORMAT[:TOKEN]…: int8, uint8:tensor:pct99.99, int4:asym:group64:mse, fp8e4m3, fp32.\n"
      "Examples:\n  halfstep-cli quantize model.onnx --weights int8\n"
      "  halfstep-cli quantize model.onnx --weights int4:group64 --set '*head*=fp32' --json\n"
      "  halfstep-cli quantize model.onnx --plan plan.halfstep.json --dump out");
  return {parser.app(), [options](Environment& environment) { return quantize(environment, *options); }};
}

} // namespace halfstep::cli
