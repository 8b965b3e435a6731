#include "plugins/exporters/onnx_model/tensor_protos.h"

#include "core/kernels/pack.h"

#include <cstring>

namespace halfstep::onnx_export {

namespace {

onnx::TensorProto emptyTensor(const std::string& name, ElementType type, const Shape& shape) {
  onnx::TensorProto tensor;
  for (const std::int64_t size : shape) {
    tensor.add_dims(size);
  }
  tensor.set_data_type(static_cast<std::int32_t>(type));
  tensor.set_name(name);
  return tensor;
}

template <class T>
onnx::TensorProto rawTensor(const std::string& name, ElementType type, const Shape& shape,
                            std::span<const T> values) {
  onnx::TensorProto tensor = emptyTensor(name, type, shape);
  tensor.set_raw_data(values.data(), values.size_bytes());
  return tensor;
}

onnx::AttributeProto& newAttribute(onnx::NodeProto& node, const std::string& name,
                                   onnx::AttributeProto::AttributeType type) {
  removeAttribute(node, name);
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

} // namespace

onnx::TensorProto codeTensor(const std::string& name, ElementType type, const Shape& shape,
                             std::span<const std::int32_t> codes) {
  onnx::TensorProto tensor = emptyTensor(name, type, shape);
  std::string& bytes = *tensor.mutable_raw_data();
  const int bits = elementBits(type);
  bytes.resize(packedBytes(type, codes.size()));
  if (bits < 8) {
    kernels::packCodes(codes, bits, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
    return tensor;
  }
  const auto width = static_cast<std::size_t>(bits / 8);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    std::memcpy(bytes.data() + i * width, &codes[i], width); // little-endian
  }
  return tensor;
}

onnx::TensorProto floatTensor(const std::string& name, const Shape& shape, std::span<const float> values) {
  return rawTensor(name, ElementType::float32, shape, values);
}

onnx::TensorProto int64Tensor(const std::string& name, const Shape& shape,
                              std::span<const std::int64_t> values) {
  return rawTensor(name, ElementType::int64, shape, values);
}

onnx::NodeProto makeNode(const std::string& operation, const std::string& name,
                         const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                         const std::string& domain) {
  onnx::NodeProto node;
  node.set_op_type(operation);
  node.set_name(name);
  for (const std::string& input : inputs) {
    node.add_input(input);
  }
  for (const std::string& output : outputs) {
    node.add_output(output);
  }
  if (!domain.empty()) {
    node.set_domain(domain);
  }
  return node;
}

void setInteger(onnx::NodeProto& node, const std::string& attribute, std::int64_t value) {
  newAttribute(node, attribute, onnx::AttributeProto::INT).set_i(value);
}

void setReal(onnx::NodeProto& node, const std::string& attribute, float value) {
  newAttribute(node, attribute, onnx::AttributeProto::FLOAT).set_f(value);
}

void setText(onnx::NodeProto& node, const std::string& attribute, const std::string& value) {
  newAttribute(node, attribute, onnx::AttributeProto::STRING).set_s(value);
}

void setIntegers(onnx::NodeProto& node, const std::string& attribute, std::span<const std::int64_t> values) {
  onnx::AttributeProto& made = newAttribute(node, attribute, onnx::AttributeProto::INTS);
  for (const std::int64_t value : values) {
    made.add_ints(value);
  }
}

const onnx::AttributeProto* findAttribute(const onnx::NodeProto& node, const std::string& name) {
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.name() == name) {
      return &attribute;
    }
  }
  return nullptr;
}

void removeAttribute(onnx::NodeProto& node, const std::string& name) {
  for (int i = node.attribute_size() - 1; i >= 0; --i) {
    if (node.attribute(i).name() == name) {
      node.mutable_attribute()->DeleteSubrange(i, 1);
    }
  }
}

onnx::NodeProto castNode(const std::string& name, const std::string& input, const std::string& output,
                         ElementType type) {
  onnx::NodeProto node = makeNode("Cast", name, {input}, {output});
  setInteger(node, "to", static_cast<std::int64_t>(type));
  return node;
}

onnx::NodeProto constantNode(onnx::TensorProto tensor) {
  onnx::NodeProto node = makeNode("Constant", tensor.name(), {}, {tensor.name()});
  onnx::AttributeProto& value = newAttribute(node, "value", onnx::AttributeProto::TENSOR);
  *value.mutable_t() = std::move(tensor);
  return node;
}

} // namespace halfstep::onnx_export
