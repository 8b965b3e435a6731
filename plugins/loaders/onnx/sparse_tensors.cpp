// Sparse tensors, made dense: TensorReader::readSparse.
#include "plugins/loaders/onnx/tensor_reader.h"

#include <cstring>

namespace halfstep {

namespace {

/// The row-major index that the sparse tensor's entry `at` stands for. `indices`: one number per entry, or
/// one per entry and dimension.
Result<std::size_t> denseIndex(const std::vector<std::int64_t>& indices, bool perDimension,
                               const Shape& shape, std::size_t count, std::size_t at) {
  if (!perDimension) {
    if (indices[at] < 0 || static_cast<std::uint64_t>(indices[at]) >= count) {
      return damaged("sparse index " + std::to_string(indices[at]) + " is outside " + shapeText(shape));
    }
    return static_cast<std::size_t>(indices[at]);
  }
  std::size_t index = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t value = indices[at * shape.size() + axis];
    if (value < 0 || value >= shape[axis]) {
      return damaged("sparse index " + std::to_string(value) + " is outside axis " + std::to_string(axis) +
                     " of " + shapeText(shape));
    }
    index = index * static_cast<std::size_t>(shape[axis]) + static_cast<std::size_t>(value);
  }
  return index;
}

} // namespace

Result<Tensor> TensorReader::readSparse(const onnx::SparseTensorProto& proto) {
  HALFSTEP_TRY(const Tensor values, read(proto.values()));
  HALFSTEP_TRY(const Tensor indexTensor, read(proto.indices()));
  if (proto.dims_size() > 255) {
    return damaged("has " + std::to_string(proto.dims_size()) + " dimensions");
  }
  Shape shape(proto.dims().begin(), proto.dims().end());
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  const int bits = elementBits(values.type());
  if (bits < 8) {
    return Error{ErrorKind::unsupported,
                 "is a sparse tensor of " + std::string(elementTypeName(values.type()))};
  }
  const std::size_t width = static_cast<std::size_t>(bits) / 8;
  if (count > m_denseBudget / width) {
    return Error{ErrorKind::unsupported, "is a sparse tensor of shape " + shapeText(shape) +
                                             ", which would take far more memory than the file's size"};
  }
  m_denseBudget -= count * width;
  HALFSTEP_TRY(const auto indices, toIntegers(indexTensor));
  const bool perDimension = indexTensor.shape().size() == 2;
  const std::size_t expected = values.count() * (perDimension ? shape.size() : 1);
  if (indices.size() != expected) {
    return damaged("has " + std::to_string(values.count()) + " sparse values and " +
                   std::to_string(indices.size()) + " indices, expected " + std::to_string(expected));
  }
  std::vector<std::byte> bytes(count * width);
  for (std::size_t at = 0; at < values.count(); ++at) {
    HALFSTEP_TRY(const std::size_t index, denseIndex(indices, perDimension, shape, count, at));
    std::memcpy(bytes.data() + index * width, values.bytes().data() + at * width, width);
  }
  return Tensor::own(values.type(), std::move(shape), std::move(bytes));
}

} // namespace halfstep
