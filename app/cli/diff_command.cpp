// halfstep-cli diff: what two plans or two reports say differently of the layers.
#include "app/cli/command_set.h"
#include "core/io/plan_file.h"
#include "core/quant/scheme_grammar.h"
#include "core/support/mapped_file.h"
#include "core/support/units.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

namespace halfstep::cli {

namespace {

/// The figures of a report that are compared, with what tables call them.
constexpr auto kFigures = std::to_array<std::pair<const char*, const char*>>(
    {{"bytes", "BYTES"}, {"bits_per_weight", "BITS"}, {"sqnr_db", "SQNR dB"}, {"mse", "MSE"}});

struct LayerEntry {
  std::string scheme;
  std::map<std::string, double> figures;
};

/// One of the two files.
struct Side {
  std::vector<std::string> names; ///< in the file's order
  std::map<std::string, LayerEntry> layers;
  std::optional<std::string> fallback; ///< a plan's scheme for layers that it does not name

  const LayerEntry* find(const std::string& name) const {
    const auto found = layers.find(name);
    return found == layers.end() ? nullptr : &found->second;
  }
};

std::string planText(const LayerPlan& plan) {
  const bool weightsOnly = plan.activations == ActivationScheme{};
  return printScheme(plan.weights) +
         (weightsOnly ? std::string() : " / " + printActivationScheme(plan.activations));
}

Side sideOf(const Plan& plan) {
  Side side;
  side.fallback = planText(plan.fallback);
  for (const auto& [name, layer] : plan.layers) {
    side.names.push_back(name);
    side.layers[name] = {planText(layer), {}};
  }
  return side;
}

/// A report, or what `quantize --json` prints: both list layers with scheme and figures.
Result<Side> sideOf(const Json& json) {
  Side side;
  for (const Json& layer : json.at("layers")) {
    if (!layer.is_object() || !layer.contains("name") || !layer["name"].is_string() ||
        !layer.contains("scheme") || !layer["scheme"].is_string()) {
      return Error{ErrorKind::damagedFile, "a layer has no name or scheme", "layers"};
    }
    const auto name = layer["name"].get<std::string>();
    LayerEntry entry{layer["scheme"].get<std::string>(), {}};
    for (const auto& [key, title] : kFigures) {
      if (layer.contains(key) && layer[key].is_number()) {
        entry.figures[key] = layer[key].get<double>();
      }
    }
    side.names.push_back(name);
    side.layers[name] = std::move(entry);
  }
  return side;
}

Result<Side> load(const std::string& path) {
  HALFSTEP_TRY(const auto file, MappedFile::open(path));
  const auto bytes = file->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const Json json = Json::parse(text, nullptr, false);
  const auto inFile = [&](Error error) {
    error.file = path;
    return error;
  };
  if (json.is_object() && json.contains("halfstep_plan")) {
    auto plan = planFromJson(text);
    return plan ? Result<Side>(sideOf(*plan)) : inFile(plan.error());
  }
  if (json.is_object() && json.contains("plan") && json["plan"].is_object()) { // of `search --json`
    auto plan = planFromJson(json["plan"].dump());
    return plan ? Result<Side>(sideOf(*plan)) : inFile(plan.error());
  }
  if (json.is_object() && json.contains("layers") && json["layers"].is_array()) {
    auto side = sideOf(json);
    return side ? std::move(side) : inFile(side.error());
  }
  return inFile(Error{ErrorKind::damagedFile, "it is neither a plan nor a report"});
}

std::string schemeIn(const Side& side, const std::string& name) {
  const LayerEntry* entry = side.find(name);
  return entry != nullptr ? entry->scheme : side.fallback.value_or("");
}

/// Every layer that one of them names, in the first one's order, then the second's.
std::vector<std::string> allNames(const Side& a, const Side& b) {
  std::vector<std::string> names = a.names;
  for (const std::string& name : b.names) {
    if (a.find(name) == nullptr) {
      names.push_back(name);
    }
  }
  return names;
}

Result<void> diff(Environment& environment, const std::string& first, const std::string& second) {
  HALFSTEP_TRY(const Side a, load(first));
  HALFSTEP_TRY(const Side b, load(second));
  Json layers = Json::array();
  std::vector<std::vector<std::string>> rows = {{"LAYER", "FROM", "TO"}};
  for (const auto& [key, title] : kFigures) {
    rows.front().emplace_back(title);
  }
  const auto add = [&](const std::string& name, const std::string& from, const std::string& to) {
    Json one = {
        {"name", name}, {"from", from.empty() ? Json() : Json(from)}, {"to", to.empty() ? Json() : Json(to)}};
    std::vector<std::string> row = {displayText(name), from.empty() ? "–" : from, to.empty() ? "–" : to};
    bool differs = from != to;
    const LayerEntry* before = a.find(name);
    const LayerEntry* after = b.find(name);
    for (const auto& [key, title] : kFigures) {
      const bool known = before != nullptr && after != nullptr && before->figures.contains(key) &&
                         after->figures.contains(key);
      if (!known) {
        row.emplace_back("");
        continue;
      }
      const double old = before->figures.at(key);
      const double now = after->figures.at(key);
      differs = differs || old != now;
      one[key] = {old, now};
      row.push_back(formatReal(old) + " → " + formatReal(now));
    }
    if (differs) {
      layers.push_back(std::move(one));
      rows.push_back(std::move(row));
    }
  };
  if (a.fallback && b.fallback) {
    add("*", *a.fallback, *b.fallback);
  }
  const auto names = allNames(a, b);
  for (const std::string& name : names) {
    add(name, schemeIn(a, name), schemeIn(b, name));
  }
  environment.output().document(
      {{"a", first}, {"b", second}, {"compared", names.size()}, {"layers", layers}});
  environment.output().text(rows.size() == 1 ? "no differences\n" : tableText(rows, 3));
  return {};
}

} // namespace

Command diffCommand(CLI::App& main) {
  struct Files {
    std::string a;
    std::string b;
  };
  auto files = std::make_shared<Files>();
  CLI::App* parser = main.add_subcommand("diff", "What differs between two plans or two reports");
  parser->add_option("A", files->a, "A plan (*.halfstep.json), a JSON report, or what search --json printed")
      ->required();
  parser->add_option("B", files->b, "The other one")->required();
  parser->footer("Layers that only one of two plans names are compared with the other's default, which is "
                 "the layer * itself.\n"
                 "Examples:\n  halfstep-cli diff before.halfstep.json after.halfstep.json\n"
                 "  halfstep-cli diff before.json after.json --json");
  return {parser, [files](Environment& environment) { return diff(environment, files->a, files->b); }};
}

} // namespace halfstep::cli
