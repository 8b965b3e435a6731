// The forms of quantized ONNX models, each an exporter of its own.
#pragma once

#include "core/io/exporter.h"
#include "plugins/exporters/onnx_model/model_form.h"

namespace halfstep {

/// What the forms have in common: making the model, writing it, and looking at what ONNX Runtime would do.
class OnnxModelExporter : public Exporter {
public:
  std::string suffix() const override { return "onnx"; }
  bool writesModel() const override { return true; }
  std::vector<ExportLoss> losses(const ExportInput& input) const override;
  Result<std::vector<ExportFinding>> check(const ExportInput& input,
                                           const JobContext& context) const override;
  Result<ExportReport> write(const ExportInput& input, const std::filesystem::path& path,
                             const JobContext& context) const override;

protected:
  /// From model and plan alone.
  virtual onnx_export::FormPlan plan(const ExportInput& input) const = 0;
  /// Applied or not.
  virtual Result<onnx_export::FormModel> make(const ExportInput& input, const JobContext& context) const = 0;
};

/// onnx-qdq.
class QdqExporter : public OnnxModelExporter {
public:
  std::string formatName() const override { return "onnx-qdq"; }
  std::string title() const override { return "ONNX with QuantizeLinear and DequantizeLinear"; }
  std::string explanation() const override;
  bool needsCalibration(const ExportInput& input) const override;

protected:
  onnx_export::FormPlan plan(const ExportInput& input) const override;
  Result<onnx_export::FormModel> make(const ExportInput& input, const JobContext& context) const override;
};

/// onnx-dynamic.
class DynamicExporter : public OnnxModelExporter {
public:
  std::string formatName() const override { return "onnx-dynamic"; }
  std::string title() const override { return "ONNX with ranges found at run time"; }
  std::string explanation() const override;

protected:
  onnx_export::FormPlan plan(const ExportInput& input) const override;
  Result<onnx_export::FormModel> make(const ExportInput& input, const JobContext& context) const override;
};

/// onnx-matmulnbits.
class MatMulNBitsExporter : public OnnxModelExporter {
public:
  std::string formatName() const override { return "onnx-matmulnbits"; }
  std::string title() const override { return "ONNX with MatMulNBits"; }
  std::string explanation() const override;

protected:
  onnx_export::FormPlan plan(const ExportInput& input) const override;
  Result<onnx_export::FormModel> make(const ExportInput& input, const JobContext& context) const override;
};

} // namespace halfstep
