#include "core/quant/plan.h"

#include "core/quant/scheme_grammar.h"

namespace halfstep {

namespace {
constexpr std::string_view kDynamic = "dynamic:";
}

const LayerPlan& Plan::forLayer(const std::string& layer) const {
  const auto found = layers.find(layer);
  return found == layers.end() ? fallback : found->second;
}

std::string printActivationScheme(const ActivationScheme& activations) {
  return (activations.dynamic ? std::string(kDynamic) : std::string()) + printScheme(activations.scheme);
}

Result<ActivationScheme> parseActivationScheme(std::string_view text) {
  ActivationScheme activations;
  if (text.starts_with(kDynamic)) {
    activations.dynamic = true;
    text.remove_prefix(kDynamic.size());
  }
  HALFSTEP_TRY(activations.scheme, parseScheme(text));
  return activations;
}

std::string printLayerPlan(const LayerPlan& plan) {
  const std::string weights = printScheme(plan.weights);
  return plan.activations.scheme.format == NumberFormat::fp32
             ? weights
             : weights + "/" + printActivationScheme(plan.activations);
}

Result<LayerPlan> parseLayerPlan(std::string_view text) {
  LayerPlan plan;
  const std::size_t slash = text.find('/');
  HALFSTEP_TRY(plan.weights, parseScheme(text.substr(0, slash)));
  if (slash != std::string_view::npos) {
    HALFSTEP_TRY(plan.activations, parseActivationScheme(text.substr(slash + 1)));
  }
  return plan;
}

} // namespace halfstep
