#include "plugins/images/qt_images/qt_image_reader.h"

#include <QBuffer>
#include <QImageReader>

#include <algorithm>
#include <array>

namespace halfstep {

namespace {

constexpr qint64 kMostPixels = qint64{64} << 20;
/// Scaled drawings are no data, and their readers do more than decode.
constexpr std::array<const char*, 4> kLeftOut = {"svg", "svgz", "pdf", "icns"};

bool isLeftOut(const QByteArray& format) {
  return std::any_of(kLeftOut.begin(), kLeftOut.end(), [&](const char* name) { return format == name; });
}

} // namespace

std::vector<std::string> QtImageReader::suffixes() const {
  std::vector<std::string> suffixes;
  for (const QByteArray& format : QImageReader::supportedImageFormats()) {
    if (!isLeftOut(format)) {
      suffixes.push_back(format.toStdString());
    }
  }
  return suffixes;
}

Result<PixelImage> QtImageReader::read(std::span<const std::byte> bytes) const {
  // The buffer is read from and lives as long as the reader: no copy.
  QByteArray content = QByteArray::fromRawData(reinterpret_cast<const char*>(bytes.data()),
                                               static_cast<qsizetype>(bytes.size()));
  QBuffer buffer(&content);
  buffer.open(QIODevice::ReadOnly);
  QImageReader reader(&buffer);
  reader.setDecideFormatFromContent(true);
  reader.setAutoTransform(false); // pixels as they are stored, as Pillow gives them
  if (!reader.canRead() || isLeftOut(reader.format())) {
    return Error{ErrorKind::unsupported, "is no picture that this program reads"};
  }
  // Before anything is allocated; the limit of Qt itself (QImageReader::setAllocationLimit, 256 MiB unless
  // somebody changed it) is one for the whole program, and not ours to set.
  const QSize size = reader.size();
  const qint64 pixels = qint64{size.width()} * size.height();
  if (size.isValid() && pixels > kMostPixels) {
    return damaged("is a picture of " + std::to_string(size.width()) + " × " + std::to_string(size.height()) +
                   " pixels; the most are 64 million");
  }
  QImage image = reader.read();
  if (image.isNull()) {
    return damaged("cannot be decoded: " + reader.errorString().toStdString());
  }
  if (qint64{image.width()} * image.height() > kMostPixels) {
    return damaged("is a picture of more than 64 million pixels");
  }
  const bool grey = image.isGrayscale() && (image.format() == QImage::Format_Grayscale8 ||
                                            image.format() == QImage::Format_Grayscale16 ||
                                            image.format() == QImage::Format_Indexed8);
  image = std::move(image).convertToFormat(grey ? QImage::Format_Grayscale8 : QImage::Format_RGB888);
  if (image.isNull()) {
    return Error{ErrorKind::failed, "there is not enough memory to decode it"};
  }
  PixelImage pixelsOfIt{image.width(), image.height(), grey ? 1 : 3, {}};
  const auto row = static_cast<std::size_t>(image.width()) * (grey ? 1 : 3);
  pixelsOfIt.pixels.resize(row * static_cast<std::size_t>(image.height()));
  for (int y = 0; y < image.height(); ++y) {
    std::copy_n(image.constScanLine(y), row, pixelsOfIt.pixels.data() + static_cast<std::size_t>(y) * row);
  }
  return pixelsOfIt;
}

} // namespace halfstep
