// The figures of a report: every layer quantized by the plan.
#pragma once

#include "core/io/exporter.h"
#include "core/quant/quantizer.h"

#include <functional>
#include <string>
#include <vector>

namespace halfstep {

/// A figure of ErrorSums with the name it has in every file: "mse", "sqnr_db", …
struct ErrorFigure {
  const char* name;
  double (*value)(const ErrorSums&);
};
const std::vector<ErrorFigure>& errorFigures();

/// Quantizes the layers one after the other and hands each to `take` (so that only one is in memory). Errors
/// name the layer; cancelled.
Result<void> forEachLayer(const ExportInput& input, const JobContext& context,
                          const std::function<void(const Layer&, const LayerQuantization&)>& take);

} // namespace halfstep
