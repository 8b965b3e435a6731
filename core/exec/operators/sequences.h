// Operators on sequences and optionals that run no subgraph. Registered by control_flow.cpp.
#pragma once

#include "core/exec/operator_call.h"

namespace halfstep {

OpResult sequenceConstruct(const OpCall& call);
OpResult sequenceEmpty(const OpCall& call);
OpResult sequenceAt(const OpCall& call);
OpResult sequenceInsert(const OpCall& call);
OpResult sequenceErase(const OpCall& call);
OpResult sequenceLength(const OpCall& call);
OpResult splitToSequence(const OpCall& call);
OpResult concatFromSequence(const OpCall& call);
OpResult optionalOf(const OpCall& call);
OpResult optionalGetElement(const OpCall& call);
OpResult optionalHasElement(const OpCall& call);

} // namespace halfstep
