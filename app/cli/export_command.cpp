// halfstep-cli export: writes a plan for a toolchain; says first what the toolchain cannot express.
#include "app/cli/plan_options.h"
#include "core/io/plan_file.h"

namespace halfstep::cli {

namespace {

struct ExportOptions {
  std::string file;
  PlanOptions plan;
  std::string format;
  std::string out;
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
       {std::pair(&options.file, "MODEL"), {&options.format, "--to"}, {&options.out, "--out"}}) {
    if (value->empty()) {
      return Error{ErrorKind::usage, std::string(name) + " is required (or --list)"};
    }
  }
  return {};
}

Result<void> exportPlan(Environment& environment, const ExportOptions& options) {
  if (options.list) {
    return listFormats(environment);
  }
  HALFSTEP_CHECK(checkComplete(options));
  HALFSTEP_TRY(const Exporter* exporter, environment.plugins().exporterFor(options.format));
  HALFSTEP_TRY(auto model, environment.loadModel(options.file, 0.1));
  HALFSTEP_TRY(Plan plan, planFor(*model, options.plan, true, environment.context()));
  const ExportInput input{std::move(model), std::move(plan), HALFSTEP_VERSION};
  const auto losses = exporter->losses(input);
  for (const ExportLoss& loss : losses) { // before anything is written
    printWarning(loss.layer + ": " + loss.what);
  }
  HALFSTEP_TRY(const ExportReport report,
               exporter->write(input, options.out, environment.context().part(0.1, 1.0)));
  Json files = Json::array();
  Json lost = Json::array();
  std::string text;
  for (const auto& file : report.files) {
    files.push_back(file.string());
    text += "wrote " + displayText(file.string()) + "\n";
  }
  for (const ExportLoss& loss : report.lost) {
    lost.push_back({{"layer", loss.layer}, {"what", loss.what}});
  }
  environment.output().document(
      {{"model", options.file}, {"format", options.format}, {"files", files}, {"lost", lost}});
  environment.output().text(text + displayText(exporter->explanation()) + "\n");
  return {};
}

} // namespace

Command exportCommand(CLI::App& main) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* parser = main.add_subcommand("export", "Write a plan in the format of a toolchain");
  parser->add_option("MODEL", options->file, "The model file");
  addPlanOptions(*parser, options->plan);
  parser->add_option("--to", options->format, "The format; --list names them");
  parser->add_option("--out", options->out, "The file to write");
  parser->add_flag("--list", options->list, "List the formats");
  parser->footer(
      "Examples:\n  halfstep-cli export --list\n"
      "  halfstep-cli export model.onnx --plan plan.halfstep.json --to report-csv --out report.csv");
  return {parser, [options](Environment& environment) { return exportPlan(environment, *options); }};
}

} // namespace halfstep::cli
