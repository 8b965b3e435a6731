// What the forms of quantized ONNX models have in common: what a layer's plan becomes in the file, and the
// model being changed with what was lost on the way.
#pragma once

#include "core/io/exporter.h"
#include "core/model/layer_finder.h"
#include "plugins/exporters/onnx_model/model_edit.h"
#include "plugins/exporters/onnx_model/weight_codes.h"

#include <string>
#include <vector>

namespace halfstep::onnx_export {

/// What of the plan a form can hold. `written.layers` names every layer of the model.
struct FormPlan {
  Plan written;
  std::vector<ExportLoss> lost;

  LayerPlan& of(const Layer& layer) { return written.layers.at(layer.name); }
  const LayerPlan& of(const Layer& layer) const { return written.layers.at(layer.name); }
  void lose(const Layer& layer, std::string what) { lost.push_back({layer.name, std::move(what)}); }
  void loseWeights(const Layer& layer, std::string what);
  void loseActivations(const Layer& layer, std::string what);
  void loseAll(const Layer& layer, const std::string& what);
};
/// The plan with a line for every layer, none lost yet but those that the file holds quantized already.
FormPlan startForm(const ExportInput& input);

/// A model in the making.
struct FormModel {
  ModelEdit edit;
  FormPlan plan;
  std::vector<std::vector<LayerUse>> uses; ///< in the order of the model's layers
};

/// Brings `edit` to at least version `needed` of ONNX's operators.
Result<void> raiseTo(FormModel& form, std::int64_t needed);

/// Where codes and what decodes them stand in the file: Q and DQ of ONNX, or of com.microsoft where the
/// operators of the file cannot be raised to the version that would be needed.
struct QuantizeDomain {
  std::string domain;
};

/// Puts DequantizeLinear and what it needs in the stead of `place`, the constant that `layer` has its weights
/// from; the result has the constant's name, so that every use of it stays as it is. Names as ONNX Runtime's
/// quantizer makes them.
Result<void> replaceWeight(FormModel& form, const Layer& layer, const ConstantPlace& place,
                           const QuantizeDomain& domain, const JobContext& context);

} // namespace halfstep::onnx_export
