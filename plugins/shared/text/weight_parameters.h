// Scales and zero points of a layer's weights, as Halfstep shows them. Any thread.
#pragma once

#include "core/quant/quantizer.h"

namespace halfstep {

/// Errors: those of WeightMatrix::fromLayer and chooseParameters, naming the layer.
Result<QuantizationParameters> weightParameters(const Layer& layer, const Scheme& scheme,
                                                const JobContext& context);

} // namespace halfstep
