// A file mapped read-only into memory: pages come in when they are read and count as the system's cache.
#pragma once

#include "core/support/mapping_table.h"
#include "core/support/result.h"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace halfstep {

/// Shared ownership of a read-only mapping. `bytes()` stays valid as long as any copy of the pointer lives.
/// If another program truncates the file while it is mapped, what it lost reads as zeros, and check() tells.
class MappedFile {
public:
  /// Errors: the file does not exist, is a folder, or cannot be read (kind `failed`, naming the file).
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  /// Bytes in memory, as if they were the file at `path`.
  static std::shared_ptr<const MappedFile> ofBytes(std::filesystem::path path, std::vector<std::byte> bytes);
  /// Whether a mapping that lives is one of the file at `path`, under whatever name it was opened. Any
  /// thread.
  static bool isOpen(const std::filesystem::path& path);
  /// Whether bytes() are still the file's, to be asked before a result made from them is shown. Error
  /// (`failed`, naming the file): it became shorter. Takes some microseconds; any thread.
  Result<void> check() const;
  /// The same of the mapping that `bytes` lie in; without one there is nothing to become shorter.
  static Result<void> checkBytes(std::span<const std::byte> bytes);
  /// The same of every mapping that lives.
  static Result<void> checkOpen();
  /// And of those that lived once: for a program that ends with its work.
  static Result<void> checkEver();
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {m_data, m_size}; }
  const std::filesystem::path& path() const { return m_path; }

private:
  MappedFile(std::filesystem::path path, const std::byte* data, std::size_t size);
  std::filesystem::path m_path;
  const std::byte* m_data = nullptr;
  std::size_t m_size = 0;
  MappingSlot* m_slot = nullptr;  ///< of the mapping; null where there is none
  std::vector<std::byte> m_owned; ///< instead of a mapping
};

} // namespace halfstep
