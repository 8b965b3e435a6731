#include "plugins/api/loader_factory.h"
#include "plugins/loaders/onnx/onnx_loader.h"

#include <QObject>

namespace halfstep {

class OnnxPlugin : public QObject, public LoaderFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_LOADER_IID FILE "onnx_plugin.json")
  Q_INTERFACES(halfstep::LoaderFactory)
public:
  std::unique_ptr<ModelLoader> createLoader() const override { return std::make_unique<OnnxLoader>(); }
};

} // namespace halfstep

#include "onnx_plugin.moc"
