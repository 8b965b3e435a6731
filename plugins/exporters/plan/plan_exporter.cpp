// The plan itself: what Halfstep reads back.
#include "core/io/plan_file.h"
#include "plugins/api/exporter_factory.h"

#include <QObject>

namespace halfstep {

namespace {

class PlanExporter : public Exporter {
public:
  std::string formatName() const override { return "plan"; }
  std::string title() const override { return "Halfstep plan"; }
  std::string explanation() const override {
    return "A scheme for every layer; read by halfstep --plan FILE MODEL and by halfstep-cli --plan.";
  }
  std::string suffix() const override { return "halfstep.json"; }
  std::vector<ExportLoss> losses(const ExportInput&) const override { return {}; }

  Result<ExportReport> write(const ExportInput& input, const std::filesystem::path& path,
                             const JobContext& context) const override {
    HALFSTEP_CHECK(context.checkpoint());
    HALFSTEP_CHECK(savePlan(input.plan, path));
    return ExportReport{{path}, {}};
  }
};

} // namespace

class PlanExporterPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "plan_exporter.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    std::vector<std::unique_ptr<Exporter>> exporters;
    exporters.push_back(std::make_unique<PlanExporter>());
    return exporters;
  }
};

} // namespace halfstep

#include "plan_exporter.moc"
