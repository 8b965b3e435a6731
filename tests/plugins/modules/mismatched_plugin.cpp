// A module that says loader in its metadata and has the exporter's interface. Its code must not run.
#include "plugins/api/exporter_factory.h"

#include <QObject>

#include <cstdlib>

namespace {
struct Tripwire {
  Tripwire() { std::abort(); }
} tripwire;
} // namespace

class MismatchedPlugin : public QObject, public halfstep::ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "mismatched_plugin.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<halfstep::Exporter>> createExporters() const override { return {}; }
};

#include "mismatched_plugin.moc"
