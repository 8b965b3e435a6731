// The operators that write into a copy of a tensor at given places. Registered by gather_scatter.cpp.
#pragma once

#include "core/exec/operator_call.h"

namespace halfstep {

OpResult scatterElements(const OpCall& call);
OpResult scatterNd(const OpCall& call);
OpResult tensorScatter(const OpCall& call);

} // namespace halfstep
