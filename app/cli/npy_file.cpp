#include "app/cli/npy_file.h"

#include "core/io/atomic_file.h"

#include <string>
#include <vector>

namespace halfstep::cli {

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

} // namespace halfstep::cli
