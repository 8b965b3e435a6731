// What a graph tells about the values that its inputs may have.
#pragma once

#include "core/model/graph.h"

#include <optional>

namespace halfstep {

/// How many rows the smallest table has that `input` picks from: a constant that a Gather (axis 0 or another)
/// indexes with the input itself, or with it after Cast, Identity, Reshape, Squeeze, Unsqueeze, Flatten,
/// Transpose or Slice. Nothing where the graph shows none.
std::optional<std::int64_t> tableRows(const Graph& graph, const std::string& input);

} // namespace halfstep
