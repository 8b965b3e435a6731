#include "tests/support/onnx_models.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace halfstep::test {

namespace {

std::size_t countOf(const Dims& dims) {
  std::size_t count = 1;
  for (const std::int64_t dim : dims) {
    count *= static_cast<std::size_t>(dim);
  }
  return count;
}

void addFunction(onnx::ModelProto& model) {
  onnx::FunctionProto& function = *model.add_functions();
  function.set_domain("local");
  function.set_name("Linear");
  function.add_input("in");
  function.add_input("weight");
  function.add_output("out");
  function.add_attribute("transposed");
  onnx::GraphProto body; // to reuse addNode
  auto& gemm = addNode(body, "Gemm", "gemm", {"in", "weight"}, {"out"});
  auto& reference = *gemm.add_attribute();
  reference.set_name("transB");
  reference.set_ref_attr_name("transposed");
  reference.set_type(onnx::AttributeProto::INT);
  *function.add_node() = gemm;
  auto* opset = function.add_opset_import();
  opset->set_domain("");
  opset->set_version(17);
}

void addConstants(onnx::GraphProto& graph) {
  const auto constant = [&](const std::string& output, const std::string& attribute,
                            onnx::AttributeProto::AttributeType type) -> onnx::AttributeProto& {
    auto& made = *addNode(graph, "Constant", "", {}, {output}).add_attribute();
    made.set_name(attribute);
    made.set_type(type);
    return made;
  };
  constant("a_float", "value_float", onnx::AttributeProto::FLOAT).set_f(1.5f);
  auto& floats = constant("some_floats", "value_floats", onnx::AttributeProto::FLOATS);
  floats.add_floats(1.0f);
  floats.add_floats(2.0f);
  constant("an_int", "value_int", onnx::AttributeProto::INT).set_i(7);
  auto& ints = constant("some_ints", "value_ints", onnx::AttributeProto::INTS);
  ints.add_ints(7);
  ints.add_ints(-8);
  constant("a_string", "value_string", onnx::AttributeProto::STRING).set_s("text");
  constant("some_strings", "value_strings", onnx::AttributeProto::STRINGS).add_strings("more");
  onnx::GraphProto scratch;
  *constant("a_tensor", "value", onnx::AttributeProto::TENSOR).mutable_t() = addFloats(scratch, "", {2, 2});
  auto& sparse =
      *constant("a_sparse", "sparse_value", onnx::AttributeProto::SPARSE_TENSOR).mutable_sparse_tensor();
  *sparse.mutable_values() = addRaw(scratch, "", 1, {1}, bytesOf({4.0f}));
  auto& indices = *sparse.mutable_indices();
  indices.set_data_type(7);
  indices.add_dims(1);
  indices.add_int64_data(2);
  sparse.add_dims(2);
  sparse.add_dims(2);
}

} // namespace

onnx::ModelProto emptyModel() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.set_producer_name("halfstep tests");
  auto* opset = model.add_opset_import();
  opset->set_domain("");
  opset->set_version(17);
  model.mutable_graph()->set_name("g");
  return model;
}

float exampleValue(std::size_t index) {
  return std::sin(static_cast<float>(index) * 0.7f) * std::cos(static_cast<float>(index) * 0.013f);
}

std::string bytesOf(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

onnx::TensorProto& addRaw(onnx::GraphProto& graph, const std::string& name, int type, const Dims& dims,
                          const std::string& raw) {
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(type);
  for (const std::int64_t dim : dims) {
    tensor.add_dims(dim);
  }
  tensor.set_raw_data(raw);
  return tensor;
}

onnx::TensorProto& addFloats(onnx::GraphProto& graph, const std::string& name, const Dims& dims) {
  std::vector<float> values(countOf(dims));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = exampleValue(i);
  }
  return addRaw(graph, name, onnx::TensorProto::FLOAT, dims, bytesOf(values));
}

onnx::NodeProto& addNode(onnx::GraphProto& graph, const std::string& opType, const std::string& name,
                         const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type(opType);
  node.set_name(name);
  for (const auto& input : inputs) {
    node.add_input(input);
  }
  for (const auto& output : outputs) {
    node.add_output(output);
  }
  return node;
}

onnx::AttributeProto& addInteger(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
  onnx::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::INT);
  attribute.set_i(value);
  return attribute;
}

void addValue(google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>& values, const std::string& name,
              const Dims& dims) {
  onnx::ValueInfoProto& value = *values.Add();
  value.set_name(name);
  auto& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t dim : dims) {
    type.mutable_shape()->add_dim()->set_dim_value(dim);
  }
}

std::string convolutionModel() {
  onnx::ModelProto model = emptyModel();
  onnx::GraphProto& graph = *model.mutable_graph();
  addValue(*graph.mutable_input(), "x", {1, 3, 8, 8});
  addValue(*graph.mutable_output(), "y", {1, 5});
  addFloats(graph, "conv1.weight", {4, 3, 3, 3});
  addFloats(graph, "conv1.bias", {4});
  auto& depthwise = addRaw(graph, "dw.weight", onnx::TensorProto::FLOAT, {4, 1, 3, 3}, "");
  depthwise.clear_raw_data();
  for (std::size_t i = 0; i < 36; ++i) {
    depthwise.add_float_data(exampleValue(i));
  }
  std::string halves;
  for (int i = 0; i < 20; ++i) {
    halves += std::string("\x00", 1) + static_cast<char>(0x38 + i % 4); // 0.5 and more
  }
  addRaw(graph, "fc.weight", onnx::TensorProto::FLOAT16, {5, 4}, halves);
  addNode(graph, "Conv", "conv1", {"x", "conv1.weight", "conv1.bias"}, {"c1"});
  addNode(graph, "Relu", "relu1", {"c1"}, {"r1"});
  addInteger(addNode(graph, "Conv", "block/dw", {"r1", "dw.weight"}, {"c2"}), "group", 4);
  addNode(graph, "GlobalAveragePool", "pool", {"c2"}, {"p"});
  addNode(graph, "Flatten", "flat", {"p"}, {"f"});
  addNode(graph, "Cast", "half", {"f"}, {"fh"});
  addInteger(addNode(graph, "Gemm", "fc", {"fh", "fc.weight"}, {"y"}), "transB", 1);
  return model.SerializeAsString();
}

std::string quantizedModel() {
  onnx::ModelProto model = emptyModel();
  onnx::GraphProto& graph = *model.mutable_graph();
  addValue(*graph.mutable_input(), "x", {1, 16});
  addValue(*graph.mutable_output(), "y", {1, 4});
  std::string codes;
  for (int i = 0; i < 64; ++i) {
    codes += static_cast<char>(i * 4 - 128);
  }
  addRaw(graph, "w1_q", onnx::TensorProto::INT8, {16, 4}, codes);
  addRaw(graph, "w2_q", onnx::TensorProto::INT8, {4, 16}, codes);
  addRaw(graph, "w3_q", onnx::TensorProto::UINT8, {4, 4, 2, 2}, codes);
  addRaw(graph, "w4_b", onnx::TensorProto::UINT8, {1, 1, 8}, "\x20\x54\x66\x77\x98\xaa\xdb\xfd");
  addRaw(graph, "one", onnx::TensorProto::FLOAT, {}, bytesOf({0.25f}));
  addRaw(graph, "four", onnx::TensorProto::FLOAT, {4}, bytesOf({0.5f, 0.25f, 0.125f, 1.0f}));
  addRaw(graph, "zero", onnx::TensorProto::UINT8, {}, std::string(1, '\x80'));
  addNode(graph, "DequantizeLinear", "dq1", {"w1_q", "one"}, {"w1"});
  addNode(graph, "MatMul", "per_tensor", {"x", "w1"}, {"y1"});
  addInteger(addNode(graph, "DequantizeLinear", "dq2", {"w2_q", "four"}, {"w2"}), "axis", 0);
  addInteger(addNode(graph, "Gemm", "per_axis", {"x", "w2"}, {"y"}), "transB", 1);
  addNode(graph, "QLinearConv", "integer", {"xq", "one", "zero", "w3_q", "four", "zero", "one", "zero"},
          {"y3"});
  auto& packed = addNode(graph, "MatMulNBits", "packed", {"x", "w4_b", "one"}, {"y4"});
  packed.set_domain("com.microsoft");
  addInteger(packed, "N", 1);
  addInteger(packed, "K", 16);
  addInteger(packed, "bits", 4);
  addInteger(packed, "block_size", 16);
  return model.SerializeAsString();
}

std::string structuredModel() {
  onnx::ModelProto model = emptyModel();
  auto* metadata = model.add_metadata_props();
  metadata->set_key("author");
  metadata->set_value("nobody");
  onnx::GraphProto& graph = *model.mutable_graph();
  addValue(*graph.mutable_input(), "x", {2, 2});
  addValue(*graph.mutable_output(), "y", {2, 2});
  addNode(graph, "Add", "last", {"late", "mystery"}, {"y"}); // before what it takes
  auto& choice = addNode(graph, "If", "choice", {"condition"}, {"late"});
  for (const char* branch : {"then_branch", "else_branch"}) {
    auto& attribute = *choice.add_attribute();
    attribute.set_name(branch);
    attribute.set_type(onnx::AttributeProto::GRAPH);
    onnx::GraphProto& inner = *attribute.mutable_g();
    inner.set_name(branch);
    addFloats(inner, "w", {2, 2});
    addNode(inner, "MatMul", "product", {"x", "w"}, {"out"});
    addValue(*inner.mutable_output(), "out", {2, 2});
  }
  addFunction(model);
  addFloats(graph, "linear.weight", {2, 2});
  auto& call = addNode(graph, "Linear", "call", {"x", "linear.weight"}, {"called"});
  call.set_domain("local");
  addInteger(call, "transposed", 1);
  addNode(graph, "Mystery", "unknown", {"called"}, {"mystery"}).set_domain("example.unknown");
  addConstants(graph);
  auto& sparse = *graph.add_sparse_initializer();
  onnx::GraphProto scratch;
  *sparse.mutable_values() = addRaw(scratch, "sparse.weight", 1, {2}, bytesOf({3.0f, -2.0f}));
  auto& indices = *sparse.mutable_indices();
  indices.set_data_type(7);
  for (const std::int64_t value : {2, 2}) {
    indices.add_dims(value);
  }
  for (const std::int64_t value : {0, 1, 2, 0}) {
    indices.add_int64_data(value);
  }
  sparse.add_dims(3);
  sparse.add_dims(2);
  addNode(graph, "Gather", "embedding", {"sparse.weight", "ids"}, {"embedded"});
  auto& annotation = *graph.add_quantization_annotation();
  annotation.set_tensor_name("x");
  auto& role = *annotation.add_quant_parameter_tensor_names();
  role.set_key("SCALE_TENSOR");
  role.set_value("x_scale");
  return model.SerializeAsString();
}

std::string longModel(int nodes) {
  onnx::ModelProto model = emptyModel();
  onnx::GraphProto& graph = *model.mutable_graph();
  addValue(*graph.mutable_input(), "v0", {1, 2, 4, 4});
  for (int i = 0; i < nodes; ++i) {
    const std::string from = "v" + std::to_string(i);
    const std::string to = "v" + std::to_string(i + 1);
    addFloats(graph, "w" + std::to_string(i), {2, 2, 1, 1});
    addNode(graph, "Conv", "conv" + std::to_string(i), {from, "w" + std::to_string(i)}, {to});
  }
  return model.SerializeAsString();
}

void writeFile(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) {
    std::abort();
  }
}

} // namespace halfstep::test
