// Pictures through QImageReader. No QGuiApplication is needed.
#pragma once

#include "core/io/image_reader.h"

namespace halfstep {

/// Any thread; several at a time. A picture may take at most 256 MiB as Qt decodes it (64 million pixels).
class QtImageReader : public ImageReader {
public:
  /// Those that Qt's readers here name, without the ones for drawings (svg) and documents (pdf).
  std::vector<std::string> suffixes() const override;
  Result<PixelImage> read(std::span<const std::byte> bytes) const override;
};

} // namespace halfstep
