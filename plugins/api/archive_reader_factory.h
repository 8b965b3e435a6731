// Made by a plug-in of kind "archive": the object that Qt instantiates, which makes the reader of archives.
#pragma once

#include "core/io/archive_reader.h"
#include "plugins/api/manifest.h"

#include <QtPlugin>

#include <memory>

namespace halfstep {

/// Owned by Qt for the life of the program (plug-ins are never unloaded). Called on the thread of the host.
class ArchiveReaderFactory {
public:
  virtual ~ArchiveReaderFactory() = default;
  /// A new reader, which may be used on any thread. Never null.
  virtual std::unique_ptr<ArchiveReader> createArchiveReader() const = 0;
};

} // namespace halfstep

#define HALFSTEP_ARCHIVE_IID "org.halfstep.ArchiveReaderFactory"
Q_DECLARE_INTERFACE(halfstep::ArchiveReaderFactory, HALFSTEP_ARCHIVE_IID)
