// The form with QuantizeLinear and DequantizeLinear: every planned weight is an initializer of codes behind a
// DequantizeLinear, every static activation passes a pair on its way into its layer, and biases are int32
// where the simulation has them so. The numbers are those of core/analysis/simulation.h.
#pragma once

#include "plugins/exporters/onnx_model/model_form.h"

namespace halfstep::onnx_export {

/// What of the plan this form holds, from model and plan alone.
FormPlan planQdq(const ExportInput& input);
/// The model in this form; apply() is left to the caller. Errors: as ModelEdit::open; `usage` where the plan
/// needs a calibration and there is none; `unsupported` for operators that cannot be brought to the version
/// that the plan needs, naming them.
Result<FormModel> makeQdq(const ExportInput& input, const JobContext& context);

/// Only the weights of `form.plan`, with the operators at the version that they need. For forms that hold
/// some layers otherwise.
Result<void> decodeWeights(FormModel& form, const Model& model, std::int64_t needed, QuantizeDomain& domain,
                           const JobContext& context);

} // namespace halfstep::onnx_export
