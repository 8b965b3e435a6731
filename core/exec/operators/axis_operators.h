// Operators that look along one axis without reducing it away: internal to core/exec/operators, registered by
// reductions.cpp.
#pragma once

#include "core/exec/operator_call.h"

namespace halfstep {

OpResult argMax(const OpCall& call);
OpResult argMin(const OpCall& call);
OpResult cumulativeSum(const OpCall& call);
OpResult cumulativeProduct(const OpCall& call);
OpResult topK(const OpCall& call);
OpResult softmax(const OpCall& call);
OpResult logSoftmax(const OpCall& call);
OpResult hardmax(const OpCall& call);

} // namespace halfstep
