#include "core/io/idx_file.h"

#include <algorithm>

namespace halfstep {

namespace {

constexpr std::size_t kMostDimensions = 8;

unsigned byteAt(std::span<const std::byte> bytes, std::size_t at) {
  return std::to_integer<unsigned>(bytes[at]);
}

} // namespace

bool looksLikeIdx(std::span<const std::byte> head) {
  if (head.size() < 4 || byteAt(head, 0) != 0 || byteAt(head, 1) != 0) {
    return false;
  }
  const unsigned type = byteAt(head, 2);
  const bool known = type == 8 || type == 9 || (type >= 0x0b && type <= 0x0e);
  return known && byteAt(head, 3) >= 1 && byteAt(head, 3) <= kMostDimensions;
}

Result<std::optional<IdxHeader>> readIdxHeader(std::span<const std::byte> bytes) {
  if (bytes.size() < 4) {
    return std::optional<IdxHeader>();
  }
  if (!looksLikeIdx(bytes)) {
    return Error{ErrorKind::damagedFile, "is no IDX file"};
  }
  const unsigned type = byteAt(bytes, 2);
  if (type != 8 && type != 9) {
    return Error{ErrorKind::unsupported, "holds IDX elements of several bytes; expected uint8 or int8"};
  }
  IdxHeader header;
  header.type = type == 8 ? ElementType::uint8 : ElementType::int8;
  const std::size_t rank = byteAt(bytes, 3);
  header.start = 4 + 4 * rank;
  if (bytes.size() < header.start) {
    return std::optional<IdxHeader>();
  }
  for (std::size_t i = 0; i < rank; ++i) {
    std::int64_t length = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      length = length * 256 + byteAt(bytes, 4 + 4 * i + k);
    }
    header.shape.push_back(length);
  }
  HALFSTEP_CHECK(elementCount(header.shape));
  return std::optional(std::move(header));
}

Result<Tensor> idxTensor(std::shared_ptr<const MappedFile> file) {
  const auto bytes = file->bytes();
  HALFSTEP_TRY(const auto header, readIdxHeader(bytes));
  if (!header) {
    return Error{ErrorKind::damagedFile, "ends within its header"};
  }
  return Tensor::share(header->type, header->shape, std::move(file), bytes.subspan(header->start));
}

} // namespace halfstep
