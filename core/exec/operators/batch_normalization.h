// Internal to core/exec/operators; registered by normalization.cpp.
#pragma once

#include "core/exec/operator_call.h"

namespace halfstep {

OpResult batchNormalization(const OpCall& call);

} // namespace halfstep
