// IDX files, the form of MNIST: http://yann.lecun.com/exdb/mnist. Two zero bytes, the element type (0x08
// uint8, 0x09 int8), the number of dimensions, each dimension as a big-endian uint32, then the elements
// row-major.
#pragma once

#include "core/support/mapped_file.h"
#include "core/tensor/tensor.h"

#include <optional>

namespace halfstep {

struct IdxHeader {
  ElementType type = ElementType::uint8;
  Shape shape;
  std::size_t start = 0; ///< of the elements
};

/// Whether a file beginning with `head` can be an IDX file.
bool looksLikeIdx(std::span<const std::byte> head);
/// Nothing where `bytes` may be the beginning of a file whose header is not complete. Errors, naming no file:
/// `damagedFile`; `unsupported` for elements of several bytes.
Result<std::optional<IdxHeader>> readIdxHeader(std::span<const std::byte> bytes);
/// The elements stay in the file. Errors, naming no file, also where its length is another than announced.
Result<Tensor> idxTensor(std::shared_ptr<const MappedFile> file);

} // namespace halfstep
