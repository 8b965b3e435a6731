// Operators on tensors that a oneDNN primitive left in its own layout: they go on in it. Each gives nothing
// where its input is plain, or is not what oneDNN takes: then the operator's own code does the work. Internal
// to the operators.
#pragma once

#include "core/exec/operator_call.h"
#include "core/exec/operators/windows.h"

#include <optional>

namespace halfstep {

enum class BlockedUnary { relu, clip, leakyRelu, sigmoid, tanh };
/// `alpha` and `beta`: the limits of clip, the slope of leakyRelu.
std::optional<OpResult> blockedUnary(const OpCall& call, BlockedUnary function, float alpha = 0.0f,
                                     float beta = 0.0f);

enum class BlockedBinary { add, subtract, multiply };
/// Both of one shape.
std::optional<OpResult> blockedBinary(const OpCall& call, BlockedBinary operation);

/// BatchNormalization as inference does it, with one scale, bias, mean and variance per channel as inputs 1
/// to 4.
std::optional<OpResult> blockedBatchNormalization(const OpCall& call);

/// InstanceNormalization of one sample: then it is what a batch normalization does that measures its batch.
std::optional<OpResult> blockedInstanceNormalization(const OpCall& call);

/// Concat along the channels.
std::optional<OpResult> blockedConcat(const OpCall& call);

enum class BlockedPool { max, average, averageWithPadding };
std::optional<OpResult> blockedPool(const OpCall& call, BlockedPool kind, const Windows& windows,
                                    const Shape& shape);

/// The part of `shape` that begins at `first`, one index per axis; all channels of it. Both must lie within
/// the input.
std::optional<OpResult> blockedPart(const OpCall& call, const Shape& first, const Shape& shape);

} // namespace halfstep
