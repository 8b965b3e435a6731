// halfstep-cli diff: what two plans, two versions of one or two reports say differently of the layers, and
// what the change costs and saves; or which versions a plan has.
#include "app/cli/command_set.h"
#include "app/cli/diff_side.h"
#include "app/cli/output_figures.h"
#include "core/io/plan_file.h"
#include "core/io/plan_versions_json.h"
#include "core/io/sensitivity_file.h"
#include "core/support/hash.h"
#include "core/support/units.h"

#include <algorithm>
#include <set>

namespace halfstep::cli {

namespace {

struct DiffOptions {
  std::string a;
  std::string b;
  std::string model;
  std::string journal;
};

std::string schemeIn(const DiffSide& side, const std::string& name) {
  const DiffLayer* entry = side.find(name);
  return entry != nullptr ? entry->scheme : side.fallback.value_or("");
}

/// Every layer that one of them names, in the first one's order, then the second's.
std::vector<std::string> allNames(const DiffSide& a, const DiffSide& b) {
  std::vector<std::string> names = a.names;
  for (const std::string& name : b.names) {
    if (a.find(name) == nullptr) {
      names.push_back(name);
    }
  }
  return names;
}

/// Table and document, row by row.
struct Differences {
  Json layers = Json::array();
  std::vector<std::vector<std::string>> rows;

  void add(const std::string& name, const DiffSide& a, const DiffSide& b, const std::string& from,
           const std::string& to);
  /// The table without the figures that no row has.
  std::string text() const;
};

void Differences::add(const std::string& name, const DiffSide& a, const DiffSide& b, const std::string& from,
                      const std::string& to) {
  Json one = {
      {"name", name}, {"from", from.empty() ? Json() : Json(from)}, {"to", to.empty() ? Json() : Json(to)}};
  std::vector<std::string> row = {displayText(name), from.empty() ? "–" : from, to.empty() ? "–" : to};
  bool differs = from != to;
  const DiffLayer* before = a.find(name);
  const DiffLayer* after = b.find(name);
  for (const auto& [key, title] : kDiffFigures) {
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
}

std::string Differences::text() const {
  std::vector<std::vector<std::string>> table = {{"LAYER", "FROM", "TO"}};
  for (const auto& [key, title] : kDiffFigures) {
    table.front().emplace_back(title);
  }
  table.insert(table.end(), rows.begin(), rows.end());
  for (std::size_t column = table.front().size(); column-- > 3;) {
    const bool empty =
        std::all_of(rows.begin(), rows.end(), [&](const auto& row) { return row[column].empty(); });
    for (auto& row : table) {
      if (empty) {
        row.erase(row.begin() + static_cast<std::ptrdiff_t>(column));
      }
    }
  }
  return tableText(table, 3);
}

/// Both sums of a figure over all layers, where both are known.
std::optional<std::pair<double, double>> sums(const DiffSide& a, const DiffSide& b, const char* key) {
  const auto first = a.sum(key);
  const auto second = b.sum(key);
  return first && second ? std::optional(std::pair(*first, *second)) : std::nullopt;
}

std::string totalsText(const DiffSide& a, const DiffSide& b) {
  std::string text;
  if (const auto bytes = sums(a, b, "bytes")) {
    text += "size " + formatBytes(static_cast<std::int64_t>(bytes->first)) + " → " +
            formatBytes(static_cast<std::int64_t>(bytes->second)) + "\n";
  }
  if (const auto damage = sums(a, b, "damage")) {
    text += "predicted damage " + formatReal(damage->first) + " → " + formatReal(damage->second) + "\n";
  }
  for (const auto& [which, side] : {std::pair("A", &a), std::pair("B", &b)}) {
    if (side->measured) {
      text += std::string(which) + " was kept with " + planFiguresText(*side->measured) + "\n";
    }
  }
  return text;
}

/// Sizes from the model and, with a sweep, damages.
Result<void> addFigures(Environment& environment, const DiffOptions& options, DiffSide& a, DiffSide& b) {
  if (options.model.empty()) {
    return options.journal.empty() ? Result<void>()
                                   : Result<void>(Error{ErrorKind::usage, "--journal needs --model"});
  }
  if (!a.plan || !b.plan) {
    return Error{ErrorKind::usage, "--model is for plans; reports have their figures"};
  }
  const JobContext& context = environment.context();
  HALFSTEP_TRY(const auto model, environment.loadModel(options.model, 0.9));
  HALFSTEP_TRY(const std::string hash, sha256OfFile(model->path, context));
  for (const auto& [name, side] : {std::pair(options.a, &a), std::pair(options.b, &b)}) {
    for (const std::string& line : planMismatches(*side->plan, *model, hash)) {
      printWarning(name + ": " + line);
    }
  }
  std::optional<SearchSpace> space;
  if (!options.journal.empty()) {
    HALFSTEP_TRY(const Sensitivity sweep, loadSensitivity(options.journal, hash));
    HALFSTEP_TRY(space, makeSearchSpace(*model, sweep, {}));
  }
  for (DiffSide* side : {&a, &b}) {
    addPlannedFigures(*side, *model, space ? &*space : nullptr);
  }
  return {};
}

Result<void> compare(Environment& environment, const DiffOptions& options) {
  HALFSTEP_TRY(DiffSide a, loadDiffSide(options.a));
  HALFSTEP_TRY(DiffSide b, loadDiffSide(options.b));
  HALFSTEP_CHECK(addFigures(environment, options, a, b));
  Differences found;
  if (a.fallback && b.fallback) {
    found.add("*", a, b, *a.fallback, *b.fallback);
  }
  const auto names = allNames(a, b);
  for (const std::string& name : names) {
    found.add(name, a, b, schemeIn(a, name), schemeIn(b, name));
  }
  Json json = {{"a", options.a}, {"b", options.b}, {"compared", names.size()}, {"layers", found.layers}};
  for (const char* key : {"bytes", "damage"}) {
    if (const auto both = sums(a, b, key)) {
      json["total"][key] = {both->first, both->second};
    }
  }
  for (const auto& [key, side] : {std::pair("a_measured", &a), std::pair("b_measured", &b)}) {
    if (side->measured) {
      json[key] = planFiguresToJson(*side->measured);
    }
  }
  environment.output().document(json);
  environment.output().text((found.rows.empty() ? "no differences\n" : found.text()) + totalsText(a, b));
  return {};
}

/// How many of the layers that one of them names a version plans otherwise than the plan itself.
std::size_t differingLayers(const Plan& plan, const Plan& version) {
  std::set<std::string> names;
  for (const Plan* one : {&plan, &version}) {
    for (const auto& [name, layer] : one->layers) {
      names.insert(name);
    }
  }
  return static_cast<std::size_t>(std::count_if(names.begin(), names.end(), [&](const std::string& name) {
    return plan.forLayer(name) != version.forLayer(name);
  }));
}

Result<void> listVersions(Environment& environment, const std::string& file) {
  HALFSTEP_TRY(const Plan plan, loadPlan(file));
  Json versions = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"VERSION", "KEPT", "MEASURED", "NOTE", "SIZE", "LAYERS THAT DIFFER"}};
  for (const PlanVersion& version : plan.versions) {
    const std::size_t differing = differingLayers(plan, plan.withSchemesOf(version));
    const bool otherDefault = version.fallback != plan.fallback;
    versions.push_back({{"name", version.name},
                        {"date", version.date},
                        {"note", version.note},
                        {"bytes", version.bytes ? Json(*version.bytes) : Json()},
                        {"measured", version.measured ? planFiguresToJson(*version.measured) : Json()},
                        {"differing_layers", differing},
                        {"default_differs", otherDefault}});
    rows.push_back({displayText(version.name), displayText(version.date),
                    version.measured ? planFiguresText(*version.measured) : "–", displayText(version.note),
                    version.bytes ? formatBytes(*version.bytes) : "–",
                    std::to_string(differing) + (otherDefault ? " and the default" : "")});
  }
  environment.output().document({{"plan", file}, {"versions", std::move(versions)}});
  environment.output().text(rows.size() == 1 ? "no versions\n" : tableText(rows, 4));
  return {};
}

} // namespace

Command diffCommand(CLI::App& main) {
  auto options = std::make_shared<DiffOptions>();
  const CommandParser parser(main, "diff", "What differs between two plans, versions or reports");
  parser
      .option("A", options->a,
              "A plan (*.halfstep.json), one of its versions (plan.halfstep.json#NAME), a JSON report, or "
              "what search --json printed")
      .required();
  parser.option("B", options->b, "The other one; without it the versions of plan A are listed");
  parser.option("--model", options->model, "The model of both plans: what the change does to sizes");
  parser.option("--journal", options->journal,
                "A finished sweep of it (sensitivity or search --journal): what it does to the damage");
  parser.footer("Layers that only one of two plans names are compared with the other's default, which is "
                "the layer * itself.\n"
                "Examples:\n  halfstep-cli diff before.halfstep.json after.halfstep.json\n"
                "  halfstep-cli diff plan.halfstep.json\n"
                "  halfstep-cli diff 'plan.halfstep.json#int4 body' plan.halfstep.json --model model.onnx\n"
                "  halfstep-cli diff before.json after.json --json");
  return {parser.app(), [options](Environment& environment) {
            return options->b.empty() ? listVersions(environment, options->a)
                                      : compare(environment, *options);
          }};
}

} // namespace halfstep::cli
