// halfstep-cli check: what a target would leave in float, or do otherwise than planned, and why. Writes
// nothing.
#include "app/cli/export_input.h"

namespace halfstep::cli {

namespace {

Result<void> checkPlan(Environment& environment, const ExportInputOptions& options) {
  for (const auto& [value, name] : {std::pair(&options.file, "MODEL"), {&options.format, "--to"}}) {
    if (value->empty()) {
      return Error{ErrorKind::usage, std::string(name) + " is required"};
    }
  }
  HALFSTEP_TRY(const Exporter* exporter, environment.plugins().exporterFor(options.format));
  HALFSTEP_TRY(const PreparedExport prepared, prepareExport(environment, options, *exporter, 0.7));
  HALFSTEP_TRY(const std::vector<ExportFinding> findings,
               exporter->check(prepared.input, environment.context().part(0.7, 1.0)));
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {{"LAYER", "WHAT", "WHY"}};
  for (const ExportFinding& finding : findings) {
    list.push_back({{"layer", finding.layer}, {"what", finding.what}, {"why", finding.why}});
    rows.push_back({displayText(finding.layer), displayText(finding.what), displayText(finding.why)});
  }
  environment.output().document(
      {{"model", options.file}, {"format", options.format}, {"findings", std::move(list)}});
  environment.output().text(findings.empty() ? "nothing to say: every layer is as planned\n"
                                             : tableText(rows, rows[0].size()));
  return {};
}

} // namespace

Command checkCommand(CLI::App& main) {
  auto options = std::make_shared<ExportInputOptions>();
  const CommandParser parser(main, "check", "What a target would leave in float or do otherwise, and why");
  addExportInputOptions(parser, *options);
  parser.footer("Example:\n  halfstep-cli check model.onnx --plan plan.halfstep.json --to onnx-qdq --json");
  return {parser.app(), [options](Environment& environment) { return checkPlan(environment, *options); }};
}

} // namespace halfstep::cli
