#include "plugins/exporters/report/html_report.h"

#include "core/io/atomic_file.h"
#include "plugins/exporters/report/html_plots.h"
#include "plugins/exporters/report/html_sections.h"
#include "plugins/exporters/report/html_text.h"

#include <array>

namespace halfstep {

namespace {

constexpr std::size_t kPictures = 6; ///< histograms of the worst layers

/// Colours that people with any colour vision tell apart (Okabe and Ito, "Color Universal Design", 2008),
/// lightened for the dark theme. Tables repeat their heads on every printed page.
constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --page: #ffffff; --panel: #f4f5f7; --ink: #1b1f24; --quiet: #57606a;
  --line: #d0d7de; --link: #0a58b0; --warn: #fff4d6; --warnline: #b58100; --clip: #e69f0033;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --empty: #e4e7eb; }
@media (prefers-color-scheme: dark) { :root { --page: #15181c; --panel: #1f242a; --ink: #e6e9ed; --quiet: #a2acb8;
  --line: #3a424c; --link: #7cc0ff; --warn: #3a3013; --warnline: #d9a514; --clip: #e69f0033;
  --c0: #56b4e9; --c1: #f0893a; --c2: #35c49a; --c3: #e3a3c6; --empty: #2b3138; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 76rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.75rem; border-bottom: 1px solid var(--line); padding-bottom: 0.25rem; }
h3 { font-size: 1.05rem; margin: 2rem 0 0.5rem; }
p, li { max-width: 48rem; } a { color: var(--link); } nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem;
  padding: 0; list-style: none; max-width: none; }
.subtitle, figcaption, small, .interval { color: var(--quiet); } small { display: block; font-size: 0.8rem; }
code, pre { font: 0.9em/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--panel); padding: 0.75rem 1rem; overflow: auto; white-space: pre-wrap; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 0.75rem; margin: 1rem 0; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 0.75rem 1rem; }
.card dt { color: var(--quiet); font-size: 0.9rem; } .card dd { margin: 0; font-size: 1.5rem; }
.warning, .missing { border-left: 4px solid var(--warnline); background: var(--warn); padding: 0.5rem 0.75rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; margin: 0.5rem 0 1rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--quiet); padding: 0.25rem 0; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
thead th { vertical-align: bottom; border-bottom: 2px solid var(--quiet); } thead th:first-child { text-align: left; }
tbody th { font-weight: 500; text-align: left; } th.words, td.words, .properties td { text-align: left; }
tbody th.words { min-width: 10rem; max-width: 22rem; overflow-wrap: anywhere; } td { white-space: nowrap; }
.properties td { white-space: normal; }
figure { margin: 1rem 0 1.5rem; } figcaption { font-size: 0.9rem; max-width: 56rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 0 1.5rem; }
.glossary { display: grid; grid-template-columns: minmax(9rem, max-content) 1fr; gap: 0.35rem 1rem; }
.glossary dt { font-weight: 600; } .glossary dd { margin: 0; max-width: 48rem; }
svg { max-width: 100%; height: auto; min-width: 26rem; font: 12px system-ui, sans-serif; }
.grid svg { min-width: 0; }
svg .label { fill: var(--ink); } svg .value { fill: var(--quiet); font-size: 11px; }
svg .grid, svg .axis { stroke: var(--line); stroke-width: 1; } svg .axis { stroke: var(--quiet); }
svg .s0 { fill: var(--c0); } svg .s1 { fill: var(--c1); } svg .s2 { fill: var(--c2); } svg .s3 { fill: var(--c3); }
svg .l0, svg .l1 { fill: none; stroke: var(--c0); stroke-width: 1.5; } svg .l1 { stroke: var(--c1); stroke-dasharray: 5 3; }
svg .clip { fill: var(--clip); } svg .level { fill: none; stroke: var(--ink); stroke-width: 1; }
svg .empty { fill: var(--empty); } svg .onDark { fill: #ffffff; } svg .onLight { fill: #111111; }
@media print { :root { color-scheme: light; --page: #ffffff; --panel: #ffffff; --ink: #000000; --quiet: #444444;
    --line: #bbbbbb; --link: #000000; --warn: #ffffff; --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7;
    --empty: #e4e7eb; }
  body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; } .scroll { overflow: visible; }
  table { font-size: 7.5pt; } th, td { padding: 0.1rem 0.25rem; } thead { display: table-header-group; }
  td.words { white-space: normal; } table small { font-size: 0.85em; }
  details::details-content { content-visibility: visible; block-size: auto; }
  tr, figure, .card { break-inside: avoid; } h2, h3 { break-after: avoid; } svg rect { print-color-adjust: exact; } }
)css";

std::string navigation() {
  static constexpr std::array<std::pair<const char*, const char*>, 8> kPlaces = {{{"summary", "Summary"},
                                                                                  {"model", "Model"},
                                                                                  {"output", "Output"},
                                                                                  {"origins", "Origins"},
                                                                                  {"plots", "Plots"},
                                                                                  {"layers", "Layers"},
                                                                                  {"again", "Again"},
                                                                                  {"glossary", "Words"}}};
  std::string text = "<nav aria-label=\"Sections\"><ul>\n";
  for (const auto& [id, title] : kPlaces) {
    text += std::string("<li><a href=\"#") + id + "\">" + title + "</a></li>\n";
  }
  return text + "</ul></nav>\n";
}

std::string plots(const ReportContent& content) {
  return "<section id=\"plots\" aria-labelledby=\"plots-heading\">\n<h2 id=\"plots-heading\">Plots</h2>\n"
         "<h3>Error of the weights</h3>\n" +
         sqnrFigure(content) + "<h3>Bits per weight</h3>\n" + bitsFigure(content) +
         "<h3>The layers that lose most</h3>\n" + histogramFigures(content) +
         "<h3>Error along the network</h3>\n" + errorFigure(content) + "<h3>Sensitivity</h3>\n" +
         sensitivityFigure(content) + "<h3>Latency</h3>\n" + latencyFigure(content) + "</section>\n";
}

std::string page(const ReportContent& content) {
  const std::string name = escaped(content.model().name);
  const std::string version = escaped(content.input->programVersion);
  // The policy is for those who mistrust attachments: nothing is loaded or run, whatever a name contains.
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
         "'unsafe-inline'\"/>\n<meta name=\"generator\" content=\"Halfstep " +
         version + "\"/>\n<title>Quantization of " + name + "</title>\n<style>" + kStyle +
         "</style>\n</head>\n<body>\n<header>\n<h1>Quantization of " + name +
         "</h1>\n<p class=\"subtitle\">Report by Halfstep " + version + "</p>\n" + navigation() +
         "</header>\n<main>\n" + summarySection(content) + modelSection(content) + outputSection(content) +
         originsSection(content) + plots(content) + layersSection(content) + reproductionSection(content) +
         glossarySection() + "</main>\n</body>\n</html>\n";
}

} // namespace

Result<ExportReport> HtmlReport::write(const ExportInput& input, const std::filesystem::path& path,
                                       const JobContext& context) const {
  HALFSTEP_TRY(const ReportContent content, gatherContent(input, kPictures, context));
  HALFSTEP_CHECK(writeFileAtomically(path, page(content)));
  return ExportReport{{path}, {}};
}

} // namespace halfstep
