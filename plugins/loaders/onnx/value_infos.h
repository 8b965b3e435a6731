// What a file says of values: names, types and shapes.
#pragma once

#include "core/model/graph.h"

#include <onnx/onnx_pb.h>

namespace halfstep {

ValueInfo readValueInfo(const onnx::ValueInfoProto& proto);
/// A type alone; the name stays empty. For a sequence or optional, the element's type and shape with the
/// container's name; for a map, the type of its values.
ValueInfo readType(const onnx::TypeProto& proto);

} // namespace halfstep
