// The plug-in's entry point.
#include "plugins/api/calibration_store_factory.h"
#include "plugins/stores/hdf5/hdf5_store.h"

#include <QObject>

namespace halfstep {

class Hdf5Plugin : public QObject, public CalibrationStoreFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_STORE_IID FILE "hdf5.json")
  Q_INTERFACES(halfstep::CalibrationStoreFactory)

public:
  std::unique_ptr<CalibrationStore> createCalibrationStore() const override {
    return std::make_unique<Hdf5Store>();
  }
};

} // namespace halfstep

#include "hdf5_plugin.moc"
