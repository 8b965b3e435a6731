// ONNX Runtime's fused operators on floating-point activations. Registered by contrib.cpp.
#pragma once

#include "core/exec/operator_call.h"

namespace halfstep {

/// Element `index` of a stream of `bits` bits each, the low ones of a byte first.
unsigned bitsAt(std::span<const std::byte> bytes, std::size_t index, std::size_t bits);

OpResult mixtureOfExperts(const OpCall& call);
OpResult quantizedMixtureOfExperts(const OpCall& call);
OpResult linearAttention(const OpCall& call);
OpResult causalConvolution(const OpCall& call);
OpResult matMulBnb4(const OpCall& call);
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
