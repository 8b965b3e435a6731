// Makes tensors of the stripped model's TensorProtos: they share the mapped file wherever the bytes already
// lie there as the element type wants them.
#pragma once

#include "core/support/mapped_file.h"
#include "core/tensor/tensor.h"
#include "plugins/loaders/onnx/external_data.h"

#include <onnx/onnx_pb.h>

#include <memory>

namespace halfstep {

/// Reads the tensors of one model. Used on one thread.
class TensorReader {
public:
  /// `file`: the model file that the stripped messages refer to.
  TensorReader(std::shared_ptr<const MappedFile> file, ExternalData& external);

  /// Errors without a place: `damagedFile` where type, shape and data do not agree; `unsupported` for an
  /// element type that this program does not know. Memory: none for raw and external data and packed floats;
  /// at most 8 bytes for every byte in the file otherwise.
  Result<Tensor> read(const onnx::TensorProto& proto) const;
  /// As a dense tensor. Error (`unsupported`): it would be far larger than the file it comes from.
  Result<Tensor> readSparse(const onnx::SparseTensorProto& proto);

private:
  Result<Tensor> readStrings(const onnx::TensorProto& proto, Shape shape) const;
  Result<Tensor> readExternal(const onnx::TensorProto& proto, ElementType type, Shape shape) const;
  Result<Tensor> readPayload(const onnx::TensorProto& proto, ElementType type, Shape shape) const;

  std::shared_ptr<const MappedFile> m_file;
  ExternalData& m_external;
  std::uint64_t m_denseBudget; ///< bytes that sparse tensors may still grow to
};

} // namespace halfstep
