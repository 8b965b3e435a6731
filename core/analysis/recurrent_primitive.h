// An RNN, GRU or LSTM made ready to be run alone by oneDNN's recurrent primitives. Internal to
// layer_primitive.
#pragma once

#include "core/analysis/layer_primitive.h"

namespace halfstep {

/// The whole node that `shape` belongs to, as prepareLayer() says; not int4. May throw dnnl::error (which has
/// no kernel for it: dnnl_unimplemented, or dnnl_invalid_arguments) and std::bad_alloc.
PreparedLayer preparedRecurrence(const LayerShape& shape, LatencyType type, const LayerValues& values);

/// Of the primitive: both matrices of every direction.
std::int64_t recurrenceWeights(const LayerRecurrence& shape);

} // namespace halfstep
