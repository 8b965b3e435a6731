// Tensors whose bytes lie in other files beside the model. A path may not leave the model's folder: neither
// by being absolute, nor by "..", nor through a symbolic link.
#pragma once

#include "core/support/mapped_file.h"
#include "core/support/result.h"

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace halfstep {

/// What a TensorProto says of its external data: the entries of `external_data`, as text.
using ExternalEntries = std::map<std::string, std::string>;

/// The external files of one model, each mapped once. Used on one thread.
class ExternalData {
public:
  explicit ExternalData(std::filesystem::path modelFile);

  struct Piece {
    std::shared_ptr<const MappedFile> file;
    std::span<const std::byte> bytes;
  };
  /// The `needed` bytes that `entries` (location, offset, length) point at. Errors: `damagedFile` for a path
  /// that leaves the folder, numbers that are none, and ranges outside the file; `failed` where the file
  /// cannot be read.
  Result<Piece> read(const ExternalEntries& entries, std::size_t needed);

  /// Bytes of all external files used so far.
  std::int64_t totalBytes() const;
  /// Those files.
  std::vector<std::shared_ptr<const MappedFile>> files() const;

private:
  Result<std::shared_ptr<const MappedFile>> open(const std::string& location);

  std::filesystem::path m_folder;
  std::map<std::string, std::shared_ptr<const MappedFile>> m_files; ///< by location
};

} // namespace halfstep
