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

} // namespace halfstep
