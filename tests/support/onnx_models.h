// Small ONNX models built in memory, for tests of the loader, of the command line and of what they feed. Each
// is a serialized ModelProto.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace halfstep::test {

using Dims = std::vector<std::int64_t>;

/// A ModelProto with IR version 8, opset 17 and an empty graph "g".
onnx::ModelProto emptyModel();

/// Adds an initializer of `type` (TensorProto's number, also newer ones) with `raw` as its bytes.
onnx::TensorProto& addRaw(onnx::GraphProto& graph, const std::string& name, int type, const Dims& dims,
                          const std::string& raw);
/// A float32 initializer with raw bytes: values that depend on the index, between −1 and 1.
onnx::TensorProto& addFloats(onnx::GraphProto& graph, const std::string& name, const Dims& dims);
/// The value that addFloats puts at `index`.
float exampleValue(std::size_t index);
std::string bytesOf(const std::vector<float>& values);

onnx::NodeProto& addNode(onnx::GraphProto& graph, const std::string& opType, const std::string& name,
                         const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);
onnx::AttributeProto& addInteger(onnx::NodeProto& node, const std::string& name, std::int64_t value);
void addValue(google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>& values, const std::string& name,
              const Dims& dims);

/// x [1,3,8,8] → Conv conv1 (weights [4,3,3,3], bias) → Relu → Conv block/dw (depthwise, [4,1,3,3],
/// float_data) → GlobalAveragePool → Flatten → Gemm fc (transB, [5,4], float16) → y.
std::string convolutionModel();
/// Weights behind DequantizeLinear (per tensor, per axis), a QLinearConv and a MatMulNBits.
std::string quantizedModel();
/// An If with weights in its branches, a local function, Constant nodes of every kind, a sparse initializer,
/// nodes out of order, an unknown operator and domain, a duplicate name, metadata.
std::string structuredModel();
/// One weight with 1,000 inputs' worth of graph: a chain of `nodes` Relu and Conv nodes.
std::string longModel(int nodes);

/// Writes `content` to `path`; aborts the test program where that fails.
void writeFile(const std::string& path, const std::string& content);

} // namespace halfstep::test
