// A plan in a target's words: what becomes of every layer there, and what of the plan is lost. Values; any
// thread.
#pragma once

#include "core/io/exporter.h"
#include "plugins/shared/text/layer_facts.h"
#include "plugins/shared/text/literals.h"
#include "plugins/shared/text/module_names.h"
#include "plugins/shared/text/name_patterns.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace halfstep {

/// How a target would say one layer's scheme.
struct TargetSetting {
  OrderedJson words;                    ///< null: it cannot
  std::string obstacle;                 ///< why it cannot
  std::vector<std::string> differences; ///< where it does something else than planned, and what

  static TargetSetting impossible(std::string why) { return {nullptr, std::move(why), {}}; }
};

struct TargetLayer {
  const Layer* layer = nullptr;
  const LayerPlan* plan = nullptr;
  std::string name;    ///< the target's; empty where it has none
  OrderedJson setting; ///< null: left in float
};

struct TargetRules {
  std::string tool; ///< for the losses: "GPTQModel"
  std::function<TargetName(const Layer&)> nameOf;
  /// Of layers that the plan quantizes and the file does not hold quantized already.
  std::function<TargetSetting(const Layer&, const LayerPlan&)> settingOf;
  bool findsRanges = true; ///< by itself, from the smallest and largest value; it gets no scales from us
  std::string unnamed = "left in float"; ///< what becomes of layers without a name
  /// Of layers without a name: whether the target quantizes such a one although nothing names it, so that one
  /// that should stay float does not. Null: it does not quantize what is not named.
  bool (*quantizesUnnamed)(const Layer&) = nullptr;
};

/// For TargetRules::quantizesUnnamed of targets whose default reaches every layer.
bool isAnyLayer(const Layer& layer);

/// For TargetRules::unnamed where the target has no default that leaves modules alone.
inline constexpr const char* kGetsUsualScheme =
    "gets the scheme of the others if it is a Linear module there";

/// For targets that quantize the Linear modules of PyTorch: why a layer is none.
std::string notLinear(const Layer& layer);
/// The same, or that groups of `scheme` are not whole; empty where nothing stands in the way.
std::string linearObstacle(const Layer& layer, const Scheme& scheme, const std::string& tool);
/// Notes that `tool` leaves in float what the plan quantizes of the layer's input.
void addFloatActivations(TargetSetting& setting, const LayerPlan& plan, const std::string& tool);

/// Notes that `tool` finds the range of static activations by itself, where the plan has a rule for it.
void addOwnInputRange(TargetSetting& setting, const LayerPlan& plan, const std::string& tool);

/// Points into the input that it was made from, which has to outlive it.
struct TargetPlan {
  std::vector<TargetLayer> layers; ///< all, in the model's order
  std::vector<ExportLoss> losses;

  /// The setting of most layers; of several, the one that comes first. Null: none is quantized.
  OrderedJson mostCommon() const;
  /// Whether every layer has a name.
  bool allNamed() const;
  /// The first layer of that name.
  const TargetLayer* find(const std::string& name) const;
};

/// Decides for every layer. A layer that the target has no name or no words for is left in float, and that is
/// a loss; so are two layers of one name with different settings. A loss that all layers share is said once,
/// of
/// "*".
TargetPlan targetPlanFor(const ExportInput& input, const TargetRules& rules);

/// Adds a loss.
void addLoss(std::vector<ExportLoss>& losses, const std::string& layer, std::string what);
/// Says what all `layers` (a number of the model's) lose once, of "*"; keeps the order otherwise.
void mergeLosses(std::vector<ExportLoss>& losses, std::size_t layers);

/// A rule as it is written, with the layers whose names it matches.
ExportPattern testedPattern(MatchRule rule, const std::string& pattern, const std::string& written,
                            std::string meaning, const TargetPlan& plan);
ExportPattern testedPattern(MatchRule rule, const std::string& pattern, std::string meaning,
                            const TargetPlan& plan);

/// For targets with one scheme and a list of modules to leave out: keeps the layers with `setting`, and names
/// those to leave out. A layer that the target would leave out with another, because the other's name matches
/// its own by `rule`, is left in float, and that is a loss.
struct SkipList {
  std::vector<std::string> names;
  std::vector<ExportPattern> patterns;
};
SkipList skipListFor(TargetPlan& plan, const OrderedJson& setting, MatchRule rule, const std::string& tool);

} // namespace halfstep
