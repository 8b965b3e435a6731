// A search's choice as it is being improved: one candidate for every group, its sums, and the moves that make
// it better within the limits. Values; any thread.
#pragma once

#include "core/analysis/search_groups.h"

#include <utility>
#include <vector>

namespace halfstep {

/// For every group an index into its candidates.
using SearchPicks = std::vector<std::size_t>;

/// A change of one group's candidate.
struct SearchMove {
  std::size_t group = 0;
  std::size_t candidate = 0;
};

/// A choice for every group, with its sums.
class SearchChoice {
public:
  SearchChoice(const SearchProblem& problem, const std::vector<SearchGroup>& groups, SearchPicks picks)
      : m_problem(problem)
      , m_groups(groups)
      , m_picks(std::move(picks)) {
    sumUp();
  }

  const SearchPicks& picks() const { return m_picks; }
  const Quantities& sums() const { return m_sums; }
  const SearchProblem& problem() const { return m_problem; }

  /// Of the sum of a quantity.
  double change(const SearchMove& move, std::size_t quantity) const {
    const auto& candidates = m_groups[move.group].candidates;
    return candidates[move.candidate].sums[quantity] - candidates[m_picks[move.group]].sums[quantity];
  }
  /// By how much the objective's sum falls.
  double gain(const SearchMove& move) const { return -change(move, m_problem.objective); }

  /// Whether all limits hold after `first` and, where there is one, `second`.
  bool fits(const SearchMove& first, const SearchMove* second = nullptr) const;

  void apply(const SearchMove& move) {
    m_picks[move.group] = move.candidate;
    sumUp();
  }

  /// Every change of one group.
  std::vector<SearchMove> moves() const;

private:
  /// Anew every time, so that rounding does not pile up.
  void sumUp();

  const SearchProblem& m_problem;
  const std::vector<SearchGroup>& m_groups;
  SearchPicks m_picks;
  Quantities m_sums;
};

/// `picks` after the best single moves and exchanges of two groups within the limits, as long as one gains
/// something (at most 24 exchanges).
SearchPicks improvedPicks(const SearchProblem& problem, const std::vector<SearchGroup>& groups,
                          SearchPicks picks);

} // namespace halfstep
