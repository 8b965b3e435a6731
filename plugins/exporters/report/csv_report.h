// report-csv: one row per layer with every figure, as RFC 4180 has it (CRLF, quotes doubled); numbers with as
// many digits as bring them back exactly, not finite ones as inf, -inf and nan.
// What was measured follows in more columns (errors, sensitivities and latency, each with its interval where
// it has one); cells of layers that it was not measured of are empty.
#pragma once

#include "core/io/exporter.h"

namespace halfstep {

class CsvReport : public Exporter {
public:
  std::string formatName() const override { return "report-csv"; }
  std::string title() const override { return "Report (CSV)"; }
  std::string explanation() const override {
    return "Every figure of every layer, one row each; for spreadsheets, pandas and R.";
  }
  std::string suffix() const override { return "csv"; }
  std::vector<ExportLoss> losses(const ExportInput&) const override { return {}; }
  Result<ExportReport> write(const ExportInput& input, const std::filesystem::path& path,
                             const JobContext& context) const override;
};

} // namespace halfstep
