#include "core/io/plan_file.h"

#include "core/io/atomic_file.h"
#include "core/io/data_settings_json.h"
#include "core/quant/scheme_grammar.h"
#include "core/support/mapped_file.h"

#include <nlohmann/json.hpp>

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

Json toJson(const LayerPlan& plan) {
  return {{"weights", printScheme(plan.weights)}, {"activations", printActivationScheme(plan.activations)}};
}

Error damaged(std::string what, std::string where) {
  return Error{ErrorKind::damagedFile, std::move(what), std::move(where)};
}

Result<LayerPlan> layerPlanFrom(const Json& json, const std::string& where) {
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

} // namespace

std::string planToJson(const Plan& plan) {
  Json json;
  json["halfstep_plan"] = kVersion;
  json["model"] = Json{{"file", plan.modelFile}, {"sha256", plan.modelSha256}};
  json["default"] = toJson(plan.fallback);
  Json layers = Json::object();
  for (const auto& [name, layer] : plan.layers) { // a std::map: in the names' order
    layers[name] = toJson(layer);
  }
  json["layers"] = std::move(layers);
  if (plan.data) {
    json["data"] = dataSettingsToJson(*plan.data);
  }
  // Names are bytes of somebody's file: what is not UTF-8 is replaced rather than thrown at.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Plan> planFromJson(std::string_view text) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& error) {
    return damaged("is not JSON: " + std::string(error.what()), "byte " + std::to_string(error.byte));
  }
  if (!json.is_object() || !json.contains("halfstep_plan")) {
    return damaged("is not a Halfstep plan: there is no \"halfstep_plan\"", {});
  }
  if (json["halfstep_plan"] != kVersion) {
    return Error{ErrorKind::unsupported, "is a plan of version " + json["halfstep_plan"].dump() +
                                             "; this program reads version " + std::to_string(kVersion)};
  }
  Plan plan;
  if (json.contains("model")) {
    const Json& model = json["model"];
    if (!model.is_object()) {
      return damaged("expected an object with \"file\" and \"sha256\"", "model");
    }
    for (const auto& [key, target] :
         {std::pair("file", &plan.modelFile), std::pair("sha256", &plan.modelSha256)}) {
      if (model.contains(key)) {
        if (!model[key].is_string()) {
          return damaged("\"" + std::string(key) + "\" must be text", "model");
        }
        *target = model[key].get<std::string>();
      }
    }
  }
  if (json.contains("default")) {
    HALFSTEP_TRY(plan.fallback, layerPlanFrom(json["default"], "default"));
  }
  if (json.contains("layers")) {
    if (!json["layers"].is_object()) {
      return damaged("expected an object of layers", "layers");
    }
    for (const auto& [name, layer] : json["layers"].items()) {
      HALFSTEP_TRY(plan.layers[name], layerPlanFrom(layer, "layer " + name));
    }
  }
  if (json.contains("data")) {
    HALFSTEP_TRY(plan.data, dataSettingsFromJson(json["data"]));
  }
  return plan;
}

Result<void> savePlan(const Plan& plan, const std::filesystem::path& path) {
  return writeFileAtomically(path, planToJson(plan));
}

Result<Plan> loadPlan(const std::filesystem::path& path) {
  HALFSTEP_TRY(const auto file, MappedFile::open(path));
  const auto bytes = file->bytes();
  auto plan = planFromJson({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!plan) {
    plan.error().file = path.string();
  }
  return plan;
}

std::vector<std::string> planMismatches(const Plan& plan, const Model& model,
                                        const std::string& modelSha256) {
  std::vector<std::string> lines;
  if (!plan.modelSha256.empty() && !modelSha256.empty() && plan.modelSha256 != modelSha256) {
    lines.push_back("The plan was made for another file (" + plan.modelFile + ", SHA-256 " +
                    plan.modelSha256.substr(0, 12) + "…).");
  }
  for (const auto& [name, layer] : plan.layers) {
    if (!model.layerIndex(name)) {
      lines.push_back("The model has no layer " + name + ".");
    }
  }
  return lines;
}

} // namespace halfstep
