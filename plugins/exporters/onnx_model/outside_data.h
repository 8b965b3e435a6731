// Data of large initializers that the file read keeps in other files: it stays in the loaded model, mapped,
// until the new file is written, so that a model of many gigabytes is never copied into memory whole.
#pragma once

#include "core/tensor/tensor.h"

#include <onnx/onnx_pb.h>

#include <cstddef>
#include <span>
#include <vector>

namespace halfstep::onnx_export {

/// Bytes: smaller tensors belong into the model, as ONNX's helper has it.
inline constexpr std::size_t kLeastOutside = 1024;

/// Every initializer of `graph` and of its subgraphs.
std::vector<onnx::TensorProto*> initializersOf(onnx::GraphProto& graph);

class OutsideData {
public:
  /// Makes `tensor` stand for the bytes of `loaded`, which have to be there as long as this is.
  void leave(onnx::TensorProto& tensor, const Tensor& loaded);
  /// The data of `tensor`: what was left outside, or else its own raw data.
  std::span<const std::byte> bytesOf(const onnx::TensorProto& tensor) const;
  /// Copies the data that `tensor` stands for into it.
  void embed(onnx::TensorProto& tensor) const;
  /// Whether `tensor` stands for data outside.
  static bool isLeft(const onnx::TensorProto& tensor);

private:
  std::vector<std::span<const std::byte>> m_left;
};

} // namespace halfstep::onnx_export
