#include "plugins/exporters/onnx_model/onnx_exporter.h"

#include "plugins/exporters/onnx_model/activation_pairs.h"
#include "plugins/exporters/onnx_model/half_form.h"
#include "plugins/exporters/onnx_model/model_writer.h"
#include "plugins/exporters/onnx_model/product_forms.h"
#include "plugins/exporters/onnx_model/qdq_form.h"
#include "plugins/exporters/onnx_model/runtime_lint.h"
#include "plugins/exporters/onnx_model/tensorrt_lint.h"

namespace halfstep {

using namespace onnx_export;

namespace {

/// Protobuf and the standard library may throw; nothing crosses the plug-in's border.
template <class F>
auto guarded(F work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Error{ErrorKind::failed, "there is not enough memory to write it"};
  } catch (const std::exception& exception) {
    return Error{ErrorKind::failed, std::string("cannot be written: ") + exception.what()};
  }
}

} // namespace

std::vector<ExportLoss> OnnxModelExporter::losses(const ExportInput& input) const {
  return plan(input).lost;
}

namespace {

std::vector<ExportFinding> lossFindings(const FormModel& form) {
  std::vector<ExportFinding> findings;
  for (const ExportLoss& loss : form.plan.lost) {
    findings.push_back({loss.layer, "is not as planned", loss.what});
  }
  return findings;
}

} // namespace

Result<std::vector<ExportFinding>> OnnxModelExporter::check(const ExportInput& input,
                                                            const JobContext& context) const {
  return guarded([&]() -> Result<std::vector<ExportFinding>> {
    HALFSTEP_TRY(const FormModel form, make(input, context));
    return lossFindings(form);
  });
}

Result<ExportReport> OnnxModelExporter::write(const ExportInput& input, const std::filesystem::path& path,
                                              const JobContext& context) const {
  return guarded([&]() -> Result<ExportReport> {
    HALFSTEP_TRY(FormModel form, make(input, context.part(0.0, 0.9)));
    form.edit.apply();
    HALFSTEP_TRY(std::vector<std::filesystem::path> files,
                 writeModel(form.edit.proto(), form.edit.outside(), path, input.externalDataAbove, context));
    return ExportReport{std::move(files), std::move(form.plan.lost), std::move(form.plan.written)};
  });
}

std::string QdqExporter::explanation() const {
  return "Read by ONNX Runtime 1.20 or later, TensorRT, OpenVINO and others that read ONNX: "
         "onnxruntime.InferenceSession('FILE.onnx').";
}

bool QdqExporter::needsCalibration(const ExportInput& input) const {
  return hasRanges(*input.model, planQdq(input));
}

Result<std::vector<ExportFinding>> QdqExporter::check(const ExportInput& input,
                                                      const JobContext& context) const {
  return guarded([&]() -> Result<std::vector<ExportFinding>> {
    HALFSTEP_TRY(FormModel form, make(input, context));
    const LayerNodes nodes = layerNodes(form);
    form.edit.apply();
    std::vector<ExportFinding> findings = lossFindings(form);
    for (ExportFinding& finding : lintQdq(form, *input.model, nodes)) {
      findings.push_back(std::move(finding));
    }
    for (ExportFinding& finding : lintForTensorRt(form)) {
      findings.push_back(std::move(finding));
    }
    return findings;
  });
}

FormPlan QdqExporter::plan(const ExportInput& input) const {
  return planQdq(input);
}

Result<FormModel> QdqExporter::make(const ExportInput& input, const JobContext& context) const {
  return makeQdq(input, context);
}

std::string DynamicExporter::explanation() const {
  return "DynamicQuantizeLinear with MatMulInteger and ConvInteger, as onnxruntime's quantize_dynamic makes "
         "them. Read by ONNX Runtime: onnxruntime.InferenceSession('FILE.onnx').";
}

FormPlan DynamicExporter::plan(const ExportInput& input) const {
  return planDynamic(input);
}

Result<FormModel> DynamicExporter::make(const ExportInput& input, const JobContext& context) const {
  return makeDynamic(input, context);
}

std::string MatMulNBitsExporter::explanation() const {
  return "Weights in groups by com.microsoft's MatMulNBits, for language models. Read by ONNX Runtime only: "
         "onnxruntime.InferenceSession('FILE.onnx').";
}

FormPlan MatMulNBitsExporter::plan(const ExportInput& input) const {
  return planMatMulNBits(input);
}

Result<FormModel> MatMulNBitsExporter::make(const ExportInput& input, const JobContext& context) const {
  return makeMatMulNBits(input, context);
}

std::string HalfExporter::explanation() const {
  return "Every value float16 but where float32 is needed; inputs and outputs stay float32. Read by ONNX "
         "Runtime and others that read ONNX: onnxruntime.InferenceSession('FILE.onnx').";
}

FormPlan HalfExporter::plan(const ExportInput& input) const {
  return planHalf(input);
}

Result<FormModel> HalfExporter::make(const ExportInput& input, const JobContext& context) const {
  return makeHalf(input, context);
}

std::string Bfloat16Exporter::explanation() const {
  return "The layers' weights stored as bfloat16 and cast to float32, in which everything is computed. Read "
         "by "
         "ONNX Runtime and others that read ONNX: onnxruntime.InferenceSession('FILE.onnx').";
}

FormPlan Bfloat16Exporter::plan(const ExportInput& input) const {
  FormPlan plan = planQdq(withBfloat16(input));
  plan.lost.push_back({"*",
                       "the plan's schemes are not used: all weights become bfloat16; products and values "
                       "between layers stay float32, for want of kernels"});
  return plan;
}

Result<FormModel> Bfloat16Exporter::make(const ExportInput& input, const JobContext& context) const {
  HALFSTEP_TRY(FormModel form, makeQdq(withBfloat16(input), context));
  form.plan.lost.push_back(plan(input).lost.back());
  return form;
}

} // namespace halfstep
