// A plan: a scheme for every layer, and earlier ones of it that were kept under names. A value; edits make a
// new one.
#pragma once

#include "core/quant/data_settings.h"
#include "core/quant/scheme.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace halfstep {

/// What a layer's input (its activation) is quantized to.
struct ActivationScheme {
  bool dynamic = false; ///< the range is found at run time, from each input; otherwise from calibration
  Scheme scheme;        ///< fp32: not quantized (weight-only)

  /// Whether its range must be known before the network runs.
  bool needsCalibration() const { return !dynamic && scheme.format != NumberFormat::fp32; }
  bool operator==(const ActivationScheme&) const = default;
};

struct LayerPlan {
  Scheme weights;
  ActivationScheme activations;
  bool operator==(const LayerPlan&) const = default;
};

/// A figure of a plan's output, as it was measured; finite.
struct PlanFigure {
  std::string metric; ///< "kl", "sqnr", …: as the command line calls it
  double value = 0.0;
  std::optional<double> low; ///< of the 95 % interval, where there is one
  std::optional<double> high;
  bool operator==(const PlanFigure&) const = default;
};

/// Figures of a plan with where they come from.
struct PlanFigures {
  std::string data;       ///< the samples, for people
  bool synthetic = false; ///< drawn at random
  std::size_t samples = 0;
  std::optional<PlanFigure> damage; ///< beyond the float network, in its metric's unit; 0 is none
  std::vector<PlanFigure> figures;
  bool operator==(const PlanFigures&) const = default;
};

/// A plan as it once was, kept under a name beside the present one.
struct PlanVersion {
  std::string name; ///< not empty; one version of a plan has it
  std::string date; ///< when it was kept: ISO 8601 in UTC, "2026-11-21T22:50:00Z"; empty where not known
  std::string note; ///< the person's own words
  LayerPlan fallback;
  std::map<std::string, LayerPlan> layers; ///< as in Plan
  std::optional<std::int64_t> bytes;       ///< of the layers' weights, scales and zero points counted
  std::optional<PlanFigures> measured;     ///< what was known of it when it was kept

  bool operator==(const PlanVersion&) const = default;
};

struct Plan {
  std::string modelFile;                   ///< the file's name, for people
  std::string modelSha256;                 ///< of the model file; empty where not known yet
  LayerPlan fallback;                      ///< the plan file's "default"
  std::map<std::string, LayerPlan> layers; ///< by layer name; the others have `fallback`
  std::optional<DataSettings> data;        ///< what it was made on, and is to be judged on
  std::vector<PlanVersion> versions;       ///< the oldest first

  const LayerPlan& forLayer(const std::string& layer) const;
  /// Null where no version has the name.
  const PlanVersion* findVersion(std::string_view name) const;
  /// This plan with the schemes of one of its versions; file, data and versions are kept.
  Plan withSchemesOf(const PlanVersion& version) const;
  bool operator==(const Plan&) const = default;
};

/// Whether a version may be called so beside `versions`. Errors (usage): it is empty, or taken.
Result<void> checkVersionName(const std::vector<PlanVersion>& versions, std::string_view name);

/// "fp32", a scheme, or "dynamic:SCHEME".
std::string printActivationScheme(const ActivationScheme& activations);
Result<ActivationScheme> parseActivationScheme(std::string_view text);
/// "int8", or "int8/uint8:tensor" with what the layer's input is quantized to behind a slash.
std::string printLayerPlan(const LayerPlan& plan);
Result<LayerPlan> parseLayerPlan(std::string_view text);

} // namespace halfstep
