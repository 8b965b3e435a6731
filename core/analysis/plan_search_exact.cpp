// The integer program behind solveExactly, on GLPK.
#include "core/analysis/plan_search.h"

#include "core/analysis/search_groups.h"

#include <glpk.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

namespace halfstep {

namespace {

struct ProblemDeleter {
  void operator()(glp_prob* program) const { glp_delete_prob(program); }
};
using Program = std::unique_ptr<glp_prob, ProblemDeleter>;

/// GLPK keeps an environment per thread; it goes when this does, and everything of GLPK's with it.
struct Environment {
  Environment() { glp_term_out(GLP_OFF); }
  ~Environment() { glp_free_env(); }
};

/// What the branch-and-cut callback needs.
struct Watch {
  const JobContext* job = nullptr;
  std::vector<double> start; ///< a solution to begin with, one number per column (from 1); taken once
  double bound = -std::numeric_limits<double>::infinity(); ///< in the program's units
  bool cancelled = false;
};

void watch(glp_tree* tree, void* info) {
  auto& state = *static_cast<Watch*>(info);
  if (!state.job->checkpoint()) {
    state.cancelled = true;
    glp_ios_terminate(tree);
    return;
  }
  if (const int best = glp_ios_best_node(tree); best != 0) {
    state.bound = glp_ios_node_bound(tree, best);
  }
  if (glp_ios_reason(tree) == GLP_IHEUR && !state.start.empty()) {
    glp_ios_heur_sol(tree, state.start.data());
    state.start.clear();
  }
}

/// Every row in shares of its limit and the objective in shares of its largest value, so that GLPK's
/// tolerances mean the same for bytes and for nats.
struct Units {
  double objective = 1.0;
  std::vector<double> limits;
};

Units unitsOf(const SearchProblem& problem, const std::vector<SearchGroup>& groups) {
  Units units;
  double largest = 0.0;
  for (const SearchGroup& group : groups) {
    for (const GroupCandidate& candidate : group.candidates) {
      largest = std::max(largest, std::abs(candidate.sums[problem.objective]));
    }
  }
  units.objective = largest > 0.0 ? largest : 1.0;
  for (const SearchLimit& limit : problem.limits) {
    units.limits.push_back(limit.atMost != 0.0 ? std::abs(limit.atMost) : 1.0);
  }
  return units;
}

/// Columns: every group's candidates in order. Rows: one per group (Σ = 1), then one per limit.
Program programOf(const SearchProblem& problem, const std::vector<SearchGroup>& groups, const Units& units) {
  Program program(glp_create_prob());
  glp_set_obj_dir(program.get(), GLP_MIN);
  const int groupRows = static_cast<int>(groups.size());
  const int limitRows = static_cast<int>(problem.limits.size());
  glp_add_rows(program.get(), groupRows + limitRows);
  for (int row = 1; row <= groupRows; ++row) {
    glp_set_row_bnds(program.get(), row, GLP_FX, 1.0, 1.0);
  }
  for (int k = 0; k < limitRows; ++k) {
    const double atMost = problem.limits[static_cast<std::size_t>(k)].atMost;
    glp_set_row_bnds(program.get(), groupRows + k + 1, GLP_UP, 0.0,
                     atMost / units.limits[static_cast<std::size_t>(k)]);
  }
  for (int g = 0; g < groupRows; ++g) {
    for (const GroupCandidate& candidate : groups[static_cast<std::size_t>(g)].candidates) {
      const int column = glp_add_cols(program.get(), 1);
      glp_set_col_kind(program.get(), column, GLP_BV);
      glp_set_obj_coef(program.get(), column, candidate.sums[problem.objective] / units.objective);
      std::vector<int> rows = {0, g + 1}; // GLPK counts from 1
      std::vector<double> values = {0.0, 1.0};
      for (int k = 0; k < limitRows; ++k) {
        const auto limit = static_cast<std::size_t>(k);
        rows.push_back(groupRows + k + 1);
        values.push_back(candidate.sums[problem.limits[limit].quantity] / units.limits[limit]);
      }
      glp_set_mat_col(program.get(), column, static_cast<int>(rows.size()) - 1, rows.data(), values.data());
    }
  }
  return program;
}

std::vector<double> columnsOf(const std::vector<SearchGroup>& groups, const SearchSolution& solution) {
  std::vector<double> columns = {0.0};
  for (const SearchGroup& group : groups) {
    for (const GroupCandidate& candidate : group.candidates) {
      columns.push_back(solution.choices[group.items.front()] == candidate.number ? 1.0 : 0.0);
    }
  }
  return columns;
}

std::vector<std::size_t> picksOf(glp_prob* program, const std::vector<SearchGroup>& groups) {
  std::vector<std::size_t> picks;
  int column = 1;
  for (const SearchGroup& group : groups) {
    std::size_t pick = 0;
    for (std::size_t c = 0; c < group.candidates.size(); ++c, ++column) {
      if (glp_mip_col_val(program, column) > 0.5) {
        pick = c;
      }
    }
    picks.push_back(pick);
  }
  return picks;
}

} // namespace

Result<SearchSolution> solveExactly(const SearchProblem& problem, const ExactOptions& options,
                                    const JobContext& job) {
  HALFSTEP_TRY(const auto groups, searchGroups(problem));
  HALFSTEP_CHECK(checkEachLimitReachable(problem, groups));
  // The fast solution is where branch and bound starts, and what is left when the time is up. It may not
  // exist where several limits are tight: then GLPK has to find the first one.
  auto fast = solveFast(problem, job);
  if (!fast && fast.error().kind == ErrorKind::cancelled) {
    return std::move(fast.error());
  }
  const Units units = unitsOf(problem, groups);
  const Environment environment;
  const Program program = programOf(problem, groups, units);
  Watch state;
  state.job = &job;
  if (fast) {
    state.start = columnsOf(groups, *fast);
  }
  glp_iocp settings;
  glp_init_iocp(&settings);
  settings.msg_lev = GLP_MSG_OFF;
  settings.presolve = GLP_OFF; // it would renumber the columns, and with them the solution to begin with
  settings.br_tech = GLP_BR_PCH;
  settings.bt_tech = GLP_BT_BLB;
  settings.cov_cuts = GLP_ON;
  settings.mip_gap = options.gap;
  settings.tm_lim = std::max(1, static_cast<int>(std::min(options.seconds, 2.0e6) * 1000.0));
  settings.cb_func = watch;
  settings.cb_info = &state;
  glp_smcp simplex;
  glp_init_smcp(&simplex);
  simplex.msg_lev = GLP_MSG_OFF;
  simplex.tm_lim = settings.tm_lim;
  int failure = glp_simplex(program.get(), &simplex);
  if (failure == 0 && glp_get_status(program.get()) == GLP_NOFEAS) {
    return Error{ErrorKind::usage, "no plan is within all budgets together"};
  }
  if (failure == 0) {
    state.bound = glp_get_obj_val(program.get());
    failure = glp_intopt(program.get(), &settings);
  }
  if (state.cancelled) {
    HALFSTEP_CHECK(job.checkpoint());
  }
  const int status = glp_mip_status(program.get());
  if (status == GLP_NOFEAS) {
    return Error{ErrorKind::usage, "no plan is within all budgets together"};
  }
  std::optional<SearchSolution> best;
  if (fast) {
    best = std::move(*fast);
  }
  if (status == GLP_OPT || status == GLP_FEAS) {
    SearchSolution found = solutionOf(problem, groups, picksOf(program.get(), groups));
    if (isWithinLimits(problem, found.totals) &&
        (!best || found.totals[problem.objective] <= best->totals[problem.objective])) {
      found.bound = best ? best->bound : found.bound;
      best = std::move(found);
    }
  }
  if (!best) {
    return Error{ErrorKind::failed,
                 "no plan within all budgets was found in " + std::to_string(options.seconds) + " s"};
  }
  if (status == GLP_OPT && failure == 0) {
    best->bound = std::max(best->bound, best->totals[problem.objective]);
  } else {
    best->bound = std::max(best->bound, state.bound * units.objective);
  }
  return std::move(*best);
}

} // namespace halfstep
