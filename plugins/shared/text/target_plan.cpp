#include "plugins/shared/text/target_plan.h"

#include "core/quant/scheme_grammar.h"

#include <algorithm>
#include <map>
#include <set>

namespace halfstep {

namespace {

/// What a target that finds ranges by itself does not take over.
std::vector<std::string> ownRanges(const std::string& tool, const LayerPlan& plan) {
  std::vector<std::string> differences;
  const Scheme& weights = plan.weights;
  if (weights.range.kind != RangeRule::Kind::minmax) {
    differences.push_back("range " + rangeName(weights.range) + ": " + tool +
                          " takes the smallest and largest value instead");
  }
  if (weights.rounding != Rounding::even) {
    differences.push_back("rounding " + std::string(roundingName(weights.rounding)) + ": " + tool +
                          " rounds half to even");
  }
  if (weights.mapping == Mapping::powerOfTwo) {
    differences.push_back("scales that are powers of two: " + tool + " takes any");
  }
  return differences;
}

void decide(TargetLayer& decided, const TargetRules& rules, std::vector<ExportLoss>& losses) {
  const Layer& layer = *decided.layer;
  TargetName name = rules.nameOf(layer);
  decided.name = std::move(name.name);
  if (isFloat(*decided.plan)) {
    if (decided.name.empty() && rules.quantizesUnnamed != nullptr && rules.quantizesUnnamed(layer)) {
      addLoss(losses, layer.name,
              "should stay float, but " + rules.tool + " has no name for it: " + name.missing + "; " +
                  rules.unnamed);
    }
    return;
  }
  if (layer.stored) {
    addLoss(losses, layer.name, "is already quantized in the file; left as it is");
    return;
  }
  if (decided.name.empty()) {
    addLoss(losses, layer.name, rules.tool + " has no name for it: " + name.missing + "; " + rules.unnamed);
    return;
  }
  TargetSetting setting = rules.settingOf(layer, *decided.plan);
  if (setting.words.is_null()) {
    addLoss(losses, layer.name, setting.obstacle + "; left in float");
    return;
  }
  if (rules.findsRanges && decided.plan->weights.format != NumberFormat::fp32) {
    for (std::string& difference : ownRanges(rules.tool, *decided.plan)) {
      addLoss(losses, layer.name, std::move(difference));
    }
  }
  for (std::string& difference : setting.differences) {
    addLoss(losses, layer.name, std::move(difference));
  }
  decided.setting = std::move(setting.words);
}

/// Layers of one name that want different things get nothing.
void settleClashes(TargetPlan& plan, const std::string& tool) {
  std::map<std::string, std::vector<TargetLayer*>> byName;
  for (TargetLayer& layer : plan.layers) {
    if (!layer.name.empty()) {
      byName[layer.name].push_back(&layer);
    }
  }
  for (const auto& [name, layers] : byName) {
    const bool agree = std::all_of(layers.begin(), layers.end(), [&](const TargetLayer* layer) {
      return layer->setting == layers.front()->setting;
    });
    if (agree) {
      continue;
    }
    for (TargetLayer* layer : layers) {
      if (!layer->setting.is_null()) {
        addLoss(plan.losses, layer->layer->name,
                tool + " calls another layer " + name + " too, which is planned otherwise; left in float");
      }
      layer->setting = nullptr;
    }
  }
}

} // namespace

OrderedJson TargetPlan::mostCommon() const {
  const TargetLayer* best = nullptr;
  std::ptrdiff_t most = 0;
  for (const TargetLayer& layer : layers) {
    const auto uses = std::count_if(layers.begin(), layers.end(),
                                    [&](const TargetLayer& other) { return other.setting == layer.setting; });
    if (!layer.setting.is_null() && uses > most) {
      most = uses;
      best = &layer;
    }
  }
  return best == nullptr ? OrderedJson() : best->setting;
}

bool TargetPlan::allNamed() const {
  return std::none_of(layers.begin(), layers.end(),
                      [](const TargetLayer& layer) { return layer.name.empty(); });
}

const TargetLayer* TargetPlan::find(const std::string& name) const {
  const auto found = std::find_if(layers.begin(), layers.end(),
                                  [&](const TargetLayer& layer) { return layer.name == name; });
  return found == layers.end() ? nullptr : &*found;
}

TargetPlan targetPlanFor(const ExportInput& input, const TargetRules& rules) {
  TargetPlan plan;
  for (const Layer& layer : input.model->layers) {
    TargetLayer decided;
    decided.layer = &layer;
    decided.plan = &input.plan.forLayer(layer.name);
    decide(decided, rules, plan.losses);
    plan.layers.push_back(std::move(decided));
  }
  settleClashes(plan, rules.tool);
  mergeLosses(plan.losses, input.model->layers.size());
  return plan;
}

bool isAnyLayer(const Layer&) {
  return true;
}

std::string notLinear(const Layer& layer) {
  return "is taken for no Linear module, but a " + layer.op;
}

std::string linearObstacle(const Layer& layer, const Scheme& scheme, const std::string& tool) {
  if (!isLinearLayer(layer)) {
    return notLinear(layer);
  }
  return isGrouped(scheme) && !hasWholeGroups(layer, scheme)
             ? meaningOf(scheme) + ": " + tool + " wants whole groups"
             : std::string();
}

void addFloatActivations(TargetSetting& setting, const LayerPlan& plan, const std::string& tool) {
  if (!isWeightOnly(plan)) {
    setting.differences.push_back("activations: " + tool + " leaves them in float");
  }
}

void addOwnInputRange(TargetSetting& setting, const LayerPlan& plan, const std::string& tool) {
  const RangeRule& range = plan.activations.scheme.range;
  if (!isWeightOnly(plan) && !plan.activations.dynamic && range.kind != RangeRule::Kind::minmax) {
    setting.differences.push_back("activations, range " + rangeName(range) + ": " + tool +
                                  " finds the range by itself on its calibration data");
  }
}

void addLoss(std::vector<ExportLoss>& losses, const std::string& layer, std::string what) {
  losses.push_back({layer, std::move(what)});
}

void mergeLosses(std::vector<ExportLoss>& losses, std::size_t layers) {
  std::map<std::string, std::size_t> counts;
  for (const ExportLoss& loss : losses) {
    ++counts[loss.what];
  }
  std::vector<ExportLoss> merged;
  std::set<std::string> said;
  for (ExportLoss& loss : losses) {
    if (layers < 2 || counts[loss.what] < layers) {
      merged.push_back(std::move(loss));
    } else if (said.insert(loss.what).second) {
      merged.push_back({"*", std::move(loss.what)});
    }
  }
  losses = std::move(merged);
}

ExportPattern testedPattern(MatchRule rule, const std::string& pattern, const std::string& written,
                            std::string meaning, const TargetPlan& plan) {
  ExportPattern tested{written, std::string(matchRuleName(rule)), std::move(meaning), {}};
  const NamePattern tried(rule, pattern);
  for (const TargetLayer& layer : plan.layers) {
    if (!layer.name.empty() && tried.matches(layer.name)) {
      tested.layers.push_back(layer.layer->name);
    }
  }
  return tested;
}

ExportPattern testedPattern(MatchRule rule, const std::string& pattern, std::string meaning,
                            const TargetPlan& plan) {
  return testedPattern(rule, pattern, pattern, std::move(meaning), plan);
}

SkipList skipListFor(TargetPlan& plan, const OrderedJson& setting, MatchRule rule, const std::string& tool) {
  SkipList skipped;
  for (TargetLayer& layer : plan.layers) {
    if (!layer.setting.is_null() && layer.setting != setting) {
      addLoss(plan.losses, layer.layer->name,
              meaningOf(*layer.plan) + ": " + tool + " has one scheme for all layers; left in float");
      layer.setting = nullptr;
    }
    const bool known =
        std::find(skipped.names.begin(), skipped.names.end(), layer.name) != skipped.names.end();
    if (layer.setting.is_null() && !layer.name.empty() && !known) {
      skipped.names.push_back(layer.name);
    }
  }
  for (const std::string& name : skipped.names) {
    const NamePattern tried(rule, name);
    for (TargetLayer& layer : plan.layers) {
      if (!layer.setting.is_null() && tried.matches(layer.name)) {
        addLoss(plan.losses, layer.layer->name,
                "to leave out " + name + ", " + tool + " leaves it out as well; left in float");
        layer.setting = nullptr;
      }
    }
    skipped.patterns.push_back(testedPattern(rule, name, "left in float", plan));
  }
  return skipped;
}

} // namespace halfstep
