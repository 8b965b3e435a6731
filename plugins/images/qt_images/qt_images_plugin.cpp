#include "plugins/api/image_reader_factory.h"
#include "plugins/images/qt_images/qt_image_reader.h"

#include <QObject>

namespace halfstep {

class QtImagesPlugin : public QObject, public ImageReaderFactory {
  Q_OBJECT
  Q_PLUGIN_METADATA(IID HALFSTEP_IMAGES_IID FILE "qt_images_plugin.json")
  Q_INTERFACES(halfstep::ImageReaderFactory)
public:
  std::unique_ptr<ImageReader> createImageReader() const override {
    return std::make_unique<QtImageReader>();
  }
};

} // namespace halfstep

#include "qt_images_plugin.moc"
