#include "plugins/api/archive_reader_factory.h"
#include "plugins/archives/zip_gzip/gzip_archive.h"
#include "plugins/archives/zip_gzip/zip_archive.h"

#include <QObject>

namespace halfstep {

namespace {

class ZipGzipReader : public ArchiveReader {
public:
  bool recognise(std::span<const std::byte> head) const override { return isZip(head) || isGzip(head); }
  Result<std::unique_ptr<const Archive>> open(const std::filesystem::path& path) const override {
    HALFSTEP_TRY(auto file, MappedFile::open(path));
    if (isGzip(file->bytes())) {
      return openGzip(std::move(file));
    }
    return openZip(std::move(file));
  }
};

} // namespace

class ZipGzipPlugin : public QObject, public ArchiveReaderFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_ARCHIVE_IID FILE "zip_gzip_plugin.json")
  Q_INTERFACES(halfstep::ArchiveReaderFactory)
public:
  std::unique_ptr<ArchiveReader> createArchiveReader() const override {
    return std::make_unique<ZipGzipReader>();
  }
};

} // namespace halfstep

#include "zip_gzip_plugin.moc"
