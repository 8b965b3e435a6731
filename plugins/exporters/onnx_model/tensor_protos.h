// TensorProtos and NodeProtos as exporters write them: elements in raw_data, little-endian, sub-byte codes
// packed.
#pragma once

#include "core/tensor/tensor.h"

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace halfstep::onnx_export {

/// `codes`, row-major in `shape`, as elements of an integer or 8-bit floating type (then bit patterns) of 2
/// to 32 bits. A scalar has an empty shape.
onnx::TensorProto codeTensor(const std::string& name, ElementType type, const Shape& shape,
                             std::span<const std::int32_t> codes);
onnx::TensorProto floatTensor(const std::string& name, const Shape& shape, std::span<const float> values);
onnx::TensorProto int64Tensor(const std::string& name, const Shape& shape,
                              std::span<const std::int64_t> values);

onnx::NodeProto makeNode(const std::string& operation, const std::string& name,
                         const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                         const std::string& domain = {});
void setInteger(onnx::NodeProto& node, const std::string& attribute, std::int64_t value);
void setReal(onnx::NodeProto& node, const std::string& attribute, float value);
void setText(onnx::NodeProto& node, const std::string& attribute, const std::string& value);
void setIntegers(onnx::NodeProto& node, const std::string& attribute, std::span<const std::int64_t> values);
/// Null if there is none.
const onnx::AttributeProto* findAttribute(const onnx::NodeProto& node, const std::string& name);
void removeAttribute(onnx::NodeProto& node, const std::string& name);
/// A Cast to `type`.
onnx::NodeProto castNode(const std::string& name, const std::string& input, const std::string& output,
                         ElementType type);
/// A Constant node that gives `tensor` under the tensor's name.
onnx::NodeProto constantNode(onnx::TensorProto tensor);

/// Whether `domain` is ONNX's own.
inline bool isOnnxDomain(const std::string& domain) {
  return domain.empty() || domain == "ai.onnx";
}

} // namespace halfstep::onnx_export
