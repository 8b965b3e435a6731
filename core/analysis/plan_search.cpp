#include "core/analysis/plan_search.h"

#include "core/analysis/search_choice.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace halfstep {

namespace {

/// A step along a group's lower convex hull: what it gains for what it costs.
struct HullStep {
  std::size_t group = 0;
  std::size_t candidate = 0; ///< after the step
  double cost = 0.0;         ///< > 0
  double gain = 0.0;         ///< > 0
};

/// The candidates of a group on the lower convex hull of (cost, objective), by rising cost.
std::vector<std::size_t> hullOf(const SearchGroup& group, std::size_t cost, std::size_t objective) {
  std::vector<std::size_t> order(group.candidates.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  const auto x = [&](std::size_t i) { return group.candidates[i].sums[cost]; };
  const auto y = [&](std::size_t i) { return group.candidates[i].sums[objective]; };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return x(a) != x(b) ? x(a) < x(b) : y(a) != y(b) ? y(a) < y(b) : a < b;
  });
  std::vector<std::size_t> hull;
  for (const std::size_t i : order) {
    if (!hull.empty() && y(i) >= y(hull.back())) {
      continue;
    }
    while (hull.size() >= 2) {
      const std::size_t a = hull[hull.size() - 2];
      const std::size_t b = hull.back();
      if ((y(b) - y(a)) * (x(i) - x(a)) < (y(i) - y(a)) * (x(b) - x(a))) {
        break;
      }
      hull.pop_back();
    }
    hull.push_back(i);
  }
  return hull;
}

/// The cheapest candidate of every group, and the steps from there, the best gain per cost first. Steps of
/// one group stay in their order because a hull is convex.
std::pair<SearchPicks, std::vector<HullStep>> hullSteps(const std::vector<SearchGroup>& groups,
                                                        std::size_t cost, std::size_t objective) {
  SearchPicks start;
  std::vector<HullStep> steps;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto hull = hullOf(groups[g], cost, objective);
    start.push_back(hull.front());
    for (std::size_t i = 1; i < hull.size(); ++i) {
      const Quantities& from = groups[g].candidates[hull[i - 1]].sums;
      const Quantities& to = groups[g].candidates[hull[i]].sums;
      steps.push_back({g, hull[i], to[cost] - from[cost], from[objective] - to[objective]});
    }
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const HullStep& a, const HullStep& b) { return a.gain * b.cost > b.gain * a.cost; });
  return {std::move(start), std::move(steps)};
}

/// One limit: the linear relaxation is solved by taking the steps in order; what does not fit is passed over.
SearchSolution solveOneLimit(const SearchProblem& problem, const std::vector<SearchGroup>& groups) {
  const std::size_t cost = problem.limits.front().quantity;
  auto [picks, steps] = hullSteps(groups, cost, problem.objective);
  const Quantities start = SearchChoice(problem, groups, picks).sums();
  double room = problem.limits.front().atMost - start[cost];
  double bound = start[problem.objective];
  std::optional<double> relaxed;
  std::vector<bool> stopped(groups.size(), false);
  for (const HullStep& step : steps) {
    if (!relaxed && step.cost > room) {
      relaxed = bound - step.gain * std::max(room, 0.0) / step.cost;
    }
    if (stopped[step.group] || step.cost > room) {
      stopped[step.group] = true;
      continue;
    }
    room -= step.cost;
    bound -= step.gain;
    picks[step.group] = step.candidate;
  }
  SearchSolution solution = solutionOf(problem, groups, improvedPicks(problem, groups, std::move(picks)));
  solution.bound = relaxed.value_or(bound);
  return solution;
}

/// Every group's best for given prices of the limited quantities.
SearchPicks bestAtPrices(const SearchProblem& problem, const std::vector<SearchGroup>& groups,
                         const std::vector<double>& prices, double& value) {
  SearchPicks picks;
  value = 0.0;
  for (const SearchGroup& group : groups) {
    std::size_t best = 0;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < group.candidates.size(); ++c) {
      const Quantities& sums = group.candidates[c].sums;
      double priced = sums[problem.objective];
      for (std::size_t k = 0; k < prices.size(); ++k) {
        priced += prices[k] * sums[problem.limits[k].quantity];
      }
      if (priced < least) {
        least = priced;
        best = c;
      }
    }
    picks.push_back(best);
    value += least;
  }
  for (std::size_t k = 0; k < prices.size(); ++k) {
    value -= prices[k] * problem.limits[k].atMost;
  }
  return picks;
}

/// Of every limit the excess in shares of its size; 0 where it holds.
double excessOf(const SearchProblem& problem, const Quantities& sums) {
  double excess = 0.0;
  for (const SearchLimit& limit : problem.limits) {
    const double unit = std::max(std::abs(limit.atMost), 1e-300);
    excess += std::max(0.0, sums[limit.quantity] - limit.atMost) / unit;
  }
  return excess;
}

/// Takes the move that loses least per excess saved until the limits hold. False if it gets stuck.
bool repair(const SearchProblem& problem, const std::vector<SearchGroup>& groups, SearchPicks& picks) {
  SearchChoice choice(problem, groups, picks);
  const std::size_t rounds = 8 * groups.size() + 16;
  for (std::size_t round = 0; round < rounds; ++round) {
    const double excess = excessOf(problem, choice.sums());
    if (excess <= 0.0) {
      picks = choice.picks();
      return true;
    }
    std::optional<SearchMove> best;
    double bestPrice = std::numeric_limits<double>::infinity();
    Quantities after(choice.sums().size());
    for (const SearchMove& move : choice.moves()) {
      for (std::size_t q = 0; q < after.size(); ++q) {
        after[q] = choice.sums()[q] + choice.change(move, q);
      }
      const double saved = excess - excessOf(problem, after);
      const double price = -choice.gain(move) / saved;
      if (saved > 0.0 && price < bestPrice) {
        bestPrice = price;
        best = move;
      }
    }
    if (!best) {
      return false;
    }
    choice.apply(*best);
  }
  return false;
}

Error noneFound(const SearchProblem& problem) {
  std::string names;
  for (const SearchLimit& limit : problem.limits) {
    names += (names.empty() ? "" : ", ") + problem.quantities[limit.quantity];
  }
  return Error{ErrorKind::usage, "no plan was found within all budgets together (" + names + ")"};
}

/// Several limits: subgradient steps on their prices; every choice met on the way is repaired and improved,
/// the best one stays.
Result<SearchSolution> solveManyLimits(const SearchProblem& problem, const std::vector<SearchGroup>& groups,
                                       const JobContext& job) {
  constexpr int kRounds = 120;
  std::vector<double> units(problem.limits.size());
  double spread = 0.0; // how much the objective can move, the unit of the first step
  for (const SearchGroup& group : groups) {
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (const GroupCandidate& candidate : group.candidates) {
      low = std::min(low, candidate.sums[problem.objective]);
      high = std::max(high, candidate.sums[problem.objective]);
    }
    spread += high - low;
  }
  for (std::size_t k = 0; k < units.size(); ++k) {
    units[k] = std::max(std::abs(problem.limits[k].atMost), 1e-300);
  }
  std::vector<double> prices(problem.limits.size(), 0.0);
  std::optional<SearchSolution> best;
  double bound = -std::numeric_limits<double>::infinity();
  for (int round = 0; round < kRounds; ++round) {
    HALFSTEP_CHECK(job.checkpoint());
    double value = 0.0;
    SearchPicks picks = bestAtPrices(problem, groups, prices, value);
    bound = std::max(bound, value);
    const Quantities sums = SearchChoice(problem, groups, picks).sums();
    for (std::size_t k = 0; k < prices.size(); ++k) {
      const double excess = (sums[problem.limits[k].quantity] - problem.limits[k].atMost) / units[k];
      prices[k] = std::max(0.0, prices[k] + spread * excess / (units[k] * (1.0 + 0.2 * round)));
    }
    if ((round % 10 == 9 || round == 0) && repair(problem, groups, picks)) {
      SearchSolution solution = solutionOf(problem, groups, improvedPicks(problem, groups, std::move(picks)));
      if (isWithinLimits(problem, solution.totals) &&
          (!best || solution.totals[problem.objective] < best->totals[problem.objective])) {
        best = std::move(solution);
      }
    }
  }
  if (!best) {
    return noneFound(problem);
  }
  best->bound = bound;
  return std::move(*best);
}

/// Every group's candidate with the smallest objective.
SearchPicks smallest(const std::vector<SearchGroup>& groups, std::size_t objective) {
  SearchPicks picks;
  for (const SearchGroup& group : groups) {
    const auto least =
        std::min_element(group.candidates.begin(), group.candidates.end(),
                         [&](const auto& a, const auto& b) { return a.sums[objective] < b.sums[objective]; });
    picks.push_back(static_cast<std::size_t>(least - group.candidates.begin()));
  }
  return picks;
}

} // namespace

double SearchSolution::gap(const SearchProblem& problem) const {
  const double reached = totals[problem.objective];
  if (reached <= bound) {
    return 0.0;
  }
  return (reached - bound) / std::max(std::abs(reached), 1e-300);
}

Quantities totalsOf(const SearchProblem& problem, const std::vector<std::size_t>& choices) {
  Quantities totals(problem.quantities.size(), 0.0);
  for (std::size_t item = 0; item < choices.size(); ++item) {
    const Quantities& add = problem.items[item].candidates[choices[item]];
    for (std::size_t q = 0; q < totals.size(); ++q) {
      totals[q] += add[q];
    }
  }
  return totals;
}

bool isWithinLimits(const SearchProblem& problem, const Quantities& totals) {
  return std::all_of(problem.limits.begin(), problem.limits.end(), [&](const SearchLimit& limit) {
    return totals[limit.quantity] <= limit.atMost + 1e-9 * std::abs(limit.atMost);
  });
}

Result<SearchSolution> solveFast(const SearchProblem& problem, const JobContext& job) {
  HALFSTEP_TRY(const auto groups, searchGroups(problem));
  HALFSTEP_CHECK(checkEachLimitReachable(problem, groups));
  if (problem.limits.empty()) {
    SearchSolution solution = solutionOf(problem, groups, smallest(groups, problem.objective));
    solution.bound = solution.totals[problem.objective];
    return solution;
  }
  if (problem.limits.size() == 1) {
    return solveOneLimit(problem, groups);
  }
  return solveManyLimits(problem, groups, job);
}

Result<SearchSolution> solveGreedily(const SearchProblem& problem, const JobContext& job) {
  HALFSTEP_TRY(const auto groups, searchGroups(problem));
  HALFSTEP_CHECK(checkEachLimitReachable(problem, groups));
  HALFSTEP_CHECK(job.checkpoint());
  SearchPicks picks = smallest(groups, problem.objective);
  if (!repair(problem, groups, picks)) {
    return noneFound(problem);
  }
  return solutionOf(problem, groups, picks);
}

Result<std::vector<SearchSolution>> searchFrontier(const SearchProblem& problem, std::size_t cost,
                                                   std::size_t points, const JobContext& job) {
  if (cost >= problem.quantities.size() || points < 2) {
    return Error{ErrorKind::usage, "a frontier needs a quantity and two points"};
  }
  HALFSTEP_TRY(const auto groups, searchGroups(problem, {cost}));
  auto [picks, steps] = hullSteps(groups, cost, problem.objective);
  std::vector<SearchSolution> frontier;
  const auto add = [&] {
    SearchSolution solution = solutionOf(problem, groups, picks);
    solution.bound = solution.totals[problem.objective]; // on the hull the relaxation is exact
    if (isWithinLimits(problem, solution.totals)) {
      frontier.push_back(std::move(solution));
    }
  };
  add();
  const std::size_t every = std::max<std::size_t>(1, (steps.size() + points - 2) / (points - 1));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    picks[steps[i].group] = steps[i].candidate;
    if ((i + 1) % every == 0 || i + 1 == steps.size()) {
      HALFSTEP_CHECK(job.checkpoint());
      add();
    }
  }
  return frontier;
}

} // namespace halfstep
