// Made by a plug-in of kind "exporter": the object that Qt instantiates, which makes the exporters of one
// module (one for each format it writes).
#pragma once

#include "core/io/exporter.h"
#include "plugins/api/manifest.h"

#include <QtPlugin>

#include <memory>
#include <vector>

namespace halfstep {

/// Owned by Qt for the life of the program (plug-ins are never unloaded). Called on the thread of the host.
class ExporterFactory {
public:
  virtual ~ExporterFactory() = default;
  /// New exporters, which may be used on any thread. None of them null.
  virtual std::vector<std::unique_ptr<Exporter>> createExporters() const = 0;
};

} // namespace halfstep

#define HALFSTEP_EXPORTER_IID "org.halfstep.ExporterFactory"
Q_DECLARE_INTERFACE(halfstep::ExporterFactory, HALFSTEP_EXPORTER_IID)
