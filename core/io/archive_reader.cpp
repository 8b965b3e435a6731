#include "core/io/archive_reader.h"

#include "core/io/temporary_file.h"

#include <algorithm>

namespace halfstep {

namespace {

constexpr std::size_t kHeadBytes = std::size_t{64} << 10;
constexpr std::uint64_t kMostBytes = std::uint64_t{64} << 30;
/// Deflate makes 258 bytes of 2 bits at best (RFC 1951): 1032 : 1.
constexpr std::uint64_t kDeflateRatio = 1032;

/// The length that the file must have, once its head says so.
class LengthCheck {
public:
  LengthCheck(const ArchiveMember& member, const StatedSize& statedSize)
      : m_member(member)
      , m_statedSize(statedSize) {}

  Result<void> more(std::span<const std::byte> bytes, std::uint64_t before) {
    if (!m_expected) {
      const std::size_t room = kHeadBytes - m_head.size();
      m_head.insert(m_head.end(), bytes.begin(), bytes.begin() + std::min(room, bytes.size()));
      HALFSTEP_TRY(m_expected, m_statedSize(m_head));
      if (m_expected) {
        HALFSTEP_CHECK(checkClaim());
      } else if (m_head.size() == kHeadBytes) {
        return damaged("has no header within its first 64 KiB");
      }
    }
    if (m_expected && before + bytes.size() > *m_expected) {
      return damaged("goes on after the " + std::to_string(*m_expected) + " bytes that its header announces");
    }
    return {};
  }
  Result<void> end(std::uint64_t total) const {
    if (!m_expected) {
      return damaged("ends within its header");
    }
    if (total != *m_expected) {
      return damaged("has " + std::to_string(total) + " bytes; its header announces " +
                     std::to_string(*m_expected));
    }
    return {};
  }

private:
  Result<void> checkClaim() const {
    const std::string claim = std::to_string(*m_expected) + " bytes";
    if (*m_expected > kMostBytes) {
      return damaged("announces " + claim + ", more than this program unpacks");
    }
    if (*m_expected / kDeflateRatio > m_member.compressed + kHeadBytes / kDeflateRatio) {
      return damaged("announces " + claim + ", which its " + std::to_string(m_member.compressed) +
                     " compressed bytes cannot hold");
    }
    if (m_member.size && *m_member.size != *m_expected) {
      return damaged("announces " + claim + ", but the archive " + std::to_string(*m_member.size));
    }
    return {};
  }

  const ArchiveMember& m_member;
  const StatedSize& m_statedSize;
  std::vector<std::byte> m_head;
  std::optional<std::uint64_t> m_expected;
};

} // namespace

Result<std::shared_ptr<const MappedFile>> unpackMember(const Archive& archive, std::size_t index,
                                                       const StatedSize& statedSize,
                                                       const JobContext& context) {
  HALFSTEP_TRY(TemporaryFile file, TemporaryFile::create());
  LengthCheck length(archive.members()[index], statedSize);
  HALFSTEP_CHECK(archive.extract(index, [&](std::span<const std::byte> bytes) -> Result<void> {
    HALFSTEP_CHECK(context.checkpoint());
    HALFSTEP_CHECK(length.more(bytes, file.size()));
    return file.append(bytes);
  }));
  HALFSTEP_CHECK(length.end(file.size()));
  return file.map();
}

} // namespace halfstep
