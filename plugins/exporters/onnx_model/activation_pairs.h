// QuantizeLinear and DequantizeLinear on the inputs of layers, one pair for each tensor and its parameters,
// and the int32 biases that go with them.
#pragma once

#include "core/analysis/calibration.h"
#include "plugins/exporters/onnx_model/model_form.h"

namespace halfstep::onnx_export {

/// One input of one node that is quantized.
struct PairUse {
  std::size_t layer = 0;
  const Node* node = nullptr;
  NodePlace place;
  int input = 0;
};

struct ActivationPair {
  std::string value; ///< that is quantized
  int part = 0;      ///< of the nodes that take it
  Scheme scheme;
  ValueRange range; ///< of integer and 8-bit floating formats
  float scale = 0.0f;
  std::int32_t zeroPoint = 0;
  ElementType valueType = ElementType::float32;
  std::vector<PairUse> uses;

  std::int64_t opset() const;
};

/// Whether the plan has activations whose range calibration tells.
bool hasRanges(const Model& model, const FormPlan& plan);

/// The pairs that `form.plan` needs, in the order of their first use; what has no range (not calibrated, or
/// nothing but zeros seen) is lost. Errors: those of chooseParameters.
Result<std::vector<ActivationPair>> findPairs(FormModel& form, const ExportInput& input,
                                              const JobContext& context);
/// Inserts them in front of the first node that takes one, and hands the result to those nodes.
Result<void> insertPairs(FormModel& form, const std::vector<ActivationPair>& pairs,
                         const QuantizeDomain& domain);
/// Makes the biases of the pairs' nodes int32 where the simulation has them so.
Result<void> roundBiases(FormModel& form, const ExportInput& input, const std::vector<ActivationPair>& pairs,
                         const QuantizeDomain& domain, const JobContext& context);

} // namespace halfstep::onnx_export
