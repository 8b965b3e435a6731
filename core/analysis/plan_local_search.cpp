#include "core/analysis/plan_local_search.h"

#include "core/analysis/search_groups.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace halfstep {

namespace {

/// A group's candidate that is the next cheaper one, run within the present plan.
struct CheaperStep {
  const SearchGroup* group = nullptr;
  std::size_t number = 0;
  double saved = 0.0;
  double damage = 0.0; ///< added
};

/// Its number, and what it saves of `quantity`.
std::optional<std::pair<std::size_t, double>> nextCheaper(const SearchGroup& group, std::size_t number,
                                                          std::size_t quantity) {
  const auto now = std::find_if(group.candidates.begin(), group.candidates.end(),
                                [&](const GroupCandidate& one) { return one.number == number; });
  if (now == group.candidates.end()) {
    return {};
  }
  std::optional<std::pair<std::size_t, double>> next;
  for (const GroupCandidate& one : group.candidates) {
    const double saved = now->sums[quantity] - one.sums[quantity];
    if (saved > 0.0 && (!next || saved < next->second)) {
      next = {one.number, saved};
    }
  }
  return next;
}

std::vector<std::size_t> withCandidate(std::vector<std::size_t> choices, const SearchGroup& group,
                                       std::size_t number) {
  for (const std::size_t item : group.items) {
    choices[item] = number;
  }
  return choices;
}

/// Climbs from plan to plan by exchanges of steps.
class Climber {
public:
  Climber(PlanTrials& trials, const SearchProblem& problem, const std::vector<SearchGroup>& groups,
          TriedPlan start, const LocalSearchOptions& options, const JobContext& job)
      : m_trials(trials)
      , m_problem(problem)
      , m_groups(groups)
      , m_best(std::move(start))
      , m_options(options)
      , m_job(job)
      , m_from(trials.count()) {
    for (const SearchGroup& group : groups) {
      auto& order = m_orders.emplace_back(group.candidates);
      std::stable_sort(order.begin(), order.end(), [](const GroupCandidate& a, const GroupCandidate& b) {
        return a.sums[0] > b.sums[0]; // the most damage first: a step up is one towards the end
      });
    }
  }

  const TriedPlan& best() const { return m_best; }
  bool usedUp() const { return m_trials.count() - m_from >= m_options.trials; }

  /// One round: every step measured, then exchanges. Whether the damage fell.
  Result<bool> round() {
    HALFSTEP_CHECK(measureSteps());
    const double before = m_best.damage;
    // Several exchanges at once first; if together they do not gain, half as many.
    for (std::size_t most = m_groups.size(); most >= 1 && !usedUp(); most /= 2) {
      const std::vector<std::size_t> choices = exchanged(most);
      if (choices == m_best.solution.choices) {
        break;
      }
      HALFSTEP_TRY(const bool gained, tryOut(choices));
      if (gained) {
        break;
      }
    }
    return m_best.damage < before;
  }

private:
  struct Step {
    std::size_t group = 0;
    std::size_t number = 0; ///< the candidate's
    double change = 0.0;    ///< of the measured damage
  };

  std::size_t placeOf(std::size_t group) const {
    const std::size_t number = m_best.solution.choices[m_groups[group].items.front()];
    const auto& order = m_orders[group];
    const auto found =
        std::find_if(order.begin(), order.end(), [&](const GroupCandidate& c) { return c.number == number; });
    return found == order.end() ? order.size() : static_cast<std::size_t>(found - order.begin());
  }

  std::vector<std::size_t> with(std::vector<std::size_t> choices, std::size_t group,
                                std::size_t number) const {
    return withCandidate(std::move(choices), m_groups[group], number);
  }

  SearchSolution solutionFor(std::vector<std::size_t> choices) const {
    SearchSolution solution;
    solution.totals = totalsOf(m_problem, choices);
    solution.choices = std::move(choices);
    return solution;
  }

  /// Runs a plan; it becomes the best one if it is within the limits and better. Whether it did.
  Result<bool> tryOut(const std::vector<std::size_t>& choices) {
    HALFSTEP_TRY(TriedPlan tried, m_trials.run(solutionFor(choices), m_job));
    const bool better = isWithinLimits(m_problem, tried.solution.totals) && tried.damage < m_best.damage;
    if (m_options.onTrial) {
      m_options.onTrial(tried, better ? tried : m_best);
    }
    m_job.reportProgress(static_cast<double>(m_trials.count() - m_from) /
                         static_cast<double>(m_options.trials));
    if (better) {
      m_best = std::move(tried);
    }
    return better;
  }

  Result<void> measureStep(std::size_t group, std::size_t place, std::vector<Step>& steps) {
    const std::size_t number = m_orders[group][place].number;
    HALFSTEP_TRY(const TriedPlan tried,
                 m_trials.run(solutionFor(with(m_best.solution.choices, group, number)), m_job));
    if (m_options.onTrial) {
      m_options.onTrial(tried, m_best);
    }
    m_job.reportProgress(static_cast<double>(m_trials.count() - m_from) /
                         static_cast<double>(m_options.trials));
    steps.push_back({group, number, tried.damage - m_best.damage});
    return {};
  }

  Result<void> measureSteps() {
    m_ups.clear();
    m_downs.clear();
    for (std::size_t group = 0; group < m_groups.size() && !usedUp(); ++group) {
      const std::size_t place = placeOf(group);
      if (place + 1 < m_orders[group].size()) {
        HALFSTEP_CHECK(measureStep(group, place + 1, m_ups));
      }
      if (place > 0 && place < m_orders[group].size() && !usedUp()) {
        HALFSTEP_CHECK(measureStep(group, place - 1, m_downs));
      }
    }
    const auto byChange = [](const Step& a, const Step& b) { return a.change < b.change; };
    std::stable_sort(m_ups.begin(), m_ups.end(), byChange);
    std::stable_sort(m_downs.begin(), m_downs.end(), byChange);
    return {};
  }

  /// The present choices after at most `most` steps up, each with the steps down that make room for it, as
  /// long as what they cost is less than what it gains.
  std::vector<std::size_t> exchanged(std::size_t most) const {
    std::vector<std::size_t> choices = m_best.solution.choices;
    std::vector<bool> used(m_groups.size(), false);
    std::size_t taken = 0;
    for (const Step& down : m_downs) { // a step down that gains by itself makes room for nothing
      if (down.change < 0.0 && taken < most) {
        choices = with(std::move(choices), down.group, down.number);
        used[down.group] = true;
        ++taken;
      }
    }
    for (const Step& up : m_ups) {
      if (taken >= most || up.change >= 0.0 || used[up.group]) {
        continue;
      }
      std::vector<std::size_t> tentative = with(choices, up.group, up.number);
      std::vector<std::size_t> givers;
      double change = up.change;
      for (const Step& down : m_downs) {
        if (isWithinLimits(m_problem, totalsOf(m_problem, tentative))) {
          break;
        }
        if (!used[down.group] && down.group != up.group) {
          tentative = with(std::move(tentative), down.group, down.number);
          givers.push_back(down.group);
          change += down.change;
        }
      }
      if (change < 0.0 && isWithinLimits(m_problem, totalsOf(m_problem, tentative))) {
        choices = std::move(tentative);
        used[up.group] = true;
        for (const std::size_t giver : givers) {
          used[giver] = true;
        }
        ++taken;
      }
    }
    return choices;
  }

  PlanTrials& m_trials;
  const SearchProblem& m_problem;
  const std::vector<SearchGroup>& m_groups;
  TriedPlan m_best;
  const LocalSearchOptions& m_options;
  const JobContext& m_job;
  std::size_t m_from;
  std::vector<std::vector<GroupCandidate>> m_orders;
  std::vector<Step> m_ups;
  std::vector<Step> m_downs;
};

} // namespace

Result<TriedPlan> improveByExchange(PlanTrials& trials, const SearchProblem& problem,
                                    std::vector<TriedPlan> starts, const LocalSearchOptions& options,
                                    const JobContext& job) {
  const auto best = std::min_element(starts.begin(), starts.end(),
                                     [](const auto& a, const auto& b) { return a.damage < b.damage; });
  if (best == starts.end() || best->solution.choices.size() != problem.items.size()) {
    return Error{ErrorKind::usage, "a local search needs a plan to start from"};
  }
  HALFSTEP_TRY(const auto groups, searchGroups(problem, {0}));
  Climber climber(trials, problem, groups, *best, options, job);
  while (!climber.usedUp()) {
    HALFSTEP_TRY(const bool gained, climber.round());
    if (!gained) {
      break;
    }
  }
  return climber.best();
}

Result<TriedPlan> shrinkByDescent(PlanTrials& trials, const SearchProblem& problem, TriedPlan start,
                                  double damage, const LocalSearchOptions& options, const JobContext& job) {
  HALFSTEP_TRY(const auto groups, searchGroups(problem, {0}));
  const std::size_t from = trials.count();
  const auto usedUp = [&] { return trials.count() - from >= options.trials; };
  TriedPlan best = std::move(start);
  const auto tryOut = [&](std::vector<std::size_t> choices) -> Result<TriedPlan> {
    SearchSolution solution;
    solution.totals = totalsOf(problem, choices);
    solution.choices = std::move(choices);
    HALFSTEP_TRY(TriedPlan tried, trials.run(std::move(solution), job));
    if (options.onTrial) {
      options.onTrial(tried, best);
    }
    job.reportProgress(static_cast<double>(trials.count() - from) / static_cast<double>(options.trials));
    return tried;
  };
  while (!usedUp()) {
    std::vector<CheaperStep> steps;
    for (const SearchGroup& group : groups) {
      const auto cheaper = nextCheaper(group, best.solution.choices[group.items.front()], problem.objective);
      if (!cheaper || usedUp()) {
        continue;
      }
      HALFSTEP_TRY(const TriedPlan tried,
                   tryOut(withCandidate(best.solution.choices, group, cheaper->first)));
      if (isWithinLimits(problem, tried.solution.totals)) {
        steps.push_back({&group, cheaper->first, cheaper->second, tried.damage - best.damage});
      }
    }
    std::stable_sort(steps.begin(), steps.end(), [](const CheaperStep& a, const CheaperStep& b) {
      return a.damage * b.saved < b.damage * a.saved;
    });
    bool shrunk = false;
    for (std::size_t most = steps.size(); most >= 1 && !shrunk && !usedUp(); most /= 2) {
      std::vector<std::size_t> choices = best.solution.choices;
      double expected = best.damage;
      std::size_t taken = 0;
      for (const CheaperStep& step : steps) {
        if (taken < most && expected + step.damage <= damage) {
          choices = withCandidate(std::move(choices), *step.group, step.number);
          expected += step.damage;
          ++taken;
        }
      }
      if (taken == 0) {
        break;
      }
      HALFSTEP_TRY(TriedPlan tried, tryOut(std::move(choices)));
      if (tried.damage <= damage && isWithinLimits(problem, tried.solution.totals)) {
        best = std::move(tried);
        shrunk = true;
      }
    }
    if (!shrunk) {
      break;
    }
  }
  return best;
}

} // namespace halfstep
