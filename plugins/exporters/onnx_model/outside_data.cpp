#include "plugins/exporters/onnx_model/outside_data.h"

#include <string>

namespace halfstep::onnx_export {

namespace {

constexpr const char* kMark = "halfstep"; ///< key of the entry that has the index in m_left

void collect(onnx::GraphProto& graph, std::vector<onnx::TensorProto*>& found) {
  for (onnx::TensorProto& tensor : *graph.mutable_initializer()) {
    found.push_back(&tensor);
  }
  for (onnx::NodeProto& node : *graph.mutable_node()) {
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) {
        collect(*attribute.mutable_g(), found);
      }
      for (onnx::GraphProto& inner : *attribute.mutable_graphs()) {
        collect(inner, found);
      }
    }
  }
}

} // namespace

std::vector<onnx::TensorProto*> initializersOf(onnx::GraphProto& graph) {
  std::vector<onnx::TensorProto*> found;
  collect(graph, found);
  return found;
}

void OutsideData::leave(onnx::TensorProto& tensor, const Tensor& loaded) {
  tensor.clear_external_data();
  auto& entry = *tensor.add_external_data();
  entry.set_key(kMark);
  entry.set_value(std::to_string(m_left.size()));
  m_left.push_back(loaded.bytes());
}

bool OutsideData::isLeft(const onnx::TensorProto& tensor) {
  return tensor.data_location() == onnx::TensorProto::EXTERNAL && tensor.external_data_size() == 1 &&
         tensor.external_data(0).key() == kMark;
}

std::span<const std::byte> OutsideData::bytesOf(const onnx::TensorProto& tensor) const {
  return isLeft(tensor) ? m_left.at(std::stoull(tensor.external_data(0).value()))
                        : std::as_bytes(std::span(tensor.raw_data()));
}

void OutsideData::embed(onnx::TensorProto& tensor) const {
  const auto bytes = bytesOf(tensor);
  tensor.clear_external_data();
  tensor.clear_data_location();
  tensor.set_raw_data(bytes.data(), bytes.size());
}

} // namespace halfstep::onnx_export
