// What `halfstep-cli search` says: its JSON document and its tables.
#pragma once

#include "app/cli/output.h"
#include "core/analysis/plan_finder.h"

#include <optional>
#include <string>
#include <vector>

namespace halfstep::cli {

/// The plans once more, on samples that neither the sweep nor the search has seen.
struct HeldOut {
  SampleOrigin origin;
  std::size_t samples = 0;
  TriedPlan found;
  std::vector<TriedPlan> uniform; ///< as SearchReport::uniform
};

/// Everything a search came to.
struct SearchReport {
  std::string file;
  SampleOrigin origin;
  std::size_t samples = 0;
  std::uint64_t seed = 0;
  SearchSpace space;
  SearchProblem problem;
  std::vector<std::string> budgets; ///< as they were written
  FoundPlan found;
  Plan plan;
  std::size_t trials = 0;   ///< plans that the search asked for
  std::size_t plansRun = 0; ///< for them and for `uniform`; the others were known from before
  std::vector<SearchSolution> frontier;
  /// Every layer with the same candidate (those that are pinned with their own): measured, or predicted only
  /// (no samples).
  std::vector<std::pair<std::string, TriedPlan>> uniform;
  std::optional<HeldOut> heldOut;
  double seconds = 0.0;
};

Json searchJson(const SearchReport& report);
std::string searchText(const SearchReport& report);

} // namespace halfstep::cli
