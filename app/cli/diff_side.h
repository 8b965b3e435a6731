// One of the two things that `halfstep-cli diff` compares: a plan, a version of one, or a report. Values.
#pragma once

#include "app/cli/output.h"
#include "core/analysis/search_space.h"
#include "core/quant/plan.h"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace halfstep::cli {

/// The figures of layers that are compared, with what tables call them. "damage": of the layer alone, as
/// predictions add it up.
inline constexpr auto kDiffFigures =
    std::to_array<std::pair<const char*, const char*>>({{"bytes", "BYTES"},
                                                        {"bits_per_weight", "BITS"},
                                                        {"sqnr_db", "SQNR dB"},
                                                        {"mse", "MSE"},
                                                        {"damage", "DAMAGE"}});

struct DiffLayer {
  std::string scheme;
  std::map<std::string, double> figures; ///< by the keys above, as far as they are known
};

struct DiffSide {
  std::vector<std::string> names; ///< in the file's order
  std::map<std::string, DiffLayer> layers;
  std::optional<std::string> fallback; ///< a plan's scheme for layers that it does not name
  std::optional<Plan> plan;            ///< nothing for a report
  std::optional<PlanFigures> measured; ///< what a version was kept with

  const DiffLayer* find(const std::string& name) const;
  /// Sum of a figure over all layers; nothing where one does not have it.
  std::optional<double> sum(const std::string& key) const;
};

/// Reads a plan ("plan.halfstep.json#version" too), a JSON report, what `quantize --json` or `search --json`
/// printed. Errors: those of loadPlanOrVersion; it is none of them (kind `damagedFile`).
Result<DiffSide> loadDiffSide(const std::string& reference);

/// Gives every layer of the model the bytes and bits of its weights under the side's plan and, with a
/// `space`, its damage alone. The side must be a plan.
void addPlannedFigures(DiffSide& side, const Model& model, const SearchSpace* space);

} // namespace halfstep::cli
