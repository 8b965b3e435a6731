// The operator Gradient of ai.onnx.preview.training: derivatives within the graph that it stands in.
#pragma once

#include "core/exec/operator_call.h"

namespace halfstep {

/// Outputs: dy/dx for every x in the attribute `xs`, of x's shape and element type, where Σ y is
/// differentiated if y has several elements. Inputs: the values of `xs` and then of `zs`, at which that is
/// done: the part of the graph that leads from them to `y` is run once more, on these. Errors: y depends on
/// something else; an operator on the way has no gradient (Gradient itself among them).
OpResult gradientOfGraph(const OpCall& call);

} // namespace halfstep
