// The layers' plans as the plan file has them. Pure; any thread.
#pragma once

#include "core/quant/plan.h"

#include <nlohmann/json.hpp>

#include <map>
#include <string>

namespace halfstep {

/// {"weights": SCHEME, "activations": SCHEME}
nlohmann::ordered_json layerPlanToJson(const LayerPlan& plan);
/// The inverse; what is left out is fp32. Errors (kind `damagedFile`) at `where`: unknown keys, schemes that
/// do not parse.
Result<LayerPlan> layerPlanFromJson(const nlohmann::ordered_json& json, const std::string& where);

/// An object of layers, in the names' order.
nlohmann::ordered_json layersToJson(const std::map<std::string, LayerPlan>& layers);
/// The inverse. `where`: what they are of, in front of the layer's name; may be empty.
Result<std::map<std::string, LayerPlan>> layersFromJson(const nlohmann::ordered_json& json,
                                                        const std::string& where);

} // namespace halfstep
