#include "core/analysis/plan_finder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace halfstep {

namespace {

constexpr std::size_t kDamage = static_cast<std::size_t>(PlanQuantity::damage);

struct Unit {
  std::string_view name;
  double factor;
};
constexpr auto kBytes = std::to_array<Unit>({{"B", 1.0},
                                             {"kB", 1e3},
                                             {"KB", 1e3},
                                             {"MB", 1e6},
                                             {"GB", 1e9},
                                             {"KiB", 1024.0},
                                             {"MiB", 1048576.0},
                                             {"GiB", 1073741824.0}});
constexpr auto kSeconds = std::to_array<Unit>({{"s", 1.0}, {"ms", 1e-3}, {"us", 1e-6}});
constexpr auto kOperations =
    std::to_array<Unit>({{"", 1.0}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}});

Error badBudget(std::string_view text) {
  return Error{ErrorKind::usage,
               "budget " + std::string(text) +
                   ": expected size=25%, size=1.5MiB, bits=4.5, latency=60%, latency=2.5ms, "
                   "bops=10%, bops=1.8G or damage=0.05"};
}

/// The number and what follows it. Nothing where there is no number above 0.
std::optional<std::pair<double, std::string_view>> amountOf(std::string_view text) {
  double number = 0.0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || !std::isfinite(number) || number < 0.0) {
    return {};
  }
  return std::pair(number, text.substr(static_cast<std::size_t>(end - text.data())));
}

template <std::size_t N>
std::optional<double> scaled(double number, std::string_view unit, const std::array<Unit, N>& units) {
  const auto found =
      std::find_if(units.begin(), units.end(), [&](const Unit& one) { return one.name == unit; });
  return found == units.end() ? std::nullopt : std::optional(number * found->factor);
}

/// Every item with the candidate of the same number (items that have only one with that), within the limits.
std::vector<SearchSolution> uniformSolutions(const SearchProblem& problem) {
  std::size_t most = 0;
  for (const SearchItem& item : problem.items) {
    most = std::max(most, item.candidates.size());
  }
  std::vector<SearchSolution> solutions;
  for (std::size_t number = 0; number < most; ++number) {
    SearchSolution solution;
    bool possible = true;
    for (const SearchItem& item : problem.items) {
      solution.choices.push_back(item.candidates.size() == 1 ? 0 : number);
      possible = possible && solution.choices.back() < item.candidates.size() &&
                 !item.candidates[solution.choices.back()].empty();
    }
    if (possible) {
      solution.totals = totalsOf(problem, solution.choices);
      if (isWithinLimits(problem, solution.totals)) {
        solutions.push_back(std::move(solution));
      }
    }
  }
  return solutions;
}

/// Tells the three ways of solving apart by what they reach.
Result<FoundPlan> predict(const SearchProblem& problem, const FindOptions& options, const JobContext& job) {
  FoundPlan found;
  const auto reached = [&](const Result<SearchSolution>& solution) {
    return solution ? solution->totals[problem.objective] : std::nan("");
  };
  const auto fast = solveFast(problem, job);
  const auto greedy = solveGreedily(problem, job);
  found.fast = reached(fast);
  found.greedy = reached(greedy);
  HALFSTEP_TRY(found.solution, solveExactly(problem, options.exact, job));
  return found;
}

/// Damage made small: the predicted optimum and the greedy plan measured, then exchanges.
Result<FoundPlan> leastDamage(const SearchProblem& problem, PlanTrials& trials, const FindOptions& options,
                              const JobContext& job) {
  HALFSTEP_TRY(FoundPlan found, predict(problem, options, job));
  std::vector<TriedPlan> starts;
  HALFSTEP_TRY(TriedPlan first, trials.run(found.solution, job));
  found.predicted = first;
  starts.push_back(std::move(first));
  std::vector<SearchSolution> others = uniformSolutions(problem);
  for (auto& other : {solveFast(problem, job), solveGreedily(problem, job)}) {
    if (other) {
      others.push_back(*other);
    }
  }
  for (const SearchSolution& other : others) {
    if (std::none_of(starts.begin(), starts.end(),
                     [&](const TriedPlan& known) { return known.solution.choices == other.choices; })) {
      HALFSTEP_TRY(TriedPlan tried, trials.run(other, job));
      starts.push_back(std::move(tried));
    }
  }
  if (!options.improve) {
    found.best = *std::min_element(starts.begin(), starts.end(),
                                   [](const auto& a, const auto& b) { return a.damage < b.damage; });
    return found;
  }
  HALFSTEP_TRY(found.best, improveByExchange(trials, problem, std::move(starts), options.local, job));
  return found;
}

/// Something else made small under a damage that is to be measured.
Result<FoundPlan> withinDamage(SearchProblem problem, PlanTrials& trials, const FindOptions& options,
                               const JobContext& job) {
  const auto limit = std::find_if(problem.limits.begin(), problem.limits.end(),
                                  [](const SearchLimit& one) { return one.quantity == kDamage; });
  const double asked = limit->atMost;
  double low = 0.0; // predicted damages that were measured to be small enough, and too large
  double high = -1.0;
  std::optional<FoundPlan> best;
  constexpr int kRounds = 6;
  for (int round = 0; round < kRounds; ++round) {
    job.reportProgress(round / static_cast<double>(kRounds));
    auto found = predict(problem, options, job);
    if (!found) {
      if (found.error().kind == ErrorKind::cancelled) {
        return std::move(found.error());
      }
      break; // not even predicted
    }
    HALFSTEP_TRY(found->predicted, trials.run(found->solution, job));
    const TriedPlan& tried = *found->predicted;
    if (options.local.onTrial) {
      options.local.onTrial(tried, tried);
    }
    const double reached = limit->atMost;
    if (tried.damage <= asked) {
      const bool better =
          !best || tried.solution.totals[problem.objective] < best->best->solution.totals[problem.objective];
      if (better) {
        found->best = tried;
        best = std::move(*found);
      }
      low = reached;
    } else {
      high = reached;
    }
    if (high < 0.0) {
      break; // the prediction was not too kind: nothing to correct
    }
    const double next = low > 0.0 ? std::sqrt(low * high) : high * std::min(0.7, 0.9 * asked / tried.damage);
    if (low > 0.0 && high / low < 1.05) {
      break;
    }
    limit->atMost = next;
  }
  // The prediction may be too dark as well: plans that are the same everywhere, and steps down from the
  // smallest plan that holds.
  SearchProblem open = problem;
  std::erase_if(open.limits, [](const SearchLimit& one) { return one.quantity == kDamage; });
  for (const SearchSolution& uniform : uniformSolutions(open)) {
    HALFSTEP_TRY(TriedPlan tried, trials.run(uniform, job));
    const bool better =
        !best || tried.solution.totals[problem.objective] < best->best->solution.totals[problem.objective];
    if (tried.damage <= asked && better) {
      FoundPlan found = best ? *best : FoundPlan();
      if (!best) {
        found.solution = tried.solution;
        found.predicted = tried;
        found.fast = found.greedy = std::nan("");
      }
      found.best = std::move(tried);
      best = std::move(found);
    }
  }
  if (best && options.improve) {
    HALFSTEP_TRY(best->best, shrinkByDescent(trials, open, *best->best, asked, options.local, job));
  }
  if (!best) {
    return Error{ErrorKind::failed, "no plan was measured within a damage of " + std::to_string(asked)};
  }
  return std::move(*best);
}

} // namespace

Result<PlanQuantity> budgetQuantity(std::string_view text) {
  const std::string_view name = text.substr(0, text.find('='));
  for (std::size_t q = 0; q < kPlanQuantities; ++q) {
    if (name == quantityName(static_cast<PlanQuantity>(q))) {
      return static_cast<PlanQuantity>(q);
    }
  }
  if (name == "bits") {
    return PlanQuantity::size;
  }
  return badBudget(text);
}

Result<SearchLimit> parseBudget(std::string_view text, const SearchSpace& space) {
  HALFSTEP_TRY(const PlanQuantity quantity, budgetQuantity(text));
  const std::size_t equals = text.find('=');
  const auto amount = equals == std::string_view::npos ? std::nullopt : amountOf(text.substr(equals + 1));
  if (!amount) {
    return badBudget(text);
  }
  const auto& [number, unit] = *amount;
  const double share = number / 100.0;
  std::optional<double> atMost;
  if (text.starts_with("bits")) {
    atMost = unit.empty() ? std::optional(number * space.parameters / 8.0) : std::nullopt;
  } else if (quantity == PlanQuantity::size) {
    atMost = unit == "%" ? std::optional(share * space.bytesBefore) : scaled(number, unit, kBytes);
  } else if (quantity == PlanQuantity::latency) {
    atMost = unit == "%" ? std::optional(share * space.latencyFloat) : scaled(number, unit, kSeconds);
  } else if (quantity == PlanQuantity::bops) {
    atMost = unit == "%" ? std::optional(share * space.bopsFloat) : scaled(number, unit, kOperations);
  } else if (unit.empty()) {
    atMost = number;
  }
  if (!atMost) {
    return badBudget(text);
  }
  const bool known = quantity == PlanQuantity::latency ? space.hasLatency
                     : quantity == PlanQuantity::bops  ? space.hasBops
                                                       : true;
  if (!known) {
    return Error{ErrorKind::usage, "budget " + std::string(text) + ": the layers' " +
                                       std::string(quantityName(quantity)) + " is not known"};
  }
  return SearchLimit{static_cast<std::size_t>(quantity), *atMost};
}

Result<FoundPlan> findPlan(const SearchProblem& problem, PlanTrials* trials, const FindOptions& options,
                           const JobContext& job) {
  if (trials == nullptr) {
    return predict(problem, options, job);
  }
  if (problem.objective == kDamage) {
    return leastDamage(problem, *trials, options, job);
  }
  const bool limitsDamage = std::any_of(problem.limits.begin(), problem.limits.end(),
                                        [](const SearchLimit& limit) { return limit.quantity == kDamage; });
  if (limitsDamage) {
    return withinDamage(problem, *trials, options, job);
  }
  HALFSTEP_TRY(FoundPlan found, predict(problem, options, job));
  HALFSTEP_TRY(found.predicted, trials->run(found.solution, job));
  found.best = found.predicted;
  return found;
}

} // namespace halfstep
