#include "core/io/npy_file.h"

#include "core/io/atomic_file.h"
#include "core/support/mapped_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

namespace halfstep {

namespace {

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

Result<Tensor> readNpy(const std::filesystem::path& path) {
  HALFSTEP_TRY(const auto file, MappedFile::open(path));
  const auto damaged = [&](const char* what) {
    return Error{ErrorKind::damagedFile, what, {}, path.string()};
  };
  const std::string_view all(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  if (all.size() < 12 || all.substr(0, 6) != "\x93NUMPY") {
    return damaged("is no NumPy file");
  }
  const bool wide = all[6] >= 2; // version 2 and 3: the header's length has four bytes
  std::uint32_t length = 0;
  std::memcpy(&length, all.data() + 8, wide ? 4 : 2);
  const std::size_t start = (wide ? 12 : 10) + std::size_t{length};
  if (start > all.size()) {
    return damaged("ends within its header");
  }
  const std::string_view header = all.substr(0, start);
  std::string_view descriptor = headerValue(header, "descr");
  if (descriptor.size() > 2) {
    descriptor = descriptor.substr(1, descriptor.size() - 2);
  }
  const auto known = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const NpyType& type) { return type.descriptor == descriptor; });
  if (known == kTypes.end()) {
    return Error{
        ErrorKind::unsupported, "holds elements of type " + std::string(descriptor), {}, path.string()};
  }
  const std::optional<Shape> shape = parsedShape(headerValue(header, "shape"));
  if (!shape) {
    return damaged("has no shape that can be read");
  }
  if (headerValue(header, "fortran_order") != "False" && shape->size() > 1) {
    return Error{ErrorKind::unsupported, "is in Fortran order", {}, path.string()};
  }
  auto tensor = Tensor::share(known->type, *shape, file, file->bytes().subspan(start));
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
  std::vector<std::byte> whole;
  whole.reserve(file.size() + bytes.size());
  const auto start = std::as_bytes(std::span(file));
  whole.insert(whole.end(), start.begin(), start.end());
  whole.insert(whole.end(), bytes.begin(), bytes.end());
  return writeFileAtomically(path, whole);
}

} // namespace halfstep
