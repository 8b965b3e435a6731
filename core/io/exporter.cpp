#include "core/io/exporter.h"

namespace halfstep {

Result<std::vector<ExportFinding>> Exporter::check(const ExportInput& input, const JobContext&) const {
  std::vector<ExportFinding> findings;
  for (ExportLoss& loss : losses(input)) {
    findings.push_back({std::move(loss.layer), "is not as planned", std::move(loss.what)});
  }
  return findings;
}

std::vector<ExportPattern> Exporter::patterns(const ExportInput&) const {
  return {};
}

bool Exporter::needsCalibration(const ExportInput&) const {
  return false;
}

} // namespace halfstep
