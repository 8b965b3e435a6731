#include "plugins/archives/zip_gzip/gzip_archive.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace halfstep {

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 18;

class Inflater {
public:
  Inflater() {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    m_ready = inflateInit2(&m_stream, kGzipOnly) == Z_OK;
  }
  ~Inflater() {
    if (m_ready) {
      inflateEnd(&m_stream);
    }
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  bool ready() const { return m_ready; }
  z_stream& stream() { return m_stream; }

private:
  z_stream m_stream{};
  bool m_ready = false;
};

class GzipArchive : public Archive {
public:
  explicit GzipArchive(std::shared_ptr<const MappedFile> file)
      : m_file(std::move(file))
      , m_members{{m_file->path().stem().string(), m_file->bytes().size(), std::nullopt}} {}

  const std::vector<ArchiveMember>& members() const override { return m_members; }

  Result<void> extract(std::size_t,
                       const std::function<Result<void>(std::span<const std::byte>)>& sink) const override {
    const auto bytes = m_file->bytes();
    Inflater inflater;
    if (!inflater.ready()) {
      return Error{ErrorKind::failed, "zlib is not available"};
    }
    z_stream& stream = inflater.stream();
    std::vector<std::byte> out(kPiece);
    std::size_t given = 0; // bytes of the file that the stream has seen
    while (true) {
      if (stream.avail_in == 0 && given < bytes.size()) {
        const std::size_t more =
            std::min<std::size_t>(bytes.size() - given, std::numeric_limits<uInt>::max());
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data() + given));
        stream.avail_in = static_cast<uInt>(more);
        given += more;
      }
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      const int status = inflate(&stream, Z_NO_FLUSH);
      HALFSTEP_CHECK(sink(std::span(out).first(out.size() - stream.avail_out)));
      const std::string where = "byte " + std::to_string(given - stream.avail_in);
      if (status == Z_STREAM_END) {
        if (stream.avail_in == 0 && given == bytes.size()) {
          return {};
        }
        inflateReset(&stream); // the next one begins
      } else if (status == Z_BUF_ERROR && stream.avail_in == 0 && given == bytes.size()) {
        return Error{ErrorKind::damagedFile, "ends within its compressed data", where};
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        return Error{ErrorKind::damagedFile,
                     std::string("cannot be unpacked: ") +
                         (stream.msg != nullptr ? stream.msg : "damaged gzip data"),
                     where};
      }
    }
  }

private:
  std::shared_ptr<const MappedFile> m_file;
  std::vector<ArchiveMember> m_members;
};

} // namespace

bool isGzip(std::span<const std::byte> head) {
  return head.size() >= 2 && head[0] == std::byte{0x1f} && head[1] == std::byte{0x8b};
}

Result<std::unique_ptr<const Archive>> openGzip(std::shared_ptr<const MappedFile> file) {
  return std::unique_ptr<const Archive>(std::make_unique<GzipArchive>(std::move(file)));
}

} // namespace halfstep
