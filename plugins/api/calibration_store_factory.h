// Made by a plug-in of kind "store": the object that Qt instantiates, which makes the store of calibrations.
#pragma once

#include "core/io/calibration_store.h"
#include "plugins/api/manifest.h"

#include <QtPlugin>

#include <memory>

namespace halfstep {

/// Owned by Qt for the life of the program (plug-ins are never unloaded). Called on the thread of the host.
class CalibrationStoreFactory {
public:
  virtual ~CalibrationStoreFactory() = default;
  /// A new store, which may be used on any thread. Never null.
  virtual std::unique_ptr<CalibrationStore> createCalibrationStore() const = 0;
};

} // namespace halfstep

#define HALFSTEP_STORE_IID "org.halfstep.CalibrationStoreFactory"
Q_DECLARE_INTERFACE(halfstep::CalibrationStoreFactory, HALFSTEP_STORE_IID)
