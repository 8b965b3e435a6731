#include "plugins/api/exporter_factory.h"
#include "plugins/exporters/ort_overrides/ort_exporter.h"

#include <QObject>

namespace halfstep {

class OrtOverridesPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "ort_plugin.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    std::vector<std::unique_ptr<Exporter>> exporters;
    exporters.push_back(std::make_unique<OrtOverridesExporter>());
    return exporters;
  }
};

} // namespace halfstep

#include "ort_plugin.moc"
