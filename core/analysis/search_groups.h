// A search problem with its ties merged and its hopeless candidates left out: what the solvers work on.
// Values; any thread.
#pragma once

#include "core/analysis/plan_search.h"

namespace halfstep {

/// A candidate of a whole group.
struct GroupCandidate {
  std::size_t number = 0; ///< as in the items
  Quantities sums;        ///< over the group's items
};

/// Items that are tied to each other, or one alone.
struct SearchGroup {
  std::vector<std::size_t> items;
  std::vector<GroupCandidate> candidates; ///< never empty
};

/// Every item is in one group. Left out are candidates that one of the items cannot have, and those that
/// another is as good as in the objective and in every limited quantity (`alsoNeeded` counts as limited).
/// Errors (usage): ragged or unknown quantities, numbers that are not finite, tied items without a common
/// candidate.
Result<std::vector<SearchGroup>> searchGroups(const SearchProblem& problem,
                                              const std::vector<std::size_t>& alsoNeeded = {});

/// `picks`: for every group an index into its candidates.
SearchSolution solutionOf(const SearchProblem& problem, const std::vector<SearchGroup>& groups,
                          const std::vector<std::size_t>& picks);

/// An error that names the smallest sum, if even the cheapest candidates break a limit.
Result<void> checkEachLimitReachable(const SearchProblem& problem, const std::vector<SearchGroup>& groups);

} // namespace halfstep
