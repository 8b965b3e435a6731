// Operators of the domain com.microsoft that are run as ONNX's own: how one is called from within another.
#pragma once

#include "core/exec/operator_call.h"

namespace halfstep {

/// The version of ONNX's operators that `applied` calls unless another is named: activations have their
/// limits as attributes, ReduceMean its axes.
constexpr std::int64_t kAppliedVersion = 9;

/// A node of ONNX's operator `opType` with one output and the attributes of `like`.
Node nodeOf(const char* opType, const Node& like);

/// All outputs of one of ONNX's operators, run within `call`, whose memory it may use.
OpResult allApplied(const OpCall& call, const Node& node, const std::vector<Value>& inputs,
                    NodeMemory* memory = nullptr, std::int64_t version = kAppliedVersion);
/// The first of them.
Result<Value> applied(const OpCall& call, const Node& node, const std::vector<Value>& inputs,
                      NodeMemory* memory = nullptr, std::int64_t version = kAppliedVersion);

/// `value` through the activation in the attribute of that name, if any; its numbers in order of the
/// activation's attributes. Error: one that is not known.
Result<Value> activated(const OpCall& call, Value value, std::span<const float> numbers);

} // namespace halfstep
