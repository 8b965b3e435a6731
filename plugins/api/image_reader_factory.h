// Made by a plug-in of kind "images": the object that Qt instantiates, which makes the reader of pictures.
#pragma once

#include "core/io/image_reader.h"
#include "plugins/api/manifest.h"

#include <QtPlugin>

#include <memory>

namespace halfstep {

/// Owned by Qt for the life of the program (plug-ins are never unloaded). Called on the thread of the host.
class ImageReaderFactory {
public:
  virtual ~ImageReaderFactory() = default;
  /// A new reader, which may be used on any thread. Never null.
  virtual std::unique_ptr<ImageReader> createImageReader() const = 0;
};

} // namespace halfstep

#define HALFSTEP_IMAGES_IID "org.halfstep.ImageReaderFactory"
Q_DECLARE_INTERFACE(halfstep::ImageReaderFactory, HALFSTEP_IMAGES_IID)
