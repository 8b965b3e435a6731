#include "widgets/viewmodels/trade_off_points.h"

#include "core/quant/scheme_grammar.h"
#include "widgets/viewmodels/plan_versions.h"
#include "widgets/viewmodels/trade_off.h"

#include <algorithm>
#include <cmath>

namespace halfstep {

namespace {

constexpr int kMeasuredPoints = 6;

/// `plan` with what was measured of it; without damage where nothing was.
TradeOffPoint knownPoint(const Plan& plan, const TradeOffSpace& within, const Model& model,
                         const std::vector<TradeOffPoint>& measured) {
  const SearchSpace& space = within.space;
  TradeOffPoint point;
  if (const TradeOffPoint* known = pointOf(trialKey(space, plan), measured)) {
    point = *known;
    return point;
  }
  point.source = TradeOffPoint::Source::predicted;
  point.plan = plan;
  point.key = trialKey(space, plan);
  point.choices = space.choicesOf(plan);
  point.totals = space.quantitiesOf(model, plan);
  point.damage = {point.totals[0], std::nan(""), std::nan("")};
  point.origin = TradeOff::tr("predicted, not measured");
  return point;
}

} // namespace

void takeFigures(TradeOffPoint& point, const TriedPlan& tried, const SearchSpace& space, std::uint64_t seed) {
  point.choices = space.choicesOf(point.plan);
  point.key = trialKey(space, point.plan);
  point.totals = tried.solution.totals;
  point.damage = addedDamageEstimate(space.metric, tried.samples, seed);
  point.figures.clear();
  for (const OutputMetric other : {OutputMetric::kl, OutputMetric::sqnr, OutputMetric::top1,
                                   OutputMetric::accuracy, OutputMetric::perplexity}) {
    const Estimate estimate = estimateOf(other, tried.samples, seed);
    if (!std::isnan(estimate.value)) {
      point.figures.emplace_back(other, estimate);
    }
  }
}

const TradeOffPoint* pointOf(const std::string& key, const std::vector<TradeOffPoint>& points) {
  const auto found = std::find_if(points.begin(), points.end(),
                                  [&](const TradeOffPoint& point) { return point.key == key; });
  return found == points.end() ? nullptr : &*found;
}

TradeOffPoint versionPoint(const PlanVersion& version, const Plan& plan, const TradeOffSpace& within,
                           const Model& model, const std::vector<TradeOffPoint>& measured) {
  TradeOffPoint point = knownPoint(plan, within, model, measured);
  point.kind = TradeOffPoint::Kind::version;
  point.name = QString::fromStdString(version.name);
  const auto& kept = version.measured;
  if (point.source == TradeOffPoint::Source::measured || !kept || !kept->damage ||
      kept->damage->metric != metricName(within.space.metric)) {
    return point;
  }
  const auto estimateOf = [](const PlanFigure& figure) {
    return Estimate{figure.value, figure.low.value_or(std::nan("")), figure.high.value_or(std::nan(""))};
  };
  point.source = TradeOffPoint::Source::kept;
  point.damage = estimateOf(*kept->damage);
  for (const PlanFigure& figure : kept->figures) {
    if (const auto metric = metricFromName(figure.metric)) {
      point.figures.emplace_back(*metric, estimateOf(figure));
    }
  }
  point.origin = TradeOff::tr("measured on %1, %2")
                     .arg(planOriginText(*kept), QString::fromStdString(version.date).left(10));
  return point;
}

TradeOffPoint presentPoint(const Plan& plan, const TradeOffSpace& within, const Model& model,
                           const std::vector<TradeOffPoint>& measured) {
  TradeOffPoint point = knownPoint(plan, within, model, measured);
  point.kind = TradeOffPoint::Kind::present;
  point.name = TradeOff::tr("present plan");
  return point;
}

std::vector<TradeOffPoint> pointsToMeasure(const TradeOffSpace& space, const Plan& presentPlan,
                                           const std::vector<PlanVersion>& versions) {
  using Kind = TradeOffPoint::Kind;
  std::vector<TradeOffPoint> wanted;
  TradeOffPoint present;
  present.kind = Kind::present;
  present.name = TradeOff::tr("present plan");
  present.plan = presentPlan;
  wanted.push_back(std::move(present));
  for (const PlanVersion& version : versions) {
    TradeOffPoint point;
    point.kind = Kind::version;
    point.name = QString::fromStdString(version.name);
    point.plan = presentPlan.withSchemesOf(version);
    wanted.push_back(std::move(point));
  }
  for (const LayerPlan& candidate : space.space.candidates) {
    if (candidate.weights.format == NumberFormat::fp32) {
      continue;
    }
    TradeOffPoint uniform;
    uniform.kind = Kind::uniform;
    uniform.name = TradeOff::tr("all %1").arg(QString::fromStdString(printLayerPlan(candidate)));
    uniform.plan.fallback = candidate;
    uniform.plan.layers = space.space.fixed;
    wanted.push_back(std::move(uniform));
  }
  // Evenly along the curve as it is drawn: by the logarithm of the cost.
  const double least = space.least;
  const double most = space.most;
  std::size_t before = space.frontier.size();
  for (int i = 0; i < kMeasuredPoints && least > 0.0; ++i) {
    const double cost = least * std::pow(most / least, i / static_cast<double>(kMeasuredPoints - 1));
    std::size_t at = 0;
    while (at + 1 < space.frontier.size() && space.cost(space.frontier[at].totals) < cost) {
      ++at;
    }
    if (at != before) {
      TradeOffPoint point;
      point.plan = space.space.planOf(space.frontier[at], presentPlan);
      wanted.push_back(std::move(point));
    }
    before = at;
  }
  return wanted;
}

} // namespace halfstep
