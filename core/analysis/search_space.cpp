#include "core/analysis/search_space.h"

#include "core/model/layer_finder.h"
#include "core/quant/quantizer.h"
#include "core/quant/scheme_grammar.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace halfstep {

namespace {

constexpr auto kNames = std::to_array<std::string_view>({"damage", "size", "bops", "latency"});

std::size_t index(PlanQuantity quantity) {
  return static_cast<std::size_t>(quantity);
}

OutputMetric additiveMetric(OutputMetric metric) {
  return metric == OutputMetric::sqnr || metric == OutputMetric::cosine ? OutputMetric::relativeError
                                                                        : metric;
}

double layerBops(const LayerShape& shape, const LayerPlan& plan) {
  return static_cast<double>(shape.macs) * static_cast<double>(shape.calls) *
         formatFacts(plan.weights.format).bits * formatFacts(plan.activations.scheme.format).bits;
}

/// Seconds of one run; NaN where they are not known.
double layerSeconds(const SearchTimes& times, std::size_t layer, LatencyType type) {
  const LayerShape& shape = times.shapes[layer];
  if (times.device) {
    auto estimate = rooflineEstimate(shape, *times.device, type);
    if (!estimate) { // no arithmetic of this type on the device: it computes in float
      estimate = rooflineEstimate(shape, *times.device, LatencyType::fp32);
    }
    return estimate ? estimate->seconds() * static_cast<double>(shape.calls) : std::nan("");
  }
  if (!times.measured || layer >= times.measured->layers.size()) {
    return std::nan("");
  }
  const auto& types = times.measured->layers[layer].types;
  auto found = types.find(type);
  if (found == types.end() || !found->second.measured()) {
    found = types.find(LatencyType::fp32);
  }
  return found != types.end() && found->second.measured()
             ? found->second.alone.median * static_cast<double>(shape.calls)
             : std::nan("");
}

/// The numbers of one layer under one plan, all but the damage. Layers that no time is known of count with
/// none: they are the same in every plan.
Quantities costsOf(const Model& model, std::size_t layer, const LayerPlan& plan,
                   const std::optional<SearchTimes>& times) {
  Quantities costs(kPlanQuantities, 0.0);
  costs[index(PlanQuantity::size)] = plannedBytes(model.layers[layer], plan.weights);
  if (times) {
    costs[index(PlanQuantity::bops)] = layerBops(times->shapes[layer], plan);
    const double seconds = layerSeconds(*times, layer, latencyTypeOf(plan));
    costs[index(PlanQuantity::latency)] = std::isnan(seconds) ? 0.0 : seconds;
  }
  return costs;
}

/// Fewer bits are not better than more: see makeSearchSpace.
void makeMonotone(const std::vector<LayerPlan>& candidates, std::vector<Quantities>& item) {
  std::vector<std::size_t> order;
  for (std::size_t c = 0; c < item.size(); ++c) {
    if (!item[c].empty()) {
      order.push_back(c);
    }
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return item[a][index(PlanQuantity::size)] > item[b][index(PlanQuantity::size)];
  });
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t more = 0; more < i; ++more) {
      const bool fewer =
          item[order[more]][index(PlanQuantity::size)] > item[order[i]][index(PlanQuantity::size)];
      if (fewer && candidates[order[more]].activations == candidates[order[i]].activations) {
        item[order[i]][0] = std::max(item[order[i]][0], item[order[more]][0]);
      }
    }
  }
}

std::size_t layerNamed(const Model& model, const std::string& name, Result<void>& problem) {
  const auto found = model.layerIndex(name);
  if (!found) {
    problem = Error{ErrorKind::usage, "the model has no layer " + name};
    return 0;
  }
  return *found;
}

LayerPlan floatPlan() {
  return {defaultScheme(NumberFormat::fp32), {}};
}

Result<void> checkSweep(const Model& model, const Sensitivity& sensitivity) {
  const bool same =
      sensitivity.layers.size() == model.layers.size() &&
      std::equal(sensitivity.layers.begin(), sensitivity.layers.end(), model.layers.begin(),
                 [](const std::string& name, const Layer& layer) { return name == layer.name; });
  if (!same) {
    return Error{ErrorKind::usage, "the sensitivities are of other layers than the model has"};
  }
  if (!sensitivity.isComplete()) {
    return Error{ErrorKind::usage, "the sensitivities are not all measured yet"};
  }
  if (sensitivity.schemes.empty()) {
    return Error{ErrorKind::usage, "there are no schemes to choose from"};
  }
  return {};
}

/// Names to item numbers, all known.
Result<std::vector<std::vector<std::size_t>>> numberedTies(const Model& model,
                                                           const SearchSpaceOptions& options) {
  std::vector<std::vector<std::size_t>> ties;
  for (const auto& names : options.ties) {
    ties.emplace_back();
    for (const std::string& name : names) {
      Result<void> problem;
      const std::size_t layer = layerNamed(model, name, problem);
      HALFSTEP_CHECK(problem);
      ties.back().push_back(layer);
    }
  }
  return ties;
}

} // namespace

double plannedBytes(const Layer& layer, const Scheme& scheme) {
  const Tensor& weight = layer.stored ? layer.stored->codes : layer.weight;
  return static_cast<double>(
      quantizedBytes(scheme, Segmentation::of(weight.shape(), layer.channelAxes, scheme.granularity),
                     elementBits(weight.type())));
}

double addedDamage(OutputMetric metric, std::span<const OutputFigures> samples,
                   std::span<const std::uint32_t> picks) {
  double damage = 0.0;
  switch (metric) {
  case OutputMetric::top1:
  case OutputMetric::top5:
    damage = 1.0 - metricOf(metric, samples, picks);
    break;
  case OutputMetric::accuracy:
    damage = metricOf(OutputMetric::floatAccuracy, samples, picks) - metricOf(metric, samples, picks);
    break;
  case OutputMetric::perplexity:
    damage = metricOf(metric, samples, picks) - metricOf(OutputMetric::floatPerplexity, samples, picks);
    break;
  default:
    damage = metricOf(metric, samples, picks);
  }
  return std::isnan(damage) ? damage : std::max(damage, 0.0);
}

std::string_view quantityName(PlanQuantity quantity) {
  return kNames[index(quantity)];
}

LatencyType latencyTypeOf(const LayerPlan& plan) {
  const FormatFacts& weights = formatFacts(plan.weights.format);
  const FormatFacts& input = formatFacts(plan.activations.scheme.format);
  if (weights.family == FormatFamily::integer && weights.bits <= 8 && input.family == FormatFamily::integer &&
      input.bits <= 8) {
    return LatencyType::int8;
  }
  if (weights.format == NumberFormat::fp16 || weights.format == NumberFormat::bf16) {
    return LatencyType::bf16;
  }
  const bool alone = input.format == NumberFormat::fp32;
  return alone && weights.family == FormatFamily::integer && weights.bits <= 4 ? LatencyType::int4
                                                                               : LatencyType::fp32;
}

Result<SearchSpace> makeSearchSpace(const Model& model, const Sensitivity& sensitivity,
                                    const SearchSpaceOptions& options) {
  HALFSTEP_CHECK(checkSweep(model, sensitivity));
  SearchSpace space;
  space.metric = additiveMetric(sensitivity.metric);
  space.layers = sensitivity.layers;
  for (std::size_t scheme = 0; scheme < sensitivity.schemes.size(); ++scheme) {
    space.candidates.push_back(sensitivity.candidate(scheme));
  }
  if (options.keepFloat) {
    space.candidates.push_back(floatPlan());
  }
  for (const auto& [name, plan] : options.pinned) {
    Result<void> problem;
    layerNamed(model, name, problem);
    HALFSTEP_CHECK(problem);
    space.fixed.emplace(name, plan);
  }
  for (std::size_t layer = 0; layer < model.layers.size(); ++layer) {
    if (!sensitivity.left[layer].empty()) {
      space.fixed.emplace(model.layers[layer].name, floatPlan());
    }
  }
  if (options.times && options.times->shapes.size() != model.layers.size()) {
    return Error{ErrorKind::usage, "the shapes are of other layers than the model has"};
  }
  space.hasBops = options.times.has_value();
  space.hasLatency = options.times && (options.times->measured || options.times->device);
  for (const std::string_view name : kNames) {
    space.problem.quantities.emplace_back(name);
  }
  for (std::size_t layer = 0; layer < model.layers.size(); ++layer) {
    const Layer& one = model.layers[layer];
    const Quantities before = costsOf(model, layer, floatPlan(), options.times);
    space.bytesBefore += before[index(PlanQuantity::size)];
    space.bopsFloat += before[index(PlanQuantity::bops)];
    space.latencyFloat += before[index(PlanQuantity::latency)];
    space.parameters += static_cast<double>(one.parameters());
    SearchItem item{one.name, {}};
    if (const auto fixed = space.fixed.find(one.name); fixed != space.fixed.end()) {
      Quantities only = costsOf(model, layer, fixed->second, options.times);
      for (std::size_t c = 0; c < space.candidates.size(); ++c) {
        if (space.candidates[c] == fixed->second && c < sensitivity.schemes.size() &&
            sensitivity.left[layer].empty()) {
          const double damage = addedDamage(space.metric, sensitivity.cell(layer, c).samples);
          only[0] = std::isfinite(damage) ? damage : 0.0; // it was pinned: there is nothing to choose
        }
      }
      item.candidates.push_back(std::move(only));
      space.problem.items.push_back(std::move(item));
      continue;
    }
    for (std::size_t c = 0; c < space.candidates.size(); ++c) {
      Quantities candidate = costsOf(model, layer, space.candidates[c], options.times);
      if (c < sensitivity.schemes.size()) {
        candidate[0] = addedDamage(space.metric, sensitivity.cell(layer, c).samples);
      }
      item.candidates.push_back(std::isfinite(candidate[0]) ? std::move(candidate) : Quantities());
    }
    const auto measured = std::span(item.candidates).first(sensitivity.schemes.size());
    if (std::all_of(measured.begin(), measured.end(),
                    [](const Quantities& candidate) { return candidate.empty(); })) {
      return Error{ErrorKind::usage,
                   "no scheme has a damage (" + std::string(metricName(space.metric)) +
                       ") that is a finite number; another metric may have, or the layer can be pinned",
                   "layer " + one.name};
    }
    makeMonotone(space.candidates, item.candidates);
    space.problem.items.push_back(std::move(item));
  }
  HALFSTEP_TRY(auto ties, numberedTies(model, options));
  for (auto& tie : ties) { // a layer with a scheme of its own does not bind the others
    std::erase_if(tie, [&](std::size_t layer) { return space.fixed.contains(model.layers[layer].name); });
    if (tie.size() > 1) {
      space.problem.ties.push_back(std::move(tie));
    }
  }
  return space;
}

Plan SearchSpace::planOf(const SearchSolution& solution, const Plan& base) const {
  Plan plan = base;
  plan.layers.clear();
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const auto own = fixed.find(layers[layer]);
    plan.layers[layers[layer]] = own != fixed.end() ? own->second : candidates[solution.choices[layer]];
  }
  return plan;
}

const Quantities* SearchSpace::known(std::size_t layer, const LayerPlan& plan) const {
  const SearchItem& item = problem.items[layer];
  if (const auto own = fixed.find(layers[layer]); own != fixed.end()) {
    return own->second == plan ? &item.candidates.front() : nullptr;
  }
  const auto found = std::find(candidates.begin(), candidates.end(), plan);
  const auto number = static_cast<std::size_t>(found - candidates.begin());
  return found != candidates.end() && !item.candidates[number].empty() ? &item.candidates[number] : nullptr;
}

double SearchSpace::damageOf(std::size_t layer, const LayerPlan& plan) const {
  const Quantities* found = known(layer, plan);
  return found != nullptr ? (*found)[index(PlanQuantity::damage)] : std::nan("");
}

double SearchSpace::largestUniform(PlanQuantity quantity) const {
  double largest = 0.0;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    if (candidates[c].weights.format == NumberFormat::fp32) {
      continue;
    }
    double sum = 0.0;
    for (const SearchItem& item : problem.items) {
      const bool own = item.candidates.size() == candidates.size() && !item.candidates[c].empty();
      const auto possible = std::find_if(item.candidates.begin(), item.candidates.end(),
                                         [](const Quantities& candidate) { return !candidate.empty(); });
      sum += (own ? item.candidates[c] : *possible)[index(quantity)];
    }
    largest = std::max(largest, sum);
  }
  return largest;
}

std::optional<std::vector<std::size_t>> SearchSpace::choicesOf(const Plan& plan) const {
  std::vector<std::size_t> choices;
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const Quantities* found = known(layer, plan.forLayer(layers[layer]));
    if (found == nullptr) {
      return {};
    }
    choices.push_back(static_cast<std::size_t>(found - problem.items[layer].candidates.data()));
  }
  return choices;
}

Quantities SearchSpace::quantitiesOf(const Model& model, const Plan& plan) const {
  Quantities totals(kPlanQuantities, 0.0);
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const LayerPlan& own = plan.forLayer(layers[layer]);
    if (const Quantities* found = known(layer, own)) {
      for (std::size_t q = 0; q < kPlanQuantities; ++q) {
        totals[q] += (*found)[q];
      }
      continue;
    }
    totals[index(PlanQuantity::size)] += plannedBytes(model.layers[layer], own.weights);
    for (const PlanQuantity unknown : {PlanQuantity::damage, PlanQuantity::bops, PlanQuantity::latency}) {
      totals[index(unknown)] = std::nan("");
    }
  }
  return totals;
}

} // namespace halfstep
