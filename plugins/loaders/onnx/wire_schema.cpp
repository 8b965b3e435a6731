#include "plugins/loaders/onnx/wire_schema.h"

#include <algorithm>
#include <array>

namespace halfstep::onnx_wire {

namespace {

using K = MessageKind;
using R = FieldRule;

constexpr K kNone = K::model;

// Numbers and names from onnx.proto (onnx 1.12 for most; NodeProto.overload, FunctionProto.attribute_proto
// and FunctionProto.overload from onnx 1.16).
constexpr auto kFields = std::to_array<FieldSpec>({
    {K::model, 1, R::scalar, kNone, "ir_version"},
    {K::model, 2, R::bytes, kNone, "producer_name"},
    {K::model, 3, R::bytes, kNone, "producer_version"},
    {K::model, 4, R::bytes, kNone, "domain"},
    {K::model, 5, R::scalar, kNone, "model_version"},
    {K::model, 7, R::message, K::graph, "graph"},
    {K::model, 8, R::message, K::operatorSet, "opset_import"},
    {K::model, 14, R::message, K::stringEntry, "metadata_props"},
    {K::model, 25, R::message, K::function, "function"},
    {K::graph, 1, R::message, K::node, "node"},
    {K::graph, 2, R::bytes, kNone, "name"},
    {K::graph, 5, R::message, K::tensor, "initializer"},
    {K::graph, 10, R::bytes, kNone, "doc_string"},
    {K::graph, 11, R::message, K::valueInfo, "input"},
    {K::graph, 12, R::message, K::valueInfo, "output"},
    {K::graph, 13, R::message, K::valueInfo, "value_info"},
    {K::graph, 14, R::message, K::annotation, "quantization_annotation"},
    {K::graph, 15, R::message, K::sparseTensor, "sparse_initializer"},
    {K::node, 1, R::bytes, kNone, "input"},
    {K::node, 2, R::bytes, kNone, "output"},
    {K::node, 3, R::bytes, kNone, "name"},
    {K::node, 4, R::bytes, kNone, "op_type"},
    {K::node, 5, R::message, K::attribute, "attribute"},
    {K::node, 7, R::bytes, kNone, "domain"},
    {K::node, 8, R::bytes, kNone, "overload"},
    {K::attribute, 1, R::bytes, kNone, "name"},
    {K::attribute, 2, R::scalar, kNone, "f"},
    {K::attribute, 3, R::scalar, kNone, "i"},
    {K::attribute, 4, R::bytes, kNone, "s"},
    {K::attribute, 5, R::message, K::tensor, "tensor"},
    {K::attribute, 6, R::message, K::graph, "subgraph"},
    {K::attribute, 7, R::numbers, kNone, "floats"},
    {K::attribute, 8, R::numbers, kNone, "ints"},
    {K::attribute, 9, R::bytes, kNone, "strings"},
    {K::attribute, 10, R::message, K::tensor, "tensor"},
    {K::attribute, 11, R::message, K::graph, "subgraph"},
    {K::attribute, 14, R::message, K::type, "type"},
    {K::attribute, 15, R::message, K::type, "type"},
    {K::attribute, 20, R::scalar, kNone, "type"},
    {K::attribute, 21, R::bytes, kNone, "ref_attr_name"},
    {K::attribute, 22, R::message, K::sparseTensor, "sparse_tensor"},
    {K::attribute, 23, R::message, K::sparseTensor, "sparse_tensor"},
    {K::tensor, 1, R::numbers, kNone, "dims"},
    {K::tensor, 2, R::scalar, kNone, "data_type"},
    {K::tensor, 3, R::bytes, kNone, "segment"},
    {K::tensor, 4, R::payload, kNone, "float_data"},
    {K::tensor, 5, R::payload, kNone, "int32_data"},
    {K::tensor, 6, R::bytes, kNone, "string_data"},
    {K::tensor, 7, R::payload, kNone, "int64_data"},
    {K::tensor, 8, R::bytes, kNone, "name"},
    {K::tensor, 9, R::payload, kNone, "raw_data"},
    {K::tensor, 10, R::payload, kNone, "double_data"},
    {K::tensor, 11, R::payload, kNone, "uint64_data"},
    {K::tensor, 13, R::message, K::stringEntry, "external_data"},
    {K::tensor, 14, R::scalar, kNone, "data_location"},
    {K::sparseTensor, 1, R::message, K::tensor, "values"},
    {K::sparseTensor, 2, R::message, K::tensor, "indices"},
    {K::sparseTensor, 3, R::numbers, kNone, "dims"},
    {K::valueInfo, 1, R::bytes, kNone, "name"},
    {K::valueInfo, 2, R::message, K::type, "type"},
    {K::type, 1, R::message, K::tensorType, "tensor_type"},
    {K::type, 4, R::message, K::wrappedType, "sequence_type"},
    {K::type, 5, R::message, K::mapType, "map_type"},
    {K::type, 8, R::message, K::tensorType, "sparse_tensor_type"},
    {K::type, 9, R::message, K::wrappedType, "optional_type"},
    {K::tensorType, 1, R::scalar, kNone, "elem_type"},
    {K::tensorType, 2, R::message, K::shape, "shape"},
    {K::wrappedType, 1, R::message, K::type, "elem_type"},
    {K::mapType, 1, R::scalar, kNone, "key_type"},
    {K::mapType, 2, R::message, K::type, "value_type"},
    {K::shape, 1, R::message, K::dimension, "dim"},
    {K::dimension, 1, R::scalar, kNone, "dim_value"},
    {K::dimension, 2, R::bytes, kNone, "dim_param"},
    {K::stringEntry, 1, R::bytes, kNone, "key"},
    {K::stringEntry, 2, R::bytes, kNone, "value"},
    {K::annotation, 1, R::bytes, kNone, "tensor_name"},
    {K::annotation, 2, R::message, K::stringEntry, "quant_parameter_tensor_names"},
    {K::operatorSet, 1, R::bytes, kNone, "domain"},
    {K::operatorSet, 2, R::scalar, kNone, "version"},
    {K::function, 1, R::bytes, kNone, "name"},
    {K::function, 4, R::bytes, kNone, "input"},
    {K::function, 5, R::bytes, kNone, "output"},
    {K::function, 6, R::bytes, kNone, "attribute"},
    {K::function, 7, R::message, K::node, "node"},
    {K::function, 9, R::message, K::operatorSet, "opset_import"},
    {K::function, 10, R::bytes, kNone, "domain"},
    {K::function, 11, R::message, K::attribute, "attribute_proto"},
    {K::function, 13, R::bytes, kNone, "overload"},
});

} // namespace

const FieldSpec* findField(MessageKind message, std::uint32_t number) {
  const auto* found = std::find_if(kFields.begin(), kFields.end(), [&](const FieldSpec& field) {
    return field.message == message && field.number == number;
  });
  return found == kFields.end() ? nullptr : found;
}

std::uint64_t messageCost(MessageKind message) {
  switch (message) {
  case K::node:
  case K::graph:
  case K::function:
  case K::model:
    return 600;
  case K::attribute:
  case K::tensor:
    return 480;
  case K::sparseTensor:
  case K::valueInfo:
    return 240;
  default:
    return 100;
  }
}

} // namespace halfstep::onnx_wire
