// A file without a name, for what is too large for memory and not worth keeping: it is gone when the last
// mapping of it is, whatever becomes of the program.
#pragma once

#include "core/support/mapped_file.h"

#include <cstdint>

namespace halfstep {

/// Written on one thread, then mapped.
class TemporaryFile {
public:
  /// In the system's folder for such files ($TMPDIR, /tmp). Error (kind `failed`): it cannot be made.
  static Result<TemporaryFile> create();
  ~TemporaryFile();
  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) = delete;

  /// Error (kind `failed`): it cannot be written, for example because the disk is full.
  Result<void> append(std::span<const std::byte> bytes);
  std::uint64_t size() const { return m_size; }
  /// What was written so far.
  Result<std::shared_ptr<const MappedFile>> map() const;

private:
  explicit TemporaryFile(int descriptor)
      : m_descriptor(descriptor) {}
  int m_descriptor;
  std::uint64_t m_size = 0;
};

} // namespace halfstep
