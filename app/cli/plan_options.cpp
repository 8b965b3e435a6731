#include "app/cli/plan_options.h"

#include "core/io/plan_file.h"
#include "core/quant/scheme_grammar.h"
#include "core/support/hash.h"
#include "core/support/near_names.h"

#include <fnmatch.h>

#include <algorithm>

namespace halfstep::cli {

namespace {

Result<Scheme> schemeOf(const std::string& option, const std::string& text) {
  auto scheme = parseScheme(text);
  if (!scheme) {
    scheme.error().what = option + ": " + scheme.error().what;
  }
  return scheme;
}

/// Errors name what gave the layer its scheme: the option, or else the plan's file. Those of --set were
/// checked with it.
Result<void> checkSchemes(const Model& model, const Plan& plan, const PlanOptions& options) {
  const auto failed = [&](Error error, const std::string& layer, bool byOption, const std::string& option) {
    if (byOption) {
      error.what = option + ": " + error.what;
    } else {
      error.file = options.planFile;
    }
    error.where = "layer " + layer;
    return error;
  };
  for (const Layer& layer : model.layers) {
    const LayerPlan& own = plan.forLayer(layer.name);
    if (const auto checked = checkSupported(own.weights); !checked) {
      const bool byOption = !options.weights.empty() && !plan.layers.contains(layer.name);
      return failed(checked.error(), layer.name, byOption, "--weights");
    }
    if (const auto checked = checkSupportedForActivations(own.activations.scheme, own.activations.dynamic);
        !checked) {
      return failed(checked.error(), layer.name, !options.activations.empty(), "--activations");
    }
  }
  return {};
}

/// "int8" or "int8/uint8:tensor"; errors name the option.
Result<LayerPlan> layerPlanOf(const std::string& option, std::string_view text) {
  auto parsed = parseLayerPlan(text);
  auto supported = parsed ? checkSupported(parsed->weights) : Result<void>(parsed.error());
  if (supported) {
    supported = checkSupportedForActivations(parsed->activations.scheme, parsed->activations.dynamic);
  }
  if (!supported) {
    supported.error().what = option + ": " + supported.error().what;
    return std::move(supported.error());
  }
  return parsed;
}

} // namespace

bool SchemeList::needsCalibration() const {
  return std::any_of(activations.begin(), activations.end(),
                     [](const ActivationScheme& one) { return one.needsCalibration(); });
}

Result<SchemeList> schemeList(const std::string& option, std::string_view text) {
  SchemeList list;
  std::size_t start = 0;
  int depth = 0; // a comma within fixed(lo,hi) separates nothing
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char letter = i < text.size() ? text[i] : ',';
    depth += letter == '(' ? 1 : letter == ')' ? -1 : 0;
    if (letter != ',' || (depth > 0 && i < text.size())) {
      continue;
    }
    HALFSTEP_TRY(const LayerPlan parsed, layerPlanOf(option, text.substr(start, i - start)));
    list.weights.push_back(parsed.weights);
    list.activations.push_back(parsed.activations);
    start = i + 1;
  }
  if (std::all_of(list.activations.begin(), list.activations.end(),
                  [](const ActivationScheme& one) { return one == ActivationScheme(); })) {
    list.activations.clear();
  }
  return list;
}

Result<void> applySet(const std::string& option, const std::string& set, const Model& model, Plan& plan) {
  const std::size_t equals = set.rfind('=');
  if (equals == std::string::npos || equals == 0) {
    return Error{ErrorKind::usage, option + " " + set + ": expected GLOB=SCHEME, for example 'conv*=int8'"};
  }
  const std::string glob = set.substr(0, equals);
  const std::string text = set.substr(equals + 1);
  HALFSTEP_TRY(const LayerPlan given, layerPlanOf(option + " " + glob, text));
  const bool namesInput = text.find('/') != std::string::npos;
  std::vector<std::string> names;
  bool matched = false;
  for (const Layer& layer : model.layers) {
    names.push_back(layer.name);
    if (layer.name == glob || fnmatch(glob.c_str(), layer.name.c_str(), FNM_NOESCAPE) == 0) {
      matched = true;
      LayerPlan layerPlan = plan.forLayer(layer.name);
      layerPlan.weights = given.weights;
      if (namesInput) {
        layerPlan.activations = given.activations;
      }
      plan.layers[layer.name] = layerPlan;
    }
  }
  if (!matched) {
    return Error{ErrorKind::usage,
                 option + " " + set + ": no layer is called " + glob + nearNamesText(glob, names)};
  }
  return {};
}

void addPlanOptions(const CommandParser& parser, PlanOptions& options) {
  parser.option("--weights", options.weights, "Scheme of every layer that nothing else names, like int8");
  parser.option("--activations", options.activations,
                "Scheme of every layer's input: uint8:tensor:mse (static, calibrated), dynamic:int8");
  parser
      .option("--set", options.sets,
              "GLOB=SCHEME: scheme of the layers whose name matches, with that of their input behind "
              "a slash if it is another (int8/uint8:tensor); may be repeated")
      .repeated();
  parser.option("--plan", options.planFile,
                "Start from this plan (*.halfstep.json), or one of its versions (plan.halfstep.json#NAME)");
}

Result<Plan> planFor(const Model& model, const PlanOptions& options, bool withHash,
                     const JobContext& context) {
  if (options.planFile.empty() && options.weights.empty() && options.sets.empty() &&
      options.activations.empty()) {
    return Error{ErrorKind::usage, "which scheme? Give --weights, --set or --plan"};
  }
  Plan plan;
  if (!options.planFile.empty()) {
    HALFSTEP_TRY(plan, loadPlanOrVersion(options.planFile));
  }
  std::string hash;
  if (withHash || !plan.modelSha256.empty()) {
    HALFSTEP_TRY(hash, sha256OfFile(model.path, context));
  }
  if (!options.planFile.empty()) {
    for (const std::string& line : planMismatches(plan, model, hash)) {
      printWarning(options.planFile + ": " + line);
    }
  }
  plan.modelFile = model.name;
  plan.modelSha256 = hash;
  if (!options.weights.empty()) {
    HALFSTEP_TRY(plan.fallback.weights, schemeOf("--weights", options.weights));
  }
  if (!options.activations.empty()) {
    auto activations = parseActivationScheme(options.activations);
    if (!activations) {
      activations.error().what = "--activations: " + activations.error().what;
      return activations.error();
    }
    plan.fallback.activations = *activations;
    for (auto& [name, layer] : plan.layers) {
      layer.activations = *activations;
    }
  }
  for (const std::string& set : options.sets) {
    HALFSTEP_CHECK(applySet("--set", set, model, plan));
  }
  HALFSTEP_CHECK(checkSchemes(model, plan, options));
  return plan;
}

Result<void> writePlan(Plan plan, const std::string& path) {
  std::error_code failure;
  if (std::filesystem::is_regular_file(path, failure)) {
    if (auto before = loadPlan(path)) {
      for (PlanVersion& version : before->versions) {
        if (plan.findVersion(version.name) == nullptr) {
          plan.versions.push_back(std::move(version));
        }
      }
    }
  }
  return savePlan(plan, path);
}

} // namespace halfstep::cli
