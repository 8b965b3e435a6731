#include "plugins/shared/report/report_figures.h"

namespace halfstep {

namespace {

Result<LayerQuantization> quantized(const Layer& layer, const Plan& plan, const JobContext& context) {
  HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(layer, context));
  return quantizeLayer(*matrix, plan.forLayer(layer.name).weights, context);
}

} // namespace

const std::vector<ErrorFigure>& errorFigures() {
  static const std::vector<ErrorFigure> kFigures = {
      {"mse", [](const ErrorSums& sums) { return sums.mse(); }},
      {"mse_rounding", [](const ErrorSums& sums) { return sums.mseRounding(); }},
      {"mse_clipping", [](const ErrorSums& sums) { return sums.mseClipping(); }},
      {"sqnr_db", [](const ErrorSums& sums) { return sums.sqnrDb(); }},
      {"max_error", [](const ErrorSums& sums) { return sums.maxError; }},
      {"mean_error", [](const ErrorSums& sums) { return sums.meanError(); }},
      {"cosine", [](const ErrorSums& sums) { return sums.cosine(); }},
      {"clipped", [](const ErrorSums& sums) { return sums.clippedShare(); }},
  };
  return kFigures;
}

Result<void> forEachLayer(const ExportInput& input, const JobContext& context,
                          const std::function<void(const Layer&, const LayerQuantization&)>& take) {
  const auto& layers = input.model->layers;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    HALFSTEP_CHECK(context.checkpoint());
    context.reportProgress(static_cast<double>(i) / static_cast<double>(layers.size()), layers[i].name);
    auto quantization = quantized(layers[i], input.plan, context);
    if (!quantization) {
      if (quantization.error().where.empty()) {
        quantization.error().where = "layer " + layers[i].name;
      }
      return std::move(quantization.error());
    }
    take(layers[i], *quantization);
  }
  return {};
}

} // namespace halfstep
