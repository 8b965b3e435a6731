#include "plugins/api/exporter_factory.h"
#include "plugins/exporters/onnx_model/onnx_exporter.h"

#include <QObject>

namespace halfstep {

class OnnxModelPlugin : public QObject, public ExporterFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_EXPORTER_IID FILE "onnx_model_plugin.json")
  Q_INTERFACES(halfstep::ExporterFactory)
public:
  std::vector<std::unique_ptr<Exporter>> createExporters() const override {
    std::vector<std::unique_ptr<Exporter>> exporters;
    exporters.push_back(std::make_unique<QdqExporter>());
    exporters.push_back(std::make_unique<DynamicExporter>());
    exporters.push_back(std::make_unique<MatMulNBitsExporter>());
    exporters.push_back(std::make_unique<HalfExporter>());
    exporters.push_back(std::make_unique<Bfloat16Exporter>());
    return exporters;
  }
};

} // namespace halfstep

#include "onnx_model_plugin.moc"
