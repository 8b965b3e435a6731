#include "core/io/plan_layers_json.h"

#include "core/quant/scheme_grammar.h"

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

} // namespace

Json layerPlanToJson(const LayerPlan& plan) {
  return {{"weights", printScheme(plan.weights)}, {"activations", printActivationScheme(plan.activations)}};
}

Result<LayerPlan> layerPlanFromJson(const Json& json, const std::string& where) {
  if (!json.is_object()) {
    return damaged("expected an object with \"weights\" and \"activations\"", where);
  }
  LayerPlan plan;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) {
      return damaged("\"" + key + "\" must be a scheme as text", where);
    }
    const auto text = value.get<std::string>();
    if (key == "weights") {
      auto scheme = parseScheme(text);
      if (!scheme) {
        return damaged(scheme.error().what, where);
      }
      plan.weights = *scheme;
    } else if (key == "activations") {
      auto scheme = parseActivationScheme(text);
      if (!scheme) {
        return damaged(scheme.error().what, where);
      }
      plan.activations = *scheme;
    } else {
      return damaged("unknown key \"" + key + "\"", where);
    }
  }
  return plan;
}

Json layersToJson(const std::map<std::string, LayerPlan>& layers) {
  Json json = Json::object();
  for (const auto& [name, layer] : layers) {
    json[name] = layerPlanToJson(layer);
  }
  return json;
}

Result<std::map<std::string, LayerPlan>> layersFromJson(const Json& json, const std::string& where) {
  const std::string within = where.empty() ? std::string() : where + ", ";
  if (!json.is_object()) {
    return damaged("expected an object of layers", within + "layers");
  }
  std::map<std::string, LayerPlan> layers;
  for (const auto& [name, layer] : json.items()) {
    HALFSTEP_TRY(layers[name], layerPlanFromJson(layer, within + "layer " + name));
  }
  return layers;
}

} // namespace halfstep
