// The element types of a graph's values, as far as its operators tell them.
#pragma once

#include "core/model/model.h"

#include <string>
#include <unordered_map>

namespace halfstep::onnx_export {

using ValueTypes = std::unordered_map<std::string, ElementType>;

/// Of every value of the main graph: inputs, constants, and what the nodes make; values whose type cannot be
/// told (sequences, unknown operators without a note in the file) are left out. Nodes may be in any order.
ValueTypes valueTypes(const Model& model);

} // namespace halfstep::onnx_export
