// Operators that read images at positions which are given as tensors: GridSample, AffineGrid, RoiAlign,
// MaxRoiPool. Registered by resize.cpp.
#pragma once

#include "core/exec/operator_call.h"

namespace halfstep {

OpResult gridSample(const OpCall& call);
OpResult affineGrid(const OpCall& call);
OpResult roiAlign(const OpCall& call);
OpResult maxRoiPool(const OpCall& call);

} // namespace halfstep
