// Operators that compute in float32 take float16 and bfloat16 through here. Internal to core/exec.
#pragma once

#include "core/exec/operator_call.h"

namespace halfstep {

/// Turns float16 and bfloat16 inputs into float32 ones; returns the type that the first of them had, or
/// `undefined`.
Result<ElementType> widenInputs(std::vector<Value>& inputs);
/// Rounds float32 outputs to `type`, what widenInputs returned.
Result<void> narrowOutputs(std::vector<Value>& outputs, ElementType type);

/// Any numeric tensor as float32.
Result<Tensor> asFloat32(const Tensor& tensor);
/// A float32 tensor as float16 or bfloat16, rounded to nearest even.
Result<Tensor> narrowed(const Tensor& tensor, ElementType type);

} // namespace halfstep
