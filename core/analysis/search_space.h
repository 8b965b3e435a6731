// What a search chooses from: a candidate scheme for every layer, with what each would damage and cost. Turns
// measured sensitivities into a problem for plan_search.h, and its solutions back into plans. Values; any
// thread.
#pragma once

#include "core/analysis/latency.h"
#include "core/analysis/plan_search.h"
#include "core/analysis/sensitivity.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace halfstep {

/// The quantities of the problem, in this order.
enum class PlanQuantity : std::uint8_t {
  damage,  ///< Σ of the measured damages of the layers alone, in the unit of `SearchSpace::metric`
  size,    ///< bytes of the layers' weights, scales and zero points counted
  bops,    ///< Σ MACs × bits of the weights × bits of the layer's input, of one run (HAWQ-V3's definition)
  latency, ///< seconds of the layers in one run, measured or estimated
};
inline constexpr std::size_t kPlanQuantities = 4;
/// "damage", "size", "bops", "latency".
std::string_view quantityName(PlanQuantity quantity);

/// Where the times come from.
struct SearchTimes {
  std::vector<LayerShape> shapes;          ///< of all layers, in the model's order: MACs and calls
  std::shared_ptr<const Latency> measured; ///< on this machine; or
  std::optional<DeviceProfile> device;     ///< estimated for this one by its roofline
};

struct SearchSpaceOptions {
  std::vector<std::vector<std::string>> ties; ///< names of layers that must have the same candidate
  std::map<std::string, LayerPlan> pinned;    ///< layers that keep a scheme of their own
  bool keepFloat = true;                      ///< leaving a layer as it is is a candidate too
  std::optional<SearchTimes> times;           ///< without them bops and latency are not known
};

struct SearchSpace {
  OutputMetric metric = OutputMetric::kl; ///< of the damage: kl or relativeError, or what was asked for
  std::vector<std::string> layers;        ///< of the model, in its order; the problem's items
  std::vector<LayerPlan> candidates;      ///< the same for all layers; `keepFloat` adds fp32 at the end
  /// Layers that have a plan of their own: they were pinned, or could not be measured (those stay as they
  /// are). Each has one candidate in the problem.
  std::map<std::string, LayerPlan> fixed;
  SearchProblem problem; ///< objective damage, no limits yet
  bool hasBops = false;
  bool hasLatency = false;
  double bytesBefore = 0.0;  ///< of the layers' weights as the file holds them
  double parameters = 0.0;   ///< of the layers
  double latencyFloat = 0.0; ///< seconds in float32
  double bopsFloat = 0.0;    ///< at 32 × 32 bits

  /// The plan that a solution means; everything else of `base` (file, hash, data, fallback) is kept.
  Plan planOf(const SearchSolution& solution, const Plan& base) const;
  /// What `plan` amounts to, each number where it is known: a plan's schemes need not be candidates, only
  /// size and bops are then told. The damage is NaN where a layer's scheme was not measured.
  Quantities quantitiesOf(const Model& model, const Plan& plan) const;
  /// The choices that make `plan`; nothing where a layer's scheme is no candidate.
  std::optional<std::vector<std::size_t>> choicesOf(const Plan& plan) const;
  /// The damage of layer `layer` alone under `plan`; NaN where it was not measured.
  double damageOf(std::size_t layer, const LayerPlan& plan) const;
  /// The most of `quantity` that a plan with one candidate for all layers has, float left out. Layers that
  /// have a plan of their own keep it; one for which the candidate is not possible takes the first that is.
  double largestUniform(PlanQuantity quantity) const;

private:
  /// What the problem holds of one layer under one plan; null where that is no candidate.
  const Quantities* known(std::size_t layer, const LayerPlan& plan) const;
};

/// Bytes of a layer's weights under a scheme, scales and zero points counted: quantizedBytes of its shape.
double plannedBytes(const Layer& layer, const Scheme& scheme);

/// What samples show of a plan beyond the float network: an additive figure that is never below 0, and larger
/// for more damage. `picks`: which samples (all where empty). NaN where the metric does not apply.
double addedDamage(OutputMetric metric, std::span<const OutputFigures> samples,
                   std::span<const std::uint32_t> picks = {});

/// Makes the problem. Damages are the sweep's where larger means worse; SQNR and cosine do not add up over
/// layers, so a sweep in them is searched by its relative output error. A damage below the float network's
/// own (a top-1 share that rises by chance) counts as 0, and fewer bits are never taken for better than more:
/// a candidate's damage is at least that of every candidate of the same layer with more bits per weight and
/// the same input (`FormatFacts::bits` with scales), as ModelOpt's AutoQuantize does with its scores. A
/// scheme whose damage is no finite number is no candidate of that layer. Errors (usage): names that the
/// model does not have; a sweep that is not complete or of other layers; a layer none of whose schemes is a
/// candidate.
Result<SearchSpace> makeSearchSpace(const Model& model, const Sensitivity& sensitivity,
                                    const SearchSpaceOptions& options);

/// Layers that integer kernels want to share a type, found in the graph.
enum class TieRule : std::uint8_t {
  sameInput, ///< products of the same value: query, key and value; gate and up
  residual,  ///< layers whose outputs meet in one addition or concatenation, with nothing but normalisation,
             ///< activation, pooling or shape changes in between
};
std::vector<std::vector<std::string>> findTies(const Model& model, TieRule rule);

/// The type whose measured time a layer planned so has on this CPU: int8 needs 8-bit integers on both sides;
/// a weight of at most 4 bits alone is int4; fp16 and bf16 count as bf16; all else computes in float32.
LatencyType latencyTypeOf(const LayerPlan& plan);

} // namespace halfstep
