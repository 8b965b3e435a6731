// The page's long tables: every layer, and every sensitivity.
#include "core/quant/scheme_grammar.h"
#include "core/support/units.h"
#include "plugins/exporters/report/html_sections.h"
#include "plugins/exporters/report/html_text.h"

#include <cmath>

namespace halfstep {

namespace {

std::string column(const std::string& title, bool number = true) {
  return std::string("<th scope=\"col\"") + (number ? ">" : " class=\"words\">") + escaped(title) + "</th>";
}

std::string cell(double value, const std::string& text) {
  return "<td>" + (std::isnan(value) ? std::string("–") : dataElement(value, text)) + "</td>";
}

/// "–" with the reason where there is none.
std::string estimateCell(const std::optional<Estimate>& estimate, const std::string& left) {
  if (!estimate || std::isnan(estimate->value)) {
    return left.empty() ? "<td>–</td>"
                        : "<td title=\"" + escaped(left) + "\">–<small>" + escaped(left) + "</small></td>";
  }
  const bool known = !std::isnan(estimate->low);
  return "<td>" + dataElement(estimate->value, formatReal(estimate->value)) +
         (known ? "<small>" + formatReal(estimate->low) + " to " + formatReal(estimate->high) + "</small>"
                : std::string()) +
         "</td>";
}

std::string header(const ReportContent& content) {
  std::string row = column("Layer", false) + column("Operator", false) + column("Shape", false) +
                    column("Scheme", false) + column("Activations", false) + column("Bits / weight") +
                    column("Bytes") + column("SQNR, dB") + column("Clipped");
  if (content.measured().layerErrors) {
    row += column("Isolated, dB") + column("Accumulated, dB");
  }
  if (content.measured().sensitivity) {
    row += column("Damage alone, " + std::string(metricName(content.measured().sensitivity->metric)));
  }
  for (const LatencyType type : content.latencyTypes) {
    row += column(std::string(latencyTypeName(type)) + ", ms");
  }
  return "<thead><tr>" + row + "</tr></thead>\n";
}

std::string layerRow(const ReportContent& content, const ReportLayer& one) {
  const Layer& layer = *one.layer;
  std::string row = "<tr><th scope=\"row\" class=\"words\">" + escaped(layer.name) +
                    (layer.note.empty() ? std::string() : "<small>" + escaped(layer.note) + "</small>") +
                    "</th>";
  for (const std::string& words : {layer.op, shapeText(layer.weight.shape()), printScheme(one.plan.weights),
                                   printActivationScheme(one.plan.activations)}) {
    row += "<td class=\"words\">" + escaped(words) + "</td>";
  }
  const double sqnr = one.total.sqnrDb();
  const double clipped = one.total.clippedShare();
  row += cell(one.bitsPerWeight, formatReal(one.bitsPerWeight)) +
         cell(static_cast<double>(one.bytes), formatBytes(one.bytes)) + cell(sqnr, formatReal(sqnr)) +
         cell(clipped, formatShare(clipped));
  if (content.measured().layerErrors) {
    row += estimateCell(one.measured.isolated, one.measured.errorsLeft) +
           estimateCell(one.measured.accumulated, {});
  }
  if (content.measured().sensitivity) {
    row += estimateCell(one.damage, one.measured.sensitivitiesLeft);
  }
  for (const LatencyType type : content.latencyTypes) {
    const double time = latencyMs(one.measured.latency, type);
    row += cell(time, formatReal(time));
  }
  return row + "</tr>\n";
}

/// A region that scrolls sideways by itself, with the keyboard too.
std::string scrolling(const std::string& label, const std::string& table) {
  return "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"" + label + "\">\n" + table +
         "</div>\n";
}

std::string sensitivityTable(const ReportContent& content) {
  const Sensitivity& sweep = *content.measured().sensitivity;
  std::string text = "<details id=\"sensitivity-table\"><summary>All sensitivities, as " +
                     escaped(metricName(sweep.metric)) + "</summary>\n";
  std::string table = "<table>\n<caption>Every layer alone, under every scheme</caption>\n<thead><tr>" +
                      column("Layer", false);
  for (const std::string& scheme : sweep.candidateNames()) {
    table += column(scheme);
  }
  table += "</tr></thead>\n<tbody>\n";
  for (std::size_t row = 0; row < sweep.layers.size(); ++row) {
    table += "<tr><th scope=\"row\" class=\"words\">" + escaped(sweep.layers[row]) +
             (sweep.left[row].empty() ? std::string() : "<small>" + escaped(sweep.left[row]) + "</small>") +
             "</th>";
    for (std::size_t scheme = 0; scheme < sweep.schemes.size(); ++scheme) {
      table += estimateCell(sweep.estimate(row, scheme), {});
    }
    table += "</tr>\n";
  }
  return text + scrolling("All sensitivities", table + "</tbody>\n</table>\n") + "</details>\n";
}

} // namespace

std::string layersSection(const ReportContent& content) {
  std::string table = "<table>\n<caption>The plan and what it does to every layer</caption>\n" +
                      header(content) + "<tbody>\n";
  for (const ReportLayer& layer : content.layers) {
    table += layerRow(content, layer);
  }
  table += "</tbody>\n</table>\n";
  std::string notes;
  if (content.measured().sensitivity) {
    notes = "<p>Damage alone: the sweep's figure for the layer under the scheme that the plan has; – where "
            "the sweep "
            "did not measure that scheme.</p>\n" +
            sensitivityTable(content);
  }
  return section("layers", "Layers", scrolling("Table of layers", table) + notes);
}

} // namespace halfstep
