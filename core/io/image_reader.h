// What decodes pictures. Implemented by plug-ins of kind "images".
#pragma once

#include "core/support/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace halfstep {

/// A picture as it is stored: not turned as its camera's notes might ask, transparency dropped.
struct PixelImage {
  int width = 0;
  int height = 0;
  int channels = 3;                 ///< 3: red, green, blue; 1: grey
  std::vector<std::uint8_t> pixels; ///< [height, width, channels]
  bool operator==(const PixelImage&) const = default;
};

class ImageReader {
public:
  virtual ~ImageReader() = default;

  /// Lower case, without dots: {"jpg", "jpeg", "png"}.
  virtual std::vector<std::string> suffixes() const = 0;
  /// The picture in `bytes`, recognised by its content; the first one of several. Any thread; several at a
  /// time. Errors: `damagedFile`, also where it is larger than the reader allows; `unsupported`.
  virtual Result<PixelImage> read(std::span<const std::byte> bytes) const = 0;
};

} // namespace halfstep
