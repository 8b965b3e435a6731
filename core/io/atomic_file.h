// Writes a file whole or not at all: into a temporary file beside it, synced, then renamed over the old one.
// What is there and no regular file (a pipe, a device) cannot be replaced: it is written into.
#pragma once

#include "core/support/result.h"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace halfstep {

/// A file that is written piece by piece, for what is too large for memory. Until commit() the old file is
/// untouched; a file that is never committed leaves nothing behind. Used on one thread.
class AtomicFile {
public:
  /// Links are followed: what they lead to is replaced. Waits a few seconds for somebody to read a named
  /// pipe. Errors (naming `path`): no such folder, no permission, a pipe that nobody reads (kind `failed`); a
  /// file that is mapped, like the model that is open and its external data: it would be lost (kind `usage`).
  static Result<AtomicFile> create(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;

  Result<void> append(std::span<const std::byte> bytes);
  /// Writes to the disk what the system still holds, and sets the file's mode: what can fail before commit().
  Result<void> sync();
  /// sync(), then takes the old file's place. Call it once.
  Result<void> commit();
  /// Files that belong together: all are synced before the first takes its place; where one cannot take its
  /// own, those before it are put back. A kill between two of them leaves some new ones.
  static Result<void> commitTogether(std::span<AtomicFile> files);

private:
  AtomicFile(std::filesystem::path path, std::filesystem::path target, std::string temporary, int descriptor);

  bool isStraight() const { return m_target.empty(); }

  std::filesystem::path m_path;   ///< as asked for
  std::filesystem::path m_target; ///< links followed; empty where `m_path` is written into
  std::string m_temporary;        ///< empty once committed or given up
  int m_descriptor = -1;
};

/// Errors: as AtomicFile; disk full. The old file is untouched then, and no temporary file is left.
Result<void> writeFileAtomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
Result<void> writeFileAtomically(const std::filesystem::path& path, std::string_view text);

struct TextToWrite {
  std::filesystem::path path;
  std::string text;
};
/// Several that belong together, as AtomicFile::commitTogether has it.
Result<void> writeFilesAtomically(std::span<const TextToWrite> files);

} // namespace halfstep
