#include "app/cli/diff_side.h"

#include "core/io/json_text.h"
#include "core/io/plan_file.h"
#include "core/quant/scheme_grammar.h"
#include "core/support/mapped_file.h"

#include <cmath>

namespace halfstep::cli {

namespace {

std::string planText(const LayerPlan& plan) {
  const bool weightsOnly = plan.activations == ActivationScheme{};
  return printScheme(plan.weights) +
         (weightsOnly ? std::string() : " / " + printActivationScheme(plan.activations));
}

DiffSide sideOf(Plan plan) {
  DiffSide side;
  side.fallback = planText(plan.fallback);
  for (const auto& [name, layer] : plan.layers) {
    side.names.push_back(name);
    side.layers[name] = {planText(layer), {}};
  }
  side.plan = std::move(plan);
  return side;
}

/// A report, or what `quantize --json` prints: both list layers with scheme and figures.
Result<DiffSide> sideOfReport(const Json& json) {
  DiffSide side;
  for (const Json& layer : json.at("layers")) {
    if (!layer.is_object() || !layer.contains("name") || !layer["name"].is_string() ||
        !layer.contains("scheme") || !layer["scheme"].is_string()) {
      return Error{ErrorKind::damagedFile, "a layer has no name or scheme", "layers"};
    }
    const auto name = layer["name"].get<std::string>();
    DiffLayer entry{layer["scheme"].get<std::string>(), {}};
    for (const auto& [key, title] : kDiffFigures) {
      if (layer.contains(key) && layer[key].is_number()) {
        entry.figures[key] = layer[key].get<double>();
      }
    }
    side.names.push_back(name);
    side.layers[name] = std::move(entry);
  }
  return side;
}

} // namespace

const DiffLayer* DiffSide::find(const std::string& name) const {
  const auto found = layers.find(name);
  return found == layers.end() ? nullptr : &found->second;
}

std::optional<double> DiffSide::sum(const std::string& key) const {
  double sum = 0.0;
  for (const auto& [name, layer] : layers) {
    const auto figure = layer.figures.find(key);
    if (figure == layer.figures.end()) {
      return {};
    }
    sum += figure->second;
  }
  return layers.empty() ? std::nullopt : std::optional(sum);
}

Result<DiffSide> loadDiffSide(const std::string& reference) {
  const PlanReference wanted = planReference(reference);
  const auto inFile = [&](Error error) {
    error.file = wanted.file.string();
    return error;
  };
  if (!wanted.version.empty()) {
    HALFSTEP_TRY(Plan plan, loadPlanOrVersion(reference));
    const auto measured = plan.findVersion(wanted.version)->measured;
    DiffSide side = sideOf(std::move(plan));
    side.measured = measured;
    return side;
  }
  HALFSTEP_TRY(const auto file, MappedFile::open(wanted.file));
  const auto bytes = file->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  auto parsed =
      begin != std::string_view::npos && text[begin] == '{' ? parseJson(text) : Result<Json>(Json());
  if (!parsed) { // meant as one, unlike a model
    return inFile(parsed.error());
  }
  const Json& json = *parsed;
  const bool searched = json.is_object() && json.contains("plan") && json["plan"].is_object();
  if (searched || (json.is_object() && json.contains("halfstep_plan"))) {
    auto plan = searched ? planFromJson(json["plan"].dump()) : planFromJson(text); // of `search --json`
    return plan ? Result<DiffSide>(sideOf(std::move(*plan))) : inFile(plan.error());
  }
  if (json.is_object() && json.contains("layers") && json["layers"].is_array()) {
    auto side = sideOfReport(json);
    return side ? std::move(side) : inFile(side.error());
  }
  return inFile(Error{ErrorKind::damagedFile, "it is neither a plan nor a report"});
}

void addPlannedFigures(DiffSide& side, const Model& model, const SearchSpace* space) {
  side.names.clear();
  std::map<std::string, DiffLayer> layers;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const Layer& layer = model.layers[i];
    const LayerPlan& planned = side.plan->forLayer(layer.name);
    DiffLayer entry{planText(planned), {}};
    const double bytes = plannedBytes(layer, planned.weights);
    entry.figures["bytes"] = bytes;
    entry.figures["bits_per_weight"] = 8.0 * bytes / static_cast<double>(layer.weight.count());
    const double damage = space != nullptr ? space->damageOf(i, planned) : std::nan("");
    if (std::isfinite(damage)) {
      entry.figures["damage"] = damage;
    }
    side.names.push_back(layer.name);
    layers[layer.name] = std::move(entry);
  }
  side.layers = std::move(layers);
}

} // namespace halfstep::cli
