// What a page tells, gathered before anything is written: every layer's figures, the totals, and pictures of
// the values of the layers that quantization hurts most.
#pragma once

#include "core/quant/distribution.h"
#include "plugins/shared/report/measured_layers.h"
#include "plugins/shared/report/report_figures.h"

#include <optional>
#include <vector>

namespace halfstep {

struct ReportLayer {
  const Layer* layer = nullptr; ///< of the input's model
  LayerPlan plan;
  ErrorSums total;
  std::int64_t bytes = 0;
  std::int64_t bytesBefore = 0;
  double bitsPerWeight = 0.0;
  MeasuredLayer measured;
  std::optional<Estimate> damage; ///< the sweep's figure of the scheme that the plan has; empty: not measured
};

/// The distribution of one layer's values.
struct LayerPicture {
  std::size_t layer = 0; ///< index into the content's layers
  Histogram histogram;   ///< of all values
  ValueRange clip;       ///< the widest clipping range of all scales
  std::size_t scales = 0;
  std::vector<float> levels; ///< of the scale with that range; empty where there are too many
};

struct ReportContent {
  const ExportInput* input = nullptr; ///< must outlive this
  std::uint64_t seed = 0;
  std::vector<ReportLayer> layers;
  std::vector<LatencyType> latencyTypes;
  ErrorSums total;
  std::int64_t bytesAfter = 0; ///< of the whole file, as report-json has it
  std::int64_t weights = 0;    ///< in layers
  std::int64_t weightBits = 0; ///< 8 × the bytes of all layers, scales and zero points included
  std::vector<LayerPicture> pictures;

  const Model& model() const { return *input->model; }
  const MeasuredResults& measured() const { return input->measured; }
};

/// Quantizes every layer; pictures of the `pictures` layers with the lowest finite SQNR. Errors name the
/// layer; cancelled.
Result<ReportContent> gatherContent(const ExportInput& input, std::size_t pictures,
                                    const JobContext& context);

/// Indices of the layers with the lowest finite SQNR, the lowest first; at most `most`.
std::vector<std::size_t> worstLayers(const std::vector<ReportLayer>& layers, std::size_t most);

} // namespace halfstep
