#include "core/analysis/plan_search.h"

#include "core/analysis/search_groups.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace halfstep {

namespace {

using Picks = std::vector<std::size_t>;

/// A change of one group's candidate.
struct Move {
  std::size_t group = 0;
  std::size_t candidate = 0;
};

/// A choice for every group, with its sums.
class Choice {
public:
  Choice(const SearchProblem& problem, const std::vector<SearchGroup>& groups, Picks picks)
      : m_problem(problem)
      , m_groups(groups)
      , m_picks(std::move(picks)) {
    sumUp();
  }

  const Picks& picks() const { return m_picks; }
  const Quantities& sums() const { return m_sums; }
  const SearchProblem& problem() const { return m_problem; }

  double change(const Move& move, std::size_t quantity) const {
    const auto& candidates = m_groups[move.group].candidates;
    return candidates[move.candidate].sums[quantity] - candidates[m_picks[move.group]].sums[quantity];
  }
  double gain(const Move& move) const { return -change(move, m_problem.objective); }

  /// Whether all limits hold after `first` and, where there is one, `second`.
  bool fits(const Move& first, const Move* second = nullptr) const {
    return std::all_of(m_problem.limits.begin(), m_problem.limits.end(), [&](const SearchLimit& limit) {
      const std::size_t q = limit.quantity;
      return m_sums[q] + change(first, q) + (second != nullptr ? change(*second, q) : 0.0) <= limit.atMost;
    });
  }

  void apply(const Move& move) {
    m_picks[move.group] = move.candidate;
    sumUp();
  }

  std::vector<Move> moves() const {
    std::vector<Move> moves;
    for (std::size_t g = 0; g < m_groups.size(); ++g) {
      for (std::size_t c = 0; c < m_groups[g].candidates.size(); ++c) {
        if (c != m_picks[g]) {
          moves.push_back({g, c});
        }
      }
    }
    return moves;
  }

private:
  /// Anew every time, so that rounding does not pile up.
  void sumUp() {
    m_sums.assign(m_problem.quantities.size(), 0.0);
    for (std::size_t g = 0; g < m_groups.size(); ++g) {
      const Quantities& add = m_groups[g].candidates[m_picks[g]].sums;
      for (std::size_t q = 0; q < m_sums.size(); ++q) {
        m_sums[q] += add[q];
      }
    }
  }

  const SearchProblem& m_problem;
  const std::vector<SearchGroup>& m_groups;
  Picks m_picks;
  Quantities m_sums;
};

/// The best single move within the limits, as long as there is one.
void takeSingleMoves(Choice& choice) {
  const std::size_t rounds = 4 * choice.picks().size() + 16;
  for (std::size_t round = 0; round < rounds; ++round) {
    std::optional<Move> best;
    for (const Move& move : choice.moves()) {
      if (choice.gain(move) > (best ? choice.gain(*best) : 0.0) && choice.fits(move)) {
        best = move;
      }
    }
    if (!best) {
      return;
    }
    choice.apply(*best);
  }
}

/// Moves that make room, by what they free of the first limit's quantity, the most first; and for every
/// beginning of that list the two moves of different groups that lose least.
struct Rooms {
  std::vector<Move> moves;
  std::vector<double> changes; ///< of the quantity; rising
  std::vector<std::pair<std::size_t, std::size_t>> least;
};

Rooms roomsOf(const Choice& choice, std::vector<Move> moves) {
  const std::size_t cost = choice.problem().limits.front().quantity;
  std::sort(moves.begin(), moves.end(),
            [&](const Move& a, const Move& b) { return choice.change(a, cost) < choice.change(b, cost); });
  Rooms rooms{std::move(moves), {}, {}};
  const std::size_t none = rooms.moves.size();
  const auto loss = [&](std::size_t i) {
    return i == none ? std::numeric_limits<double>::infinity() : -choice.gain(rooms.moves[i]);
  };
  std::pair<std::size_t, std::size_t> best{none, none};
  for (std::size_t i = 0; i < rooms.moves.size(); ++i) {
    const bool sameGroup = best.first != none && rooms.moves[best.first].group == rooms.moves[i].group;
    if (loss(i) < loss(best.first)) {
      best = {i, sameGroup ? best.second : best.first};
    } else if (!sameGroup && loss(i) < loss(best.second)) {
      best.second = i;
    }
    rooms.changes.push_back(choice.change(rooms.moves[i], cost));
    rooms.least.push_back(best);
  }
  return rooms;
}

/// The best exchange of two groups that gains something: one takes what does not fit by itself, the other
/// makes room. O(m log m) for m moves.
bool takeExchange(Choice& choice) {
  const SearchLimit& limit = choice.problem().limits.front();
  std::vector<Move> gains;
  std::vector<Move> losses;
  for (const Move& move : choice.moves()) {
    (choice.gain(move) > 0.0 ? gains : losses).push_back(move);
  }
  const Rooms rooms = roomsOf(choice, std::move(losses));
  const double slack = limit.atMost - choice.sums()[limit.quantity];
  double bestGain = 1e-12 * std::abs(choice.sums()[choice.problem().objective]); // more than rounding
  std::optional<std::pair<Move, Move>> exchange;
  for (const Move& gain : gains) {
    const double allowed = slack - choice.change(gain, limit.quantity);
    const auto end = std::upper_bound(rooms.changes.begin(), rooms.changes.end(), allowed);
    if (end == rooms.changes.begin()) {
      continue;
    }
    const auto [first, second] = rooms.least[static_cast<std::size_t>(end - rooms.changes.begin()) - 1];
    const std::size_t index = rooms.moves[first].group != gain.group ? first : second;
    if (index == rooms.moves.size()) {
      continue;
    }
    const Move& room = rooms.moves[index];
    const double both = choice.gain(gain) + choice.gain(room);
    if (both > bestGain && choice.fits(gain, &room)) {
      bestGain = both;
      exchange = {gain, room};
    }
  }
  if (!exchange) {
    return false;
  }
  choice.apply(exchange->first);
  choice.apply(exchange->second);
  return true;
}

Picks improved(const SearchProblem& problem, const std::vector<SearchGroup>& groups, Picks picks) {
  constexpr int kExchanges = 24;
  Choice choice(problem, groups, std::move(picks));
  takeSingleMoves(choice);
  for (int i = 0; i < kExchanges && takeExchange(choice); ++i) {
    takeSingleMoves(choice);
  }
  return choice.picks();
}

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
std::pair<Picks, std::vector<HullStep>> hullSteps(const std::vector<SearchGroup>& groups, std::size_t cost,
                                                  std::size_t objective) {
  Picks start;
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
  const Quantities start = Choice(problem, groups, picks).sums();
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
  SearchSolution solution = solutionOf(problem, groups, improved(problem, groups, std::move(picks)));
  solution.bound = relaxed.value_or(bound);
  return solution;
}

/// Every group's best for given prices of the limited quantities.
Picks bestAtPrices(const SearchProblem& problem, const std::vector<SearchGroup>& groups,
                   const std::vector<double>& prices, double& value) {
  Picks picks;
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
bool repair(const SearchProblem& problem, const std::vector<SearchGroup>& groups, Picks& picks) {
  Choice choice(problem, groups, picks);
  const std::size_t rounds = 8 * groups.size() + 16;
  for (std::size_t round = 0; round < rounds; ++round) {
    const double excess = excessOf(problem, choice.sums());
    if (excess <= 0.0) {
      picks = choice.picks();
      return true;
    }
    std::optional<Move> best;
    double bestPrice = std::numeric_limits<double>::infinity();
    Quantities after(choice.sums().size());
    for (const Move& move : choice.moves()) {
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
    Picks picks = bestAtPrices(problem, groups, prices, value);
    bound = std::max(bound, value);
    const Quantities sums = Choice(problem, groups, picks).sums();
    for (std::size_t k = 0; k < prices.size(); ++k) {
      const double excess = (sums[problem.limits[k].quantity] - problem.limits[k].atMost) / units[k];
      prices[k] = std::max(0.0, prices[k] + spread * excess / (units[k] * (1.0 + 0.2 * round)));
    }
    if ((round % 10 == 9 || round == 0) && repair(problem, groups, picks)) {
      SearchSolution solution = solutionOf(problem, groups, improved(problem, groups, std::move(picks)));
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
Picks smallest(const std::vector<SearchGroup>& groups, std::size_t objective) {
  Picks picks;
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
  Picks picks = smallest(groups, problem.objective);
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
