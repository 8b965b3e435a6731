#include "plugins/archives/zip_gzip/zip_archive.h"

#include <zip.h>

namespace halfstep {

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 18;
constexpr zip_int64_t kMostMembers = 1 << 16;

using ZipPointer = std::unique_ptr<zip_t, decltype(&zip_discard)>;
using ZipFilePointer = std::unique_ptr<zip_file_t, decltype(&zip_fclose)>;

class ZipArchive : public Archive {
public:
  ZipArchive(std::shared_ptr<const MappedFile> file, ZipPointer zip, std::vector<ArchiveMember> members)
      : m_file(std::move(file))
      , m_zip(std::move(zip))
      , m_members(std::move(members)) {}

  const std::vector<ArchiveMember>& members() const override { return m_members; }

  Result<void> extract(std::size_t index,
                       const std::function<Result<void>(std::span<const std::byte>)>& sink) const override {
    const ZipFilePointer member(zip_fopen_index(m_zip.get(), index, 0), &zip_fclose);
    if (!member) {
      return problem(zip_get_error(m_zip.get()));
    }
    std::vector<std::byte> piece(kPiece);
    while (true) {
      const zip_int64_t read = zip_fread(member.get(), piece.data(), piece.size());
      if (read < 0) {
        return problem(zip_file_get_error(member.get()));
      }
      if (read == 0) {
        return {};
      }
      HALFSTEP_CHECK(sink(std::span(piece).first(static_cast<std::size_t>(read))));
    }
  }

private:
  static Error problem(zip_error_t* error) {
    const int code = zip_error_code_zip(error);
    const bool unsupported =
        code == ZIP_ER_COMPNOTSUPP || code == ZIP_ER_ENCRNOTSUPP || code == ZIP_ER_NOPASSWD;
    return Error{unsupported ? ErrorKind::unsupported : ErrorKind::damagedFile,
                 std::string("cannot be unpacked: ") + zip_error_strerror(error)};
  }

  std::shared_ptr<const MappedFile> m_file; ///< libzip reads from it
  ZipPointer m_zip;
  std::vector<ArchiveMember> m_members;
};

} // namespace

bool isZip(std::span<const std::byte> head) {
  return head.size() >= 2 && head[0] == std::byte{'P'} && head[1] == std::byte{'K'};
}

Result<std::unique_ptr<const Archive>> openZip(std::shared_ptr<const MappedFile> file) {
  const std::string name = file->path().string();
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(file->bytes().data(), file->bytes().size(), 0, &error);
  ZipPointer zip(source == nullptr ? nullptr
                                   : zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error),
                 &zip_discard);
  if (!zip) {
    if (source != nullptr) {
      zip_source_free(source);
    }
    Error wrong{ErrorKind::damagedFile,
                std::string("is no sound zip archive: ") + zip_error_strerror(&error),
                {},
                name};
    zip_error_fini(&error);
    return wrong;
  }
  zip_error_fini(&error);
  const zip_int64_t count = zip_get_num_entries(zip.get(), 0);
  if (count > kMostMembers) {
    return Error{ErrorKind::damagedFile, "is an archive of " + std::to_string(count) + " files", {}, name};
  }
  std::vector<ArchiveMember> members;
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t status;
    zip_stat_init(&status);
    if (zip_stat_index(zip.get(), static_cast<zip_uint64_t>(i), 0, &status) != 0 ||
        (status.valid & ZIP_STAT_NAME) == 0) {
      return Error{ErrorKind::damagedFile, "has a file without a name", "file " + std::to_string(i), name};
    }
    ArchiveMember member{status.name, status.comp_size, std::nullopt};
    if ((status.valid & ZIP_STAT_SIZE) != 0) {
      member.size = status.size;
    }
    members.push_back(std::move(member));
  }
  return std::unique_ptr<const Archive>(
      std::make_unique<ZipArchive>(std::move(file), std::move(zip), std::move(members)));
}

} // namespace halfstep
