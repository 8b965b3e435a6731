#include "core/io/plan_file.h"

#include "core/io/atomic_file.h"
#include "core/io/data_settings_json.h"
#include "core/io/json_text.h"
#include "core/io/plan_layers_json.h"
#include "core/io/plan_versions_json.h"
#include "core/support/mapped_file.h"

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kPlanFileVersion = 1;

} // namespace

std::string planToJson(const Plan& plan) {
  Json json;
  json["halfstep_plan"] = kPlanFileVersion;
  json["model"] = Json{{"file", plan.modelFile}, {"sha256", plan.modelSha256}};
  json["default"] = layerPlanToJson(plan.fallback);
  json["layers"] = layersToJson(plan.layers);
  if (plan.data) {
    json["data"] = dataSettingsToJson(*plan.data);
  }
  if (!plan.versions.empty()) {
    json["versions"] = versionsToJson(plan.versions);
  }
  // Names are bytes of somebody's file: what is not UTF-8 is replaced rather than thrown at.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Plan> planFromJson(std::string_view text) {
  HALFSTEP_TRY(Json json, parseJson(text));
  if (!json.is_object() || !json.contains("halfstep_plan")) {
    return damaged("is not a Halfstep plan: there is no \"halfstep_plan\"", {});
  }
  if (json["halfstep_plan"] != kPlanFileVersion) {
    return Error{ErrorKind::unsupported, "is a plan of version " + json["halfstep_plan"].dump() +
                                             "; this program reads version " +
                                             std::to_string(kPlanFileVersion)};
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
    HALFSTEP_TRY(plan.fallback, layerPlanFromJson(json["default"], "default"));
  }
  if (json.contains("layers")) {
    HALFSTEP_TRY(plan.layers, layersFromJson(json["layers"], {}));
  }
  if (json.contains("data")) {
    HALFSTEP_TRY(plan.data, dataSettingsFromJson(json["data"]));
  }
  if (json.contains("versions")) {
    HALFSTEP_TRY(plan.versions, versionsFromJson(json["versions"]));
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

PlanReference planReference(const std::string& text) {
  std::error_code failure;
  if (!std::filesystem::exists(text, failure)) {
    for (std::size_t at = text.rfind('#'); at != std::string::npos && at > 0; at = text.rfind('#', at - 1)) {
      if (std::filesystem::is_regular_file(text.substr(0, at), failure)) {
        return {text.substr(0, at), text.substr(at + 1)};
      }
    }
  }
  return {text, {}};
}

Result<Plan> loadPlanOrVersion(const std::string& reference) {
  const PlanReference wanted = planReference(reference);
  HALFSTEP_TRY(Plan plan, loadPlan(wanted.file));
  if (wanted.version.empty()) {
    return plan;
  }
  const PlanVersion* version = plan.findVersion(wanted.version);
  if (version == nullptr) {
    std::string names;
    for (const PlanVersion& one : plan.versions) {
      names += (names.empty() ? "; it has " : ", ") + one.name;
    }
    return Error{ErrorKind::usage,
                 "has no version " + wanted.version + (names.empty() ? "; it has none" : names),
                 {},
                 wanted.file.string()};
  }
  return plan.withSchemesOf(*version);
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
