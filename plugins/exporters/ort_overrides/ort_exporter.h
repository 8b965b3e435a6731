// ort-overrides: TensorQuantOverrides for ONNX Runtime's quantize_static, in both of its forms: a JSON file
// with scales and zero points for static_quantize_runner, and beside it a Python script that also sets the
// types.
#pragma once

#include "core/io/exporter.h"

namespace halfstep {

class OrtOverridesExporter : public Exporter {
public:
  std::string formatName() const override { return "ort-overrides"; }
  std::string title() const override { return "ONNX Runtime tensor overrides"; }
  std::string explanation() const override;
  std::string suffix() const override { return "json"; }
  std::vector<ExportLoss> losses(const ExportInput& input) const override;
  /// What is lost, and which layers ONNX Runtime computes in float all the same.
  Result<std::vector<ExportFinding>> check(const ExportInput& input,
                                           const JobContext& context) const override;
  /// Names of weights and values that are overridden, and of nodes that are left out.
  std::vector<ExportPattern> patterns(const ExportInput& input) const override;
  /// Writes `path` (JSON) and the script beside it, the same name ending in .py; a `path` that ends in .py is
  /// the script, and the JSON file goes beside it.
  Result<ExportReport> write(const ExportInput& input, const std::filesystem::path& path,
                             const JobContext& context) const override;
};

} // namespace halfstep
