// One candidate for every item under limits: the multiple-choice knapsack problem behind a mixed-precision
// plan. Knows nothing of layers and schemes; search_space.h makes problems of them. Pure functions; any
// thread.
#pragma once

#include "core/support/job_context.h"

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace halfstep {

/// What one candidate amounts to, one number per quantity of the problem; they add up over the items. Empty
/// where the item cannot have the candidate.
using Quantities = std::vector<double>;

struct SearchItem {
  std::string name;
  std::vector<Quantities> candidates; ///< at least one that is not empty
};

/// The sum of `quantity` over all items may be `atMost` this.
struct SearchLimit {
  std::size_t quantity = 0;
  double atMost = 0.0;
};

struct SearchProblem {
  std::vector<std::string> quantities; ///< names, for messages
  std::vector<SearchItem> items;
  std::vector<std::vector<std::size_t>> ties; ///< items that must have the candidate of the same number
  std::size_t objective = 0;                  ///< the quantity to make small
  std::vector<SearchLimit> limits;
};

struct SearchSolution {
  std::vector<std::size_t> choices; ///< of every item, a candidate's number
  Quantities totals;
  /// No solution can have a smaller sum of the objective than this; −∞ where nothing is known.
  double bound = -std::numeric_limits<double>::infinity();

  /// How far the solution may be from the best: 0 for proven optimal; relative to the objective's sum.
  double gap(const SearchProblem& problem) const;
};

/// The sums of a choice.
Quantities totalsOf(const SearchProblem& problem, const std::vector<std::size_t>& choices);
bool isWithinLimits(const SearchProblem& problem, const Quantities& totals);

/// Within milliseconds for thousands of items: Lagrangian relaxation, which is exact on the convex hull of
/// each item's candidates, then single moves and exchanges into what is left of the limit. The bound is that
/// of the relaxation. Source: Sinha, Zoltners, "The Multiple-Choice Knapsack Problem", Operations Research
/// 27(3), 1979; with several limits Fisher, "The Lagrangian Relaxation Method", Management Science 27(1),
/// 1981. Errors: a problem that is not well formed; no choice within the limits (naming what the smallest
/// sum is).
Result<SearchSolution> solveFast(const SearchProblem& problem, const JobContext& job);

/// For comparison: starts from the candidates with the smallest objective and takes the move that costs the
/// least objective per share of the excess saved, until the limits hold. Errors as solveFast.
Result<SearchSolution> solveGreedily(const SearchProblem& problem, const JobContext& job);

struct ExactOptions {
  double seconds = 60.0; ///< then the best found so far, with the bound proven by then
  double gap = 0.0;      ///< a relative gap that is good enough
};

/// Integer programming with GLPK's branch and cut: binary z per item and candidate, Σ_c z = 1. Errors as
/// solveFast; cancelled.
Result<SearchSolution> solveExactly(const SearchProblem& problem, const ExactOptions& options,
                                    const JobContext& job);

/// The best sums of the objective for every sum of `cost`, as far as the relaxation sees them: solutions on
/// the lower convex hull, by rising cost, at most `points` of them (both ends kept). The problem's limits
/// hold where they are on other quantities only approximately, by leaving out what exceeds them.
Result<std::vector<SearchSolution>> searchFrontier(const SearchProblem& problem, std::size_t cost,
                                                   std::size_t points, const JobContext& job);

} // namespace halfstep
