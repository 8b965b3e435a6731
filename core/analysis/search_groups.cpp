#include "core/analysis/search_groups.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace halfstep {

namespace {

Error malformed(std::string what) {
  return Error{ErrorKind::usage, std::move(what)};
}

Result<void> checkWellFormed(const SearchProblem& problem) {
  const std::size_t quantities = problem.quantities.size();
  if (problem.objective >= quantities) {
    return malformed("the search has no quantity " + std::to_string(problem.objective));
  }
  for (const SearchLimit& limit : problem.limits) {
    if (limit.quantity >= quantities || std::isnan(limit.atMost)) {
      return malformed("a limit of the search is on no quantity, or no number");
    }
  }
  for (const SearchItem& item : problem.items) {
    bool any = false;
    for (const Quantities& candidate : item.candidates) {
      if (candidate.empty()) {
        continue;
      }
      any = true;
      if (candidate.size() != quantities ||
          !std::all_of(candidate.begin(), candidate.end(), [](double x) { return std::isfinite(x); })) {
        return malformed(item.name + ": a candidate's quantities are not " + std::to_string(quantities) +
                         " finite numbers");
      }
    }
    if (!any) {
      return malformed(item.name + " has no candidate");
    }
  }
  for (const auto& tie : problem.ties) {
    if (std::any_of(tie.begin(), tie.end(), [&](std::size_t item) { return item >= problem.items.size(); })) {
      return malformed("a tie names no item");
    }
  }
  return {};
}

/// The root of every item's set after joining what is tied.
std::vector<std::size_t> rootsOf(const SearchProblem& problem) {
  std::vector<std::size_t> parent(problem.items.size());
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  const auto find = [&](std::size_t item) {
    while (parent[item] != item) {
      item = parent[item] = parent[parent[item]];
    }
    return item;
  };
  for (const auto& tie : problem.ties) {
    for (const std::size_t item : tie) {
      const std::size_t a = find(tie.front());
      const std::size_t b = find(item);
      parent[std::max(a, b)] = std::min(a, b);
    }
  }
  for (std::size_t item = 0; item < parent.size(); ++item) {
    parent[item] = find(item);
  }
  return parent;
}

std::vector<GroupCandidate> commonCandidates(const SearchProblem& problem,
                                             const std::vector<std::size_t>& items) {
  std::size_t count = problem.items[items.front()].candidates.size();
  for (const std::size_t item : items) {
    count = std::min(count, problem.items[item].candidates.size());
  }
  std::vector<GroupCandidate> candidates;
  for (std::size_t number = 0; number < count; ++number) {
    GroupCandidate candidate{number, Quantities(problem.quantities.size(), 0.0)};
    bool possible = true;
    for (const std::size_t item : items) {
      const Quantities& add = problem.items[item].candidates[number];
      possible = possible && !add.empty();
      for (std::size_t q = 0; possible && q < add.size(); ++q) {
        candidate.sums[q] += add[q];
      }
    }
    if (possible) {
      candidates.push_back(std::move(candidate));
    }
  }
  return candidates;
}

/// Whether `a` makes `b` needless. Of equals the first stays.
bool dominates(const GroupCandidate& a, const GroupCandidate& b, const std::vector<std::size_t>& matters) {
  bool smaller = false;
  for (const std::size_t q : matters) {
    if (a.sums[q] > b.sums[q]) {
      return false;
    }
    smaller = smaller || a.sums[q] < b.sums[q];
  }
  return smaller || a.number < b.number;
}

} // namespace

Result<std::vector<SearchGroup>> searchGroups(const SearchProblem& problem,
                                              const std::vector<std::size_t>& alsoNeeded) {
  HALFSTEP_CHECK(checkWellFormed(problem));
  std::vector<std::size_t> matters = alsoNeeded;
  matters.push_back(problem.objective);
  for (const SearchLimit& limit : problem.limits) {
    matters.push_back(limit.quantity);
  }
  const std::vector<std::size_t> roots = rootsOf(problem);
  std::vector<SearchGroup> groups;
  std::vector<std::size_t> groupOf(roots.size());
  for (std::size_t item = 0; item < roots.size(); ++item) {
    if (roots[item] == item) {
      groupOf[item] = groups.size();
      groups.emplace_back();
    }
    groups[groupOf[roots[item]]].items.push_back(item);
  }
  for (SearchGroup& group : groups) {
    const auto all = commonCandidates(problem, group.items);
    if (all.empty()) {
      return malformed(problem.items[group.items.front()].name + " and " +
                       problem.items[group.items.back()].name +
                       " are tied, but there is no candidate that both can have");
    }
    for (const GroupCandidate& candidate : all) {
      if (std::none_of(all.begin(), all.end(),
                       [&](const GroupCandidate& other) { return dominates(other, candidate, matters); })) {
        group.candidates.push_back(candidate);
      }
    }
  }
  return groups;
}

SearchSolution solutionOf(const SearchProblem& problem, const std::vector<SearchGroup>& groups,
                          const std::vector<std::size_t>& picks) {
  SearchSolution solution;
  solution.choices.resize(problem.items.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const std::size_t item : groups[g].items) {
      solution.choices[item] = groups[g].candidates[picks[g]].number;
    }
  }
  solution.totals = totalsOf(problem, solution.choices);
  return solution;
}

Result<void> checkEachLimitReachable(const SearchProblem& problem, const std::vector<SearchGroup>& groups) {
  for (const SearchLimit& limit : problem.limits) {
    double smallest = 0.0;
    for (const SearchGroup& group : groups) {
      double least = std::numeric_limits<double>::infinity();
      for (const GroupCandidate& candidate : group.candidates) {
        least = std::min(least, candidate.sums[limit.quantity]);
      }
      smallest += least;
    }
    // The sums are added up in another order than totalsOf does.
    if (smallest > limit.atMost + 1e-9 * std::abs(smallest)) {
      return Error{ErrorKind::usage, "no plan is within the budget: the least " +
                                         problem.quantities[limit.quantity] +
                                         " that the candidates allow is " + std::to_string(smallest) +
                                         ", the budget " + std::to_string(limit.atMost)};
    }
  }
  return {};
}

} // namespace halfstep
