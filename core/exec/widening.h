// Operators that compute in float32 take float16 and bfloat16 through here. Internal to core/exec.
#pragma once

#include "core/exec/operator_call.h"

namespace halfstep {

/// Calls the entry with float16 and bfloat16 inputs as float32, and rounds float32 results back to the type
/// that the first of them had.
OpResult runWidened(const OperatorEntry& entry, const Node& node, std::int64_t version,
                    std::vector<Value> inputs, const JobContext& job,
                    const OpCall::SubgraphRunner& subgraphs);

/// Any numeric tensor as float32.
Result<Tensor> asFloat32(const Tensor& tensor);
/// A float32 tensor as float16 or bfloat16, rounded to nearest even.
Result<Tensor> narrowed(const Tensor& tensor, ElementType type);

} // namespace halfstep
