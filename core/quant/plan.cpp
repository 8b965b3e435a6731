#include "core/quant/plan.h"

#include "core/quant/scheme_grammar.h"

#include <algorithm>

namespace halfstep {

namespace {
constexpr std::string_view kDynamic = "dynamic:";
}

const LayerPlan& Plan::forLayer(const std::string& layer) const {
  const auto found = layers.find(layer);
  return found == layers.end() ? fallback : found->second;
}

const PlanVersion* Plan::findVersion(std::string_view name) const {
  const auto found = std::find_if(versions.begin(), versions.end(),
                                  [&](const PlanVersion& version) { return version.name == name; });
  return found == versions.end() ? nullptr : &*found;
}

Plan Plan::withSchemesOf(const PlanVersion& version) const {
  Plan plan = *this;
  plan.fallback = version.fallback;
  plan.layers = version.layers;
  return plan;
}

Result<void> checkVersionName(const std::vector<PlanVersion>& versions, std::string_view name) {
  if (name.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return Error{ErrorKind::usage, "a version needs a name"};
  }
  const bool taken = std::any_of(versions.begin(), versions.end(),
                                 [&](const PlanVersion& version) { return version.name == name; });
  return taken ? Result<void>(
                     Error{ErrorKind::usage, "there is already a version \"" + std::string(name) + "\""})
               : Result<void>();
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
