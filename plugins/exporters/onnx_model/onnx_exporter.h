// The forms of quantized ONNX models, each an exporter of its own.
#pragma once

#include "core/io/exporter.h"
#include "plugins/exporters/onnx_model/model_form.h"

namespace halfstep {

/// What the forms have in common: making the model and writing it.
class OnnxModelExporter : public Exporter {
public:
  std::string suffix() const override { return "onnx"; }
  bool writesModel() const override { return true; }
  std::vector<ExportLoss> losses(const ExportInput& input) const override;
  /// What is lost, with what only making the model tells. Error: it cannot be made.
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
  /// What is lost, and what ONNX Runtime would leave in float: see runtime_lint.h.
  Result<std::vector<ExportFinding>> check(const ExportInput& input,
                                           const JobContext& context) const override;

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

/// onnx-fp16.
class HalfExporter : public OnnxModelExporter {
public:
  std::string formatName() const override { return "onnx-fp16"; }
  std::string title() const override { return "ONNX in float16"; }
  std::string explanation() const override;

protected:
  onnx_export::FormPlan plan(const ExportInput& input) const override;
  Result<onnx_export::FormModel> make(const ExportInput& input, const JobContext& context) const override;
};

/// onnx-bf16.
class Bfloat16Exporter : public OnnxModelExporter {
public:
  std::string formatName() const override { return "onnx-bf16"; }
  std::string title() const override { return "ONNX with weights in bfloat16"; }
  std::string explanation() const override;

protected:
  onnx_export::FormPlan plan(const ExportInput& input) const override;
  Result<onnx_export::FormModel> make(const ExportInput& input, const JobContext& context) const override;
};

} // namespace halfstep
