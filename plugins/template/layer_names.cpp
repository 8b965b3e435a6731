// The smallest complete plug-in: an exporter that writes one line per layer. To make your own, copy this
// folder, rename the classes, and change the metadata in the JSON file beside it.
#include "core/io/atomic_file.h"
#include "plugins/api/exporter_factory.h"

#include <QObject>

namespace halfstep {

namespace {

class LayerNamesExporter : public Exporter {
public:
  std::string formatName() const override { return "layer-names"; }
  std::string title() const override { return "Layer names"; }
  std::string explanation() const override { return "One layer name per line, for people."; }
  std::string suffix() const override { return "txt"; }

  std::vector<ExportLoss> losses(const ExportInput& input) const override {
    std::vector<ExportLoss> losses;
    for (const Layer& layer : input.model->layers) {
      losses.push_back({layer.name, "its scheme"});
    }
    return losses;
  }

  Result<ExportReport> write(const ExportInput& input, const std::filesystem::path& path,
                             const JobContext& context) const override {
    HALFSTEP_CHECK(context.checkpoint());
    std::string text;
    for (const Layer& layer : input.model->layers) {
      text += layer.name + "\n";
    }
    HALFSTEP_CHECK(writeFileAtomically(path, text));
    return ExportReport{{path}, losses(input)};
  }
};

} // namespace

class LayerNamesPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "layer_names.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    std::vector<std::unique_ptr<Exporter>> exporters;
    exporters.push_back(std::make_unique<LayerNamesExporter>());
    return exporters;
  }
};

} // namespace halfstep

#include "layer_names.moc"
