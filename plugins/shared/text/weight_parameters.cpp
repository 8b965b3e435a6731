#include "plugins/shared/text/weight_parameters.h"

namespace halfstep {

namespace {

Result<QuantizationParameters> parametersOf(const Layer& layer, const Scheme& scheme,
                                            const JobContext& context) {
  HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(layer, context));
  return chooseParameters(*matrix, scheme, context);
}

} // namespace

Result<QuantizationParameters> weightParameters(const Layer& layer, const Scheme& scheme,
                                                const JobContext& context) {
  auto found = parametersOf(layer, scheme, context);
  if (!found && found.error().where.empty()) {
    found.error().where = "layer " + layer.name;
  }
  return found;
}

} // namespace halfstep
