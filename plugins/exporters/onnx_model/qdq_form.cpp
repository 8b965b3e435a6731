#include "plugins/exporters/onnx_model/qdq_form.h"

#include "core/analysis/simulation.h"
#include "core/quant/scheme_grammar.h"
#include "plugins/exporters/onnx_model/activation_pairs.h"
#include "plugins/exporters/onnx_model/opset_raiser.h"

#include <algorithm>

namespace halfstep::onnx_export {

namespace {

void decideWeights(FormPlan& plan, const Layer& layer) {
  const Scheme& scheme = plan.of(layer).weights;
  if (scheme.format == NumberFormat::fp32) {
    return;
  }
  const std::string name = printScheme(scheme);
  if (elementTypeFor(scheme.format) == ElementType::undefined) {
    plan.loseWeights(layer, name + ": ONNX has no such number format; left in float");
  } else if (isWidened(scheme.format)) {
    plan.lose(layer, name + ": ONNX has no such type; the codes are stored as " +
                         std::string(elementTypeName(elementTypeFor(scheme.format))));
  }
}

void decideActivations(FormPlan& plan, const Layer& layer) {
  ActivationScheme& activations = plan.of(layer).activations;
  Scheme& scheme = activations.scheme;
  if (scheme.format == NumberFormat::fp32) {
    return;
  }
  const std::string name = "activations " + printActivationScheme(activations);
  const FormatFamily family = formatFacts(scheme.format).family;
  if (elementTypeFor(scheme.format) == ElementType::undefined) {
    plan.loseActivations(layer, name + ": ONNX has no such number format; left in float");
    return;
  }
  if (family == FormatFamily::floating) {
    activations.dynamic = false; // a cast needs no range
    return;
  }
  if (activations.dynamic) {
    plan.loseActivations(layer, name + ": a range found at run time needs --to onnx-dynamic; left in float");
    return;
  }
  if (family != FormatFamily::integer) {
    return;
  }
  if (scheme.rounding != Rounding::even) {
    plan.lose(layer, name + ": QuantizeLinear rounds half to even");
    scheme.rounding = Rounding::even;
  }
  if (isWidened(scheme.format)) {
    plan.lose(layer, name + ": stored as " + std::string(elementTypeName(elementTypeFor(scheme.format))) +
                         ", behind a Clip to the codes that are used");
  } else if (scheme.codeRange == CodeRange::restricted) {
    plan.lose(layer, name + ": QuantizeLinear also uses the lowest code, for values beyond the range");
  }
}

/// com.microsoft's operators have integers of 4, 8 and 16 bits, and no blocks; the version of ONNX's own,
/// which casts, stays what it is.
bool isBeyondMicrosoft(const Scheme& scheme, std::int64_t version) {
  const ElementType type = elementTypeFor(scheme.format);
  return formatFacts(scheme.format).family == FormatFamily::floating
             ? opsetFor(type) > version
             : !isInteger(type) || elementBits(type) < 4;
}

void loseBeyondMicrosoft(FormModel& form, const Model& model) {
  const std::int64_t version = form.edit.opset("");
  for (const Layer& layer : model.layers) {
    const LayerPlan plan = form.plan.of(layer);
    const bool isBlocked = codeLayout(layer.weight.shape(), layer.channelAxes, plan.weights).blockSize > 0;
    if (plan.weights.format != NumberFormat::fp32 &&
        (isBlocked || isBeyondMicrosoft(plan.weights, version))) {
      form.plan.loseWeights(layer, printScheme(plan.weights) +
                                       ": com.microsoft's DequantizeLinear does not have it; left in float");
    }
  }
}

/// What ONNX Runtime makes a wrong product of, or one that it does not run. Integer products take the scales
/// of a weight for those of its outputs, along whichever axis they are: ONNX Runtime computes something else
/// where a node has its outputs along another one.
void loseOtherAxes(FormPlan& plan, const Layer& layer, const std::vector<LayerUse>& uses) {
  const LayerPlan& own = plan.of(layer);
  const bool isPerChannel = own.weights.format != NumberFormat::fp32 &&
                            own.weights.granularity.kind != Granularity::Kind::tensor &&
                            own.activations.scheme.format != NumberFormat::fp32;
  const bool differ = std::any_of(uses.begin(), uses.end(),
                                  [&](const LayerUse& use) { return use.channelAxes != layer.channelAxes; });
  const bool isLeft =
      std::any_of(uses.begin(), uses.end(), [](const LayerUse& use) { return use.appliedTo > 0; });
  if (isPerChannel && layer.op == "MatMul" && isLeft &&
      elementTypeFor(own.weights.format) == ElementType::uint8) {
    plan.loseActivations(layer, "activations " + printActivationScheme(own.activations) +
                                    ": ONNX Runtime's integer product has one zero point for its left side, "
                                    "where the weight is; left in float");
    return;
  }
  if (isPerChannel && differ) {
    plan.loseActivations(layer, "activations " + printActivationScheme(own.activations) +
                                    ": its weight is shared by nodes that have their outputs along different "
                                    "axes of it, and integer products have scales of outputs only; left in "
                                    "float");
  }
}

} // namespace

FormPlan planQdq(const ExportInput& input) {
  FormPlan plan = startForm(input);
  const auto uses = findLayerUses(*input.model);
  for (std::size_t i = 0; i < input.model->layers.size(); ++i) {
    const Layer& layer = input.model->layers[i];
    decideWeights(plan, layer);
    decideActivations(plan, layer);
    loseOtherAxes(plan, layer, uses[i]);
  }
  return plan;
}

Result<void> decodeWeights(FormModel& form, const Model& model, std::int64_t needed, QuantizeDomain& domain,
                           const JobContext& context) {
  for (const Layer& layer : model.layers) {
    if (const Scheme& scheme = form.plan.of(layer).weights; scheme.format != NumberFormat::fp32) {
      needed = std::max(needed, codeLayout(layer.weight.shape(), layer.channelAxes, scheme).opset);
    }
  }
  if (auto raised = raiseTo(form, needed); !raised) {
    domain.domain = "com.microsoft";
    form.edit.importOpset(domain.domain, 1);
    form.plan.lost.push_back({"*", raised.error().what +
                                       "; QuantizeLinear and DequantizeLinear are those of com.microsoft, "
                                       "which only ONNX Runtime reads"});
    loseBeyondMicrosoft(form, model);
  }
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    HALFSTEP_CHECK(context.checkpoint());
    context.reportProgress(static_cast<double>(i) / static_cast<double>(model.layers.size()), layer.name);
    if (form.plan.of(layer).weights.format == NumberFormat::fp32) {
      continue;
    }
    const auto place = form.edit.placeOf(layer.weight, layer.weightName);
    if (!place) {
      form.plan.loseWeights(layer,
                            "its weight is in a form of the file that cannot be replaced; left in float");
      continue;
    }
    HALFSTEP_CHECK(replaceWeight(form, layer, *place, domain, context));
  }
  return {};
}

namespace {

/// Takes away the pairs that com.microsoft's operators cannot be.
void losePairs(FormModel& form, const Model& model, std::vector<ActivationPair>& pairs) {
  const std::int64_t version = form.edit.opset("");
  std::erase_if(pairs, [&](const ActivationPair& pair) {
    constexpr std::int64_t kClipWithInputs = 11;
    const bool isClipped = isWidened(pair.scheme.format) && version < kClipWithInputs;
    if (!isClipped && !isBeyondMicrosoft(pair.scheme, version)) {
      return false;
    }
    for (const PairUse& use : pair.uses) {
      form.plan.loseActivations(model.layers[use.layer],
                                "activations " + printScheme(pair.scheme) +
                                    ": com.microsoft's QuantizeLinear does not have it; left in float");
    }
    return true;
  });
}

} // namespace

Result<FormModel> makeQdq(const ExportInput& input, const JobContext& context) {
  FormPlan plan = planQdq(input);
  if (hasRanges(*input.model, plan) && !input.measured.calibration) {
    return Error{ErrorKind::usage, "the plan's activations have ranges that only a calibration tells"};
  }
  HALFSTEP_TRY(ModelEdit edit, ModelEdit::open(*input.model, context.part(0.0, 0.1)));
  FormModel form{std::move(edit), std::move(plan), findLayerUses(*input.model)};
  HALFSTEP_TRY(std::vector<ActivationPair> pairs, findPairs(form, input, context));
  std::int64_t needed = 1;
  for (const ActivationPair& pair : pairs) {
    needed = std::max(needed, pair.opset());
  }
  QuantizeDomain domain;
  HALFSTEP_CHECK(decodeWeights(form, *input.model, needed, domain, context.part(0.1, 0.9)));
  if (!domain.domain.empty()) {
    losePairs(form, *input.model, pairs);
  }
  HALFSTEP_CHECK(insertPairs(form, pairs, domain));
  HALFSTEP_CHECK(roundBiases(form, input, pairs, domain, context));
  return form;
}

} // namespace halfstep::onnx_export
