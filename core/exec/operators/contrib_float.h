// ONNX Runtime's fused operators on floating-point activations. Registered by contrib.cpp.
#pragma once

#include "core/exec/operator_call.h"

namespace halfstep {

OpResult matMulNBits(const OpCall& call);
OpResult dynamicQuantizeMatMul(const OpCall& call);
OpResult matMulIntegerToFloat(const OpCall& call);
OpResult fusedMatMul(const OpCall& call);
OpResult biasGelu(const OpCall& call);
OpResult fastGelu(const OpCall& call);
OpResult quickGelu(const OpCall& call);
OpResult skipLayerNormalization(const OpCall& call);
OpResult skipSimplifiedLayerNormalization(const OpCall& call);
OpResult embedLayerNormalization(const OpCall& call);

} // namespace halfstep
