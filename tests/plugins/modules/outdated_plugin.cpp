// A loader built for another version of the plug-in API. Its code must not run.
#include "plugins/api/loader_factory.h"

#include <QObject>

#include <cstdlib>

namespace {
struct Tripwire {
  Tripwire() { std::abort(); }
} tripwire;
} // namespace

class OutdatedPlugin : public QObject, public halfstep::LoaderFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_LOADER_IID FILE "outdated_plugin.json")
  Q_INTERFACES(halfstep::LoaderFactory)
public:
  std::unique_ptr<halfstep::ModelLoader> createLoader() const override { return nullptr; }
};

#include "outdated_plugin.moc"
