// The plan in the page, and the command that makes the page again.
#include "core/io/plan_file.h"
#include "core/quant/scheme_grammar.h"
#include "plugins/exporters/report/html_sections.h"
#include "plugins/exporters/report/html_text.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace halfstep {

namespace {

/// As a shell takes it.
std::string shellWord(const std::string& word) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./,:=+-";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
    return word;
  }
  std::string quoted = "'";
  for (const char letter : word) {
    quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  }
  return quoted + "'";
}

/// What makes the page again from its plan. Files that cannot be told from the results stand in capitals.
std::string commandOf(const ReportContent& content) {
  const MeasuredResults& measured = content.measured();
  const std::string& model = content.model().name;
  const std::string file =
      shellWord(model.starts_with('-') ? "./" + model : model) + " --plan plan.halfstep.json";
  if (!measured.evaluation && !measured.sensitivity && !measured.latency && !measured.calibration) {
    return "halfstep-cli export " + file + " --to report-html --out report.html";
  }
  std::string command = "halfstep-cli report " + file;
  const SampleOrigin origin = measured.evaluation ? measured.evaluation->origin : SampleOrigin{};
  if (measured.evaluation && !content.input->plan.data) { // otherwise the plan says which
    command += origin.synthetic ? " --samples " + std::to_string(measured.evaluation->samples.size())
                                : std::string(" --data DATA");
  }
  if (measured.calibration && measured.calibration->origin != origin) {
    command += " --calibration FILE.h5";
  }
  if (measured.sensitivity &&
      (measured.sensitivity->origin != origin || !measured.sensitivity->isComplete())) {
    command += " --sensitivity JOURNAL.jsonl";
  } else if (measured.sensitivity) {
    std::string schemes;
    for (const std::string& scheme : measured.sensitivity->candidateNames()) {
      schemes += (schemes.empty() ? "" : ",") + scheme;
    }
    command += " --schemes " + shellWord(schemes) + " --metric " +
               std::string(metricName(measured.sensitivity->metric));
  }
  return command + (measured.latency ? " --latency" : "") + " --out report.html";
}

} // namespace

std::string reproductionSection(const ReportContent& content) {
  Plan plan = content.input->plan;
  plan.versions.clear(); // the page is about this one
  std::string text =
      "<p>Save the plan below as <code>plan.halfstep.json</code> beside the model (its SHA-256 is "
      "above), and run with Halfstep " +
      escaped(content.input->programVersion) + ":</p>\n<pre><code>" + escaped(commandOf(content)) +
      "</code></pre>\n";
  if (plan.data && !plan.data->source.empty()) {
    text += "<p>The plan names the data: <code>" + escaped(plan.data->source) +
            "</code>, seen from the folder that the command was run in.</p>\n";
  }
  text += content.measured().latency ? "<p>All figures but the times come out the same.</p>\n" : "";
  // In ASCII, so that characters which escaped() would spell out stay JSON; it does so with line breaks, too.
  std::string lines;
  const std::string json = nlohmann::ordered_json::parse(planToJson(plan))
                               .dump(1, ' ', true, nlohmann::json::error_handler_t::replace);
  for (std::size_t start = 0; start < json.size();) {
    const std::size_t end = std::min(json.find('\n', start), json.size());
    lines += escaped(std::string_view(json).substr(start, end - start)) + "\n";
    start = end + 1;
  }
  text +=
      "<details><summary>The plan</summary>\n<pre><code id=\"plan\">" + lines + "</code></pre></details>\n";
  return section("again", "Making this page again", text);
}

} // namespace halfstep
