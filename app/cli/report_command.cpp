// halfstep-cli report: measures what a report tells and is not known yet, then writes it.
#include "app/cli/calibration_options.h"
#include "app/cli/data_options.h"
#include "app/cli/device_options.h"
#include "app/cli/output_figures.h"
#include "app/cli/plan_options.h"
#include "app/cli/sweep_journal.h"
#include "core/support/units.h"

#include <algorithm>
#include <cctype>

namespace halfstep::cli {

namespace {

struct ReportOptions {
  std::string file;
  PlanOptions plan;
  DataOptions data;
  std::string journal;
  std::string schemes;
  std::string metric;
  std::string calibration;
  std::string format;
  std::string out;
  std::size_t memory = 512; ///< MiB
  bool latency = false;
};

/// The exporter that --to names, or that writes reports with the file's suffix.
Result<const Exporter*> exporterOf(Environment& environment, const ReportOptions& options) {
  if (!options.format.empty()) {
    return environment.plugins().exporterFor(options.format);
  }
  std::string suffix = std::filesystem::path(options.out).extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  suffix = suffix == ".htm" ? ".html" : suffix == ".hdf5" ? ".h5" : suffix;
  std::string known;
  for (const auto& exporter : environment.plugins().exporters()) {
    const std::string name = exporter->formatName();
    if (!name.starts_with("report-") && !name.starts_with("results-")) {
      continue;
    }
    if ("." + exporter->suffix() == suffix) {
      return static_cast<const Exporter*>(exporter.get());
    }
    known += (known.empty() ? "." : ", .") + exporter->suffix();
  }
  return Error{ErrorKind::usage,
               "--out " + options.out + ": which report? Expected one of " + known + ", or --to FORMAT"};
}

/// A finished or unfinished sweep that was measured before.
Result<std::shared_ptr<const Sensitivity>> savedSensitivity(const std::string& file,
                                                            const std::string& modelSha256) {
  HALFSTEP_TRY(Sensitivity sweep, loadSensitivity(file, modelSha256));
  if (!sweep.isComplete()) {
    printWarning(file + ": the sweep is not finished, " + formatShare(sweep.progress()) + " is done");
  }
  return std::make_shared<const Sensitivity>(std::move(sweep));
}

/// Everything that takes running the network on samples. `samples` is null where there is no data.
Result<void> measureOnSamples(Environment& environment, const ReportOptions& options,
                              const std::shared_ptr<const Model>& model, const Executor& executor,
                              const SampleSource* samples, const Plan& plan, MeasuredResults& measured) {
  const JobContext& context = environment.context();
  if (!options.calibration.empty()) {
    HALFSTEP_TRY(measured.calibration, savedCalibration(environment, options.calibration, plan.modelSha256));
  } else if (samples != nullptr) {
    HALFSTEP_TRY(measured.calibration, calibrate(executor, *samples, {}, context.part(0.05, 0.15)));
  }
  if (samples != nullptr) {
    const Simulation simulation(model, measured.calibration);
    HALFSTEP_TRY(measured.evaluation,
                 evaluate(executor, simulation, plan, *samples, {}, context.part(0.15, 0.3)));
    LayerErrorOptions every;
    every.samples = 0;
    HALFSTEP_TRY(measured.layerErrors,
                 measureLayerErrors(executor, simulation, plan, *samples, every, context.part(0.3, 0.45)));
  }
  if (!options.schemes.empty()) {
    if (samples == nullptr) {
      return Error{ErrorKind::usage, "--schemes: sensitivities are measured on data; give --data as well"};
    }
    HALFSTEP_TRY(const SensitivityOptions sweep,
                 sweepOptions(options.schemes, options.metric, options.memory, *samples));
    const Simulation simulation(model, measured.calibration);
    HALFSTEP_TRY(measured.sensitivity, measureWithJournal(executor, simulation, *samples, sweep,
                                                          options.journal, context.part(0.45, 0.8)));
  } else if (!options.journal.empty()) {
    HALFSTEP_TRY(measured.sensitivity, savedSensitivity(options.journal, plan.modelSha256));
  }
  return {};
}

Result<MeasuredResults> measure(Environment& environment, const ReportOptions& options,
                                const std::shared_ptr<const Model>& model, const DataSettings& settings,
                                const Plan& plan) {
  const JobContext& context = environment.context();
  MeasuredResults measured;
  // Random samples are asked for by their number: they say too little to be the default of a report.
  const bool onSamples = !settings.source.empty() || settings.samples.has_value();
  const bool anything = onSamples || options.latency || !options.journal.empty() ||
                        !options.schemes.empty() || !options.calibration.empty();
  if (!anything) {
    return measured;
  }
  HALFSTEP_TRY(const Executor executor, Executor::create(model));
  std::shared_ptr<const SampleSource> samples;
  if (onSamples) {
    HALFSTEP_TRY(samples, samplesFor(environment, *model, settings, context));
  }
  HALFSTEP_CHECK(measureOnSamples(environment, options, model, executor, samples.get(), plan, measured));
  if (options.latency) {
    LatencyOptions timing;
    timing.clock = steadySeconds;
    HALFSTEP_TRY(const auto inputs, oneInput(environment, *model, settings, context));
    HALFSTEP_TRY(Latency latency, measureLatency(executor, inputs, timing, context.part(0.8, 0.9)));
    measured.latency = std::make_shared<const Latency>(std::move(latency));
  }
  return measured;
}

Result<void> report(Environment& environment, const ReportOptions& options) {
  const JobContext& context = environment.context();
  HALFSTEP_TRY(const Exporter* exporter, exporterOf(environment, options)); // before anything takes long
  HALFSTEP_TRY(const auto model, environment.loadModel(options.file, 0.05));
  ExportInput input{model, {}, HALFSTEP_VERSION};
  HALFSTEP_TRY(input.plan, planFor(*model, options.plan, true, context));
  HALFSTEP_TRY(const DataSettings settings, dataSettingsFor(options.data, input.plan.data));
  if (settings != DataSettings{}) {
    input.plan.data = settings; // what the page says makes it again
  }
  auto measured = measure(environment, options, model, settings, input.plan);
  if (!measured) {
    measured.error().file = measured.error().file.empty() ? options.file : measured.error().file;
    return measured.error();
  }
  input.measured = std::move(*measured);
  for (const ExportLoss& loss : exporter->losses(input)) {
    printWarning(loss.layer + ": " + loss.what);
  }
  HALFSTEP_TRY(const ExportReport written, exporter->write(input, options.out, context.part(0.9, 1.0)));
  Json files = Json::array();
  std::string text;
  for (const auto& file : written.files) {
    files.push_back(file.string());
    text += "wrote " + displayText(file.string()) + "\n";
  }
  if (input.measured.evaluation) {
    text = evaluationText(*input.measured.evaluation, context.seed()) + text;
  } else {
    text += "The effect on the output was not measured: give --data.\n";
  }
  environment.output().document({{"model", options.file},
                                 {"format", exporter->formatName()},
                                 {"files", files},
                                 {"measured", measuredJson(input.measured, context.seed())}});
  environment.output().text(text);
  return {};
}

} // namespace

Command reportCommand(CLI::App& main) {
  auto options = std::make_shared<ReportOptions>();
  const CommandParser parser(main, "report", "Measure what a plan does and write a report of it");
  parser.option("MODEL", options->file, "The model file").required();
  addPlanOptions(parser, options->plan);
  addDataOptions(parser, options->data);
  parser.option("--sensitivity", options->journal,
                "A sweep's journal (*.jsonl): shown; with --schemes, kept up to date and gone on from");
  parser.option("--schemes", options->schemes,
                "Also measure every layer's sensitivity under these schemes, separated by commas");
  parser.option("--metric", options->metric, "Of the sensitivities: kl, sqnr, relative-error, …");
  addCalibrationOption(parser, options->calibration);
  parser.flag("--latency,!--no-latency", options->latency, "Also measure every layer's latency");
  parser.option("--memory", options->memory, "MiB for values that sweeps keep from run to run")
      .showsDefault();
  parser.option("--to", options->format, "The format, where the suffix of --out does not say it");
  parser.option("--out", options->out, "The file to write: .html (one page), .json, .csv or .h5 (all arrays)")
      .required();
  parser.footer("Without --data only the weights' figures are known; --samples N alone draws N samples at "
                "random.\n"
                "Examples:\n  halfstep-cli report model.onnx --plan plan.halfstep.json --data photos --out "
                "report.html\n"
                "  halfstep-cli report model.onnx --weights int4 --data x.npy --schemes int8,int4 "
                "--latency --out results.h5");
  return {parser.app(), [options](Environment& environment) { return report(environment, *options); }};
}

} // namespace halfstep::cli
