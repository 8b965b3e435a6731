#include "core/io/npy_file.h"

#include "core/io/atomic_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <vector>

namespace halfstep {

namespace {

constexpr std::size_t kLongPreamble = 12; ///< magic, version and a header length of four bytes

struct NpyType {
  std::string_view descriptor;
  ElementType type;
};

constexpr std::array<NpyType, 14> kTypes = {{{"<f4", ElementType::float32},
                                             {"<f8", ElementType::float64},
                                             {"<f2", ElementType::float16},
                                             {"|i1", ElementType::int8},
                                             {"<i2", ElementType::int16},
                                             {"<i4", ElementType::int32},
                                             {"<i8", ElementType::int64},
                                             {"|u1", ElementType::uint8},
                                             {"<u2", ElementType::uint16},
                                             {"<u4", ElementType::uint32},
                                             {"<u8", ElementType::uint64},
                                             {"|b1", ElementType::boolean},
                                             {"<c8", ElementType::complex64},
                                             {"<c16", ElementType::complex128}}};

/// What stands behind `key` in the header's dictionary, up to a comma outside parentheses.
std::string_view headerValue(std::string_view header, std::string_view key) {
  const std::size_t at = header.find("'" + std::string(key) + "'");
  const std::size_t colon = at == std::string_view::npos ? at : header.find(':', at);
  if (colon == std::string_view::npos) {
    return {};
  }
  std::string_view rest = header.substr(colon + 1);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const std::size_t end = !rest.empty() && rest.front() == '(' ? rest.find(')') : rest.find_first_of(",}");
  return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

std::optional<Shape> parsedShape(std::string_view text) {
  if (text.empty() || text.front() != '(') {
    return std::nullopt;
  }
  Shape shape;
  const char* at = text.data() + 1;
  const char* end = text.data() + text.size();
  while (at < end) {
    if (*at == ' ' || *at == ',') {
      ++at;
      continue;
    }
    std::int64_t dimension = 0;
    const auto [next, error] = std::from_chars(at, end, dimension);
    if (error != std::errc() || dimension < 0) {
      return std::nullopt;
    }
    shape.push_back(dimension);
    at = next;
  }
  return shape;
}

} // namespace

std::string npyDescriptor(ElementType type) {
  for (const NpyType& known : kTypes) {
    if (known.type == type) {
      return std::string(known.descriptor);
    }
  }
  return {};
}

Result<std::optional<NpyHeader>> readNpyHeader(std::span<const std::byte> bytes) {
  const auto damaged = [](const char* what) { return Error{ErrorKind::damagedFile, what}; };
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  constexpr std::string_view kMagic = "\x93NUMPY";
  if (all.substr(0, kMagic.size()) != kMagic.substr(0, all.size())) {
    return damaged("is no NumPy file");
  }
  if (all.size() < kLongPreamble) {
    return std::optional<NpyHeader>();
  }
  const bool wide = all[6] >= 2; // version 2 and 3: the header's length has four bytes
  std::uint32_t length = 0;
  std::memcpy(&length, all.data() + 8, wide ? 4 : 2);
  NpyHeader read;
  read.start = (wide ? kLongPreamble : kLongPreamble - 2) + std::size_t{length};
  if (read.start > all.size()) {
    return std::optional<NpyHeader>();
  }
  const std::string_view header = all.substr(0, read.start);
  std::string_view descriptor = headerValue(header, "descr");
  if (descriptor.size() > 2) {
    descriptor = descriptor.substr(1, descriptor.size() - 2);
  }
  const auto known = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const NpyType& type) { return type.descriptor == descriptor; });
  if (known == kTypes.end()) {
    return Error{ErrorKind::unsupported, "holds elements of type " + std::string(descriptor)};
  }
  read.type = known->type;
  std::optional<Shape> shape = parsedShape(headerValue(header, "shape"));
  if (!shape) {
    return damaged("has no shape that can be read");
  }
  if (headerValue(header, "fortran_order") != "False" && shape->size() > 1) {
    return Error{ErrorKind::unsupported, "is in Fortran order"};
  }
  read.shape = std::move(*shape);
  return std::optional(std::move(read));
}

Result<Tensor> npyTensor(std::shared_ptr<const MappedFile> file) {
  const auto bytes = file->bytes();
  HALFSTEP_TRY(const auto header, readNpyHeader(bytes));
  if (!header) {
    return Error{ErrorKind::damagedFile, bytes.empty() ? "is no NumPy file" : "ends within its header"};
  }
  return Tensor::share(header->type, header->shape, std::move(file), bytes.subspan(header->start));
}

Result<Tensor> readNpy(const std::filesystem::path& path) {
  HALFSTEP_TRY(auto file, MappedFile::open(path));
  auto tensor = npyTensor(std::move(file));
  if (!tensor) {
    tensor.error().file = path.string();
  }
  return tensor;
}

Result<void> writeNpy(const std::filesystem::path& path, std::string_view descriptor, const Shape& shape,
                      std::span<const std::byte> bytes) {
  std::string dimensions;
  for (const std::int64_t dimension : shape) {
    dimensions += std::to_string(dimension) + ", ";
  }
  if (shape.size() > 1) {
    dimensions.resize(dimensions.size() - 2); // "(2, 3)", but "(2, )"
  }
  std::string header =
      "{'descr': '" + std::string(descriptor) + "', 'fortran_order': False, 'shape': (" + dimensions + "), }";
  constexpr std::size_t kFixed = 10; // magic, version, length
  constexpr std::size_t kAlignment = 64;
  header += std::string(kAlignment - (kFixed + header.size() + 1) % kAlignment, ' ') + "\n";
  std::string file = std::string("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  HALFSTEP_TRY(AtomicFile target, AtomicFile::create(path)); // piece by piece: the values may be large
  HALFSTEP_CHECK(target.append(std::as_bytes(std::span(file))));
  HALFSTEP_CHECK(target.append(bytes));
  return target.commit();
}

} // namespace halfstep
