// A plan: a scheme for every layer. A value; edits make a new one.
#pragma once

#include "core/quant/data_settings.h"
#include "core/quant/scheme.h"

#include <map>
#include <optional>
#include <string>

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

struct Plan {
  std::string modelFile;                   ///< the file's name, for people
  std::string modelSha256;                 ///< of the model file; empty where not known yet
  LayerPlan fallback;                      ///< the plan file's "default"
  std::map<std::string, LayerPlan> layers; ///< by layer name; the others have `fallback`
  std::optional<DataSettings> data;        ///< what it was made on, and is to be judged on

  const LayerPlan& forLayer(const std::string& layer) const;
  bool operator==(const Plan&) const = default;
};

/// "fp32", a scheme, or "dynamic:SCHEME".
std::string printActivationScheme(const ActivationScheme& activations);
Result<ActivationScheme> parseActivationScheme(std::string_view text);
/// "int8", or "int8/uint8:tensor" with what the layer's input is quantized to behind a slash.
std::string printLayerPlan(const LayerPlan& plan);
Result<LayerPlan> parseLayerPlan(std::string_view text);

} // namespace halfstep
