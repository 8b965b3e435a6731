// halfstep-cli export: writes a plan for a toolchain; says first what the toolchain cannot express. A model
// that was written is opened again and run beside the forecast.
#include "app/cli/data_options.h"
#include "app/cli/export_input.h"
#include "core/analysis/forecast_check.h"
#include "core/support/units.h"

#include <algorithm>
#include <cmath>

namespace halfstep::cli {

namespace {

struct ExportOptions {
  ExportInputOptions input;
  std::string out;
  std::uint64_t externalAbove = ExportInput{}.externalDataAbove;
  std::size_t checkSamples = 16;
  bool noCheck = false;
  bool list = false;
};

Result<void> listFormats(Environment& environment) {
  Json formats = Json::array();
  std::vector<std::vector<std::string>> rows = {{"FORMAT", "SUFFIX", "WHAT"}};
  for (const auto& exporter : environment.plugins().exporters()) {
    formats.push_back({{"format", exporter->formatName()},
                       {"title", exporter->title()},
                       {"suffix", exporter->suffix()},
                       {"explanation", exporter->explanation()}});
    rows.push_back({exporter->formatName(), "." + exporter->suffix(),
                    exporter->title() + ". " + exporter->explanation()});
  }
  environment.output().document({{"formats", formats}});
  environment.output().text(tableText(rows, rows[0].size()));
  return {};
}

Result<void> checkComplete(const ExportOptions& options) {
  for (const auto& [value, name] :
       {std::pair(&options.input.file, "MODEL"), {&options.input.format, "--to"}, {&options.out, "--out"}}) {
    if (value->empty()) {
      return Error{ErrorKind::usage, std::string(name) + " is required (or --list)"};
    }
  }
  return {};
}

/// Opens what was written and runs it beside the forecast.
Result<ForecastCheck> compared(Environment& environment, PreparedExport& prepared, const ExportReport& report,
                               std::size_t count) {
  const JobContext& context = environment.context();
  HALFSTEP_TRY(const auto written, environment.plugins().loadModel(report.files.front(), {}));
  HALFSTEP_TRY(const Executor executor, Executor::create(written));
  HALFSTEP_TRY(const Executor original, Executor::create(prepared.input.model));
  const Simulation simulation(prepared.input.model, prepared.input.measured.calibration);
  HALFSTEP_TRY(const SampleSource* samples, prepared.samplesOf(environment));
  return checkForecast(original, simulation, *report.written, executor, *samples, count,
                       context.part(0.7, 1.0));
}

Json checkJson(const ForecastCheck& check) {
  return {{"samples", check.samples},
          {"data", check.origin.description},
          {"synthetic", check.origin.synthetic},
          {"sqnr_db", jsonNumber(check.sqnr)},
          {"exact", check.largestRelative == 0.0},
          {"max_relative", jsonNumber(check.largestRelative)},
          {"top1", jsonNumber(check.top1)},
          {"own_noise_db", jsonNumber(check.ownNoise)}};
}

std::string checkText(const ForecastCheck& check) {
  std::string text = "opened it again and compared it with the forecast on " + std::to_string(check.samples) +
                     " of " + displayText(check.origin.description) + ": ";
  text += std::isinf(check.sqnr) ? "equal"
                                 : formatReal(check.sqnr) + " dB, at most " +
                                       formatReal(check.largestRelative) + " of the largest output apart";
  text += std::isnan(check.top1) ? "\n" : ", same class in " + formatShare(check.top1) + "\n";
  if (!std::isnan(check.ownNoise)) {
    text += "for comparison: with inputs changed by a millionth, the written model is " +
            (std::isinf(check.ownNoise) ? std::string("equal to itself: the difference is not rounding")
                                        : formatReal(check.ownNoise) + " dB from itself, by rounding alone") +
            "\n";
  }
  return text;
}

Json patternsJson(const std::vector<ExportPattern>& patterns) {
  Json list = Json::array();
  for (const ExportPattern& pattern : patterns) {
    list.push_back({{"pattern", pattern.pattern},
                    {"matching", pattern.matching},
                    {"meaning", pattern.meaning},
                    {"layers", pattern.layers}});
  }
  return list;
}

/// What each rule matches among the layers of this model.
std::string patternsText(const std::vector<ExportPattern>& patterns) {
  if (patterns.empty()) {
    return {};
  }
  std::vector<std::vector<std::string>> rows = {{"PATTERN", "MATCHED BY", "MEANING", "LAYERS"}};
  for (const ExportPattern& pattern : patterns) {
    std::string layers = pattern.layers.empty() ? "none" : displayText(pattern.layers.front());
    if (pattern.layers.size() > 1) {
      layers += " and " + std::to_string(pattern.layers.size() - 1) + " more";
    }
    rows.push_back({displayText(pattern.pattern), pattern.matching, displayText(pattern.meaning), layers});
  }
  return tableText(rows, rows[0].size()) + "\n";
}

Result<void> exportPlan(Environment& environment, const ExportOptions& options) {
  if (options.list) {
    return listFormats(environment);
  }
  HALFSTEP_CHECK(checkComplete(options));
  HALFSTEP_TRY(const Exporter* exporter, environment.plugins().exporterFor(options.input.format));
  HALFSTEP_TRY(PreparedExport prepared, prepareExport(environment, options.input, *exporter, 0.4));
  prepared.input.externalDataAbove = options.externalAbove;
  const auto losses = exporter->losses(prepared.input);
  for (const ExportLoss& loss : losses) { // before anything is written
    printWarning(loss.layer + ": " + loss.what);
  }
  HALFSTEP_TRY(const ExportReport report,
               exporter->write(prepared.input, options.out, environment.context().part(0.4, 0.7)));
  Json json = {{"model", options.input.file}, {"format", options.input.format}, {"files", Json::array()}};
  std::string text;
  for (const auto& file : report.files) {
    json["files"].push_back(file.string());
    text += "wrote " + displayText(file.string()) + "\n";
  }
  const auto patterns = exporter->patterns(prepared.input);
  json["patterns"] = patternsJson(patterns);
  text = patternsText(patterns) + text;
  json["lost"] = Json::array();
  for (const ExportLoss& loss : report.lost) {
    json["lost"].push_back({{"layer", loss.layer}, {"what", loss.what}});
    const bool isKnown = std::any_of(losses.begin(), losses.end(), [&](const ExportLoss& known) {
      return known.layer == loss.layer && known.what == loss.what;
    });
    if (!isKnown) { // what only writing told
      printWarning(loss.layer + ": " + loss.what);
    }
  }
  if (exporter->writesModel() && report.written && !options.noCheck) {
    HALFSTEP_TRY(const ForecastCheck check, compared(environment, prepared, report, options.checkSamples));
    json["verified"] = checkJson(check);
    text += checkText(check);
  }
  environment.output().document(json);
  environment.output().text(text + displayText(exporter->explanation()) + "\n");
  return {};
}

} // namespace

Command exportCommand(CLI::App& main) {
  auto options = std::make_shared<ExportOptions>();
  const CommandParser parser(main, "export", "Write a plan in the format of a toolchain");
  addExportInputOptions(parser, options->input);
  parser.option("--out", options->out, "The file to write");
  parser.option("--external-above", options->externalAbove,
                "A model file of more bytes keeps its weights in a second file, FILE.data");
  parser.option("--check-samples", options->checkSamples,
                "Samples on which a written model is compared with its forecast (16; 0 for all)");
  parser.flag("--no-check", options->noCheck, "Do not open and run the model that was written");
  parser.flag("--list", options->list, "List the formats");
  parser.footer(
      "Examples:\n  halfstep-cli export --list\n"
      "  halfstep-cli export model.onnx --plan plan.halfstep.json --to report-csv --out report.csv\n"
      "  halfstep-cli export model.onnx --weights int8 --activations uint8:tensor --data photos "
      "--to onnx-qdq --out q.onnx");
  return {parser.app(), [options](Environment& environment) { return exportPlan(environment, *options); }};
}

} // namespace halfstep::cli
