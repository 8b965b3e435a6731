#include "plugins/exporters/report/csv_report.h"

#include "core/io/atomic_file.h"
#include "core/quant/scheme_grammar.h"
#include "plugins/exporters/report/report_figures.h"

#include <charconv>

namespace halfstep {

namespace {

constexpr const char* kEndOfLine = "\r\n";

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) {
    return text;
  }
  std::string result = "\"";
  for (const char c : text) {
    result += c == '"' ? std::string("\"\"") : std::string(1, c);
  }
  return result + "\"";
}

std::string number(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

std::string headerRow() {
  std::string row = "layer,op,weight,shape,dtype,parameters,scheme,bits_per_weight,bytes";
  for (const ErrorFigure& figure : errorFigures()) {
    row += std::string(",") + figure.name;
  }
  return row + ",non_finite" + kEndOfLine;
}

std::string layerRow(const Layer& layer, const LayerQuantization& quantization) {
  std::string row =
      quoted(layer.name) + "," + quoted(layer.op) + "," + quoted(layer.weightName) + "," +
      quoted(shapeText(layer.weight.shape())) + "," + std::string(elementTypeName(layer.weight.type())) +
      "," + std::to_string(layer.parameters()) + "," + quoted(printScheme(quantization.parameters.scheme)) +
      "," + number(quantization.bitsPerWeight) + "," + std::to_string(quantization.bytes);
  for (const ErrorFigure& figure : errorFigures()) {
    row += "," + number(figure.value(quantization.total));
  }
  return row + "," + std::to_string(quantization.total.nonFinite) + kEndOfLine;
}

} // namespace

Result<ExportReport> CsvReport::write(const ExportInput& input, const std::filesystem::path& path,
                                      const JobContext& context) const {
  std::string text = headerRow();
  HALFSTEP_CHECK(forEachLayer(input, context, [&](const Layer& layer, const LayerQuantization& quantization) {
    text += layerRow(layer, quantization);
  }));
  HALFSTEP_CHECK(writeFileAtomically(path, text));
  return ExportReport{{path}, {}};
}

} // namespace halfstep
