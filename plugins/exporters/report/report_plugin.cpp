#include "plugins/api/exporter_factory.h"
#include "plugins/exporters/report/csv_report.h"
#include "plugins/exporters/report/html_report.h"
#include "plugins/exporters/report/json_report.h"

#include <QObject>

namespace halfstep {

class ReportPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "report_plugin.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    std::vector<std::unique_ptr<Exporter>> exporters;
    exporters.push_back(std::make_unique<HtmlReport>());
    exporters.push_back(std::make_unique<JsonReport>());
    exporters.push_back(std::make_unique<CsvReport>());
    return exporters;
  }
};

} // namespace halfstep

#include "report_plugin.moc"
