// What unpacks compressed files. Implemented by plug-ins of kind "archive".
#pragma once

#include "core/support/job_context.h"
#include "core/support/mapped_file.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace halfstep {

struct ArchiveMember {
  std::string name;
  std::uint64_t compressed = 0;      ///< bytes in the archive
  std::optional<std::uint64_t> size; ///< unpacked, as the archive claims; unknown for gzip
};

/// An open archive. Used on one thread at a time.
class Archive {
public:
  virtual ~Archive() = default;
  virtual const std::vector<ArchiveMember>& members() const = 0;
  /// Gives the bytes of member `index` to `sink`, piece by piece (at most 1 MiB each), and stops at the
  /// first error of it. Errors: that one; `damagedFile`, `unsupported` (encrypted, another compression).
  virtual Result<void> extract(std::size_t index,
                               const std::function<Result<void>(std::span<const std::byte>)>& sink) const = 0;
};

class ArchiveReader {
public:
  virtual ~ArchiveReader() = default;
  /// Whether a file with these first bytes is an archive that open() reads.
  virtual bool recognise(std::span<const std::byte> head) const = 0;
  /// Errors name the file. Any thread; several at a time.
  virtual Result<std::unique_ptr<const Archive>> open(const std::filesystem::path& path) const = 0;
};

/// How long an unpacked file says it is in its first bytes; nothing while more of it is needed.
using StatedSize = std::function<Result<std::optional<std::uint64_t>>(std::span<const std::byte> head)>;

/// Unpacks member `index` into a temporary file and maps it: memory does not grow with its size. It must be
/// exactly as long as `statedSize` says from its first 64 KiB. Errors (kind `damagedFile`): another length, a
/// length that so few compressed bytes cannot hold, or more than 64 GiB; what extract() and statedSize give.
Result<std::shared_ptr<const MappedFile>> unpackMember(const Archive& archive, std::size_t index,
                                                       const StatedSize& statedSize,
                                                       const JobContext& context);

} // namespace halfstep
