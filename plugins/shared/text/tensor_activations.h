// Activations by tensor, for targets that give a scale to a tensor of the graph and not to a layer's input.
#pragma once

#include "core/io/exporter.h"

#include <functional>
#include <string>
#include <vector>

namespace halfstep {

struct TensorActivation {
  std::string tensor; ///< the value's name in the graph
  Scheme scheme;
  std::vector<std::string> layers; ///< that take it so
};

struct TensorActivations {
  std::vector<TensorActivation> tensors; ///< in the order of their first use
  std::vector<ExportLoss> losses;
};

/// The tensors that the plan quantizes. One tensor can have one scheme: the first layer's; layers that want
/// it otherwise are losses, and so are ranges found at run time and schemes that `obstacle` has a word
/// against. Float formats and schemes alike. Any thread.
TensorActivations tensorActivationsFor(const ExportInput& input, const std::string& tool,
                                       const std::function<std::string(const Scheme&)>& obstacle);

/// What calibration and scheme make of a tensor: the parameters that the simulation uses. `range` is empty
/// (lo == hi) where calibration saw nothing but zeros; then the scale is 1. Errors: not calibrated;
/// cancelled.
struct TensorGrid {
  ValueRange range;
  float scale = 1.0f;
  std::int32_t zeroPoint = 0;
};
Result<TensorGrid> tensorGrid(const TensorActivation& activation, const Calibration* calibration,
                              const JobContext& context);

} // namespace halfstep
