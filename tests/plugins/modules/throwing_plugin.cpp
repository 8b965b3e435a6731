// A loader whose factory throws, and so must be diagnosed, not crash the program.
#include "plugins/api/loader_factory.h"

#include <QObject>

#include <stdexcept>

class ThrowingPlugin : public QObject, public halfstep::LoaderFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_LOADER_IID FILE "throwing_plugin.json")
  Q_INTERFACES(halfstep::LoaderFactory)
public:
  std::unique_ptr<halfstep::ModelLoader> createLoader() const override {
    throw std::runtime_error("no licence found");
  }
};

#include "throwing_plugin.moc"
