#include "plugins/loaders/onnx/value_infos.h"

namespace halfstep {

namespace {

template <class TensorType>
void readTensorType(const TensorType& proto, ValueInfo& info) {
  info.type = elementTypeFromOnnx(proto.elem_type()).value_or(ElementType::undefined);
  info.hasShape = proto.has_shape();
  for (const auto& dimension : proto.shape().dim()) {
    Dimension& read = info.shape.emplace_back();
    if (dimension.has_dim_value() && dimension.dim_value() >= 0) {
      read.value = dimension.dim_value();
    } else if (dimension.has_dim_param()) {
      read.name = dimension.dim_param();
    }
  }
}

} // namespace

ValueInfo readType(const onnx::TypeProto& proto) {
  ValueInfo info;
  switch (proto.value_case()) {
  case onnx::TypeProto::kTensorType:
    readTensorType(proto.tensor_type(), info);
    break;
  case onnx::TypeProto::kSparseTensorType:
    readTensorType(proto.sparse_tensor_type(), info);
    info.container = "sparse_tensor";
    break;
  case onnx::TypeProto::kSequenceType:
    info = readType(proto.sequence_type().elem_type()); // as deep as the strip pass let it be
    info.container = "sequence";
    break;
  case onnx::TypeProto::kOptionalType:
    info = readType(proto.optional_type().elem_type());
    info.container = "optional";
    break;
  case onnx::TypeProto::kMapType:
    info = readType(proto.map_type().value_type());
    info.container = "map";
    break;
  default:
    break;
  }
  return info;
}

ValueInfo readValueInfo(const onnx::ValueInfoProto& proto) {
  ValueInfo info = readType(proto.type());
  info.name = proto.name();
  return info;
}

} // namespace halfstep
