// The points of the Trade-off page: plans that were or are to be measured, and the named versions, in the
// space of what can be chosen from. Values and pure functions; any thread, but for words UI thread.
#pragma once

#include "core/analysis/plan_finder.h"

#include <QString>

#include <optional>
#include <string>
#include <vector>

namespace halfstep {

/// A plan as a point of the plot: one that was run, or a named version.
struct TradeOffPoint {
  enum class Kind { frontier, uniform, present, improved, version };
  /// Where the damage is from: run on the space's samples, kept with the version, predicted only.
  enum class Source { measured, kept, predicted };
  Kind kind = Kind::frontier;
  Source source = Source::measured;
  QString name;      ///< "all int8"; empty where the place says it
  QString origin;    ///< of what was kept: the samples, and when; empty otherwise
  Quantities totals; ///< predicted and known; NaN where they are not
  Estimate damage;   ///< measured, above the float network's own
  std::vector<std::pair<OutputMetric, Estimate>> figures; ///< the others that apply
  Plan plan;
  /// The plan as choices of the space; nothing where it is none of the space's.
  std::optional<std::vector<std::size_t>> choices;
  std::string key; ///< trialKey() of the plan
};

/// What can be chosen from. Immutable; shared.
struct TradeOffSpace {
  SearchSpace space;
  PlanQuantity across = PlanQuantity::size;
  std::vector<SearchSolution> frontier; ///< by rising `across`
  SampleOrigin origin;
  std::size_t samples = 0;

  double least = 0.0; ///< the budgets that make sense: from the cheapest plan …
  double most = 0.0;  ///< … to somewhat above the dearest one without float layers

  double cost(const Quantities& totals) const { return totals[static_cast<std::size_t>(across)]; }
};

/// Totals, damage with its interval and the other figures of a plan that was run. On the job's thread.
void takeFigures(TradeOffPoint& point, const TriedPlan& tried, const SearchSpace& space, std::uint64_t seed);

/// The first with the key; null if there is none.
const TradeOffPoint* pointOf(const std::string& key, const std::vector<TradeOffPoint>& points);

/// A named version, which makes `plan`, with what is known of it: measured in this space, or else kept with
/// it in the same metric, or else predicted.
TradeOffPoint versionPoint(const PlanVersion& version, const Plan& plan, const TradeOffSpace& within,
                           const Model& model, const std::vector<TradeOffPoint>& measured);

/// The present plan: as measured in this space, or else as predicted.
TradeOffPoint presentPoint(const Plan& plan, const TradeOffSpace& within, const Model& model,
                           const std::vector<TradeOffPoint>& measured);

/// The present plan, the versions, every candidate for all layers, and some along the frontier.
std::vector<TradeOffPoint> pointsToMeasure(const TradeOffSpace& space, const Plan& presentPlan,
                                           const std::vector<PlanVersion>& versions);

} // namespace halfstep
