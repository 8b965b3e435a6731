// Made by a plug-in of kind "loader": the object that Qt instantiates, which makes the model loader.
#pragma once

#include "core/io/model_loader.h"
#include "plugins/api/manifest.h"

#include <QtPlugin>

#include <memory>

namespace halfstep {

/// Owned by Qt for the life of the program (plug-ins are never unloaded). Called on the thread of the host.
class LoaderFactory {
public:
  virtual ~LoaderFactory() = default;
  /// A new loader, which may be used on any thread. Never null.
  virtual std::unique_ptr<ModelLoader> createLoader() const = 0;
};

} // namespace halfstep

#define HALFSTEP_LOADER_IID "org.halfstep.LoaderFactory"
Q_DECLARE_INTERFACE(halfstep::LoaderFactory, HALFSTEP_LOADER_IID)
