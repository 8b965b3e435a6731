#include "app/screenshot.h"

#include "core/io/atomic_file.h"
#include "core/support/near_names.h"
#include "widgets/panels/page_stack.h"

#include <QBuffer>
#include <QPixmap>
#include <QTimer>

namespace halfstep {

namespace {

constexpr int kPollMilliseconds = 50;
constexpr int kQuietPolls = 5; ///< in a row; covers queued repaints and the plan's settling time

Result<void> writePicture(QWidget& window, const QString& path) {
  QByteArray bytes;
  QBuffer buffer(&bytes);
  buffer.open(QIODevice::WriteOnly);
  if (!window.grab().save(&buffer, "PNG")) {
    return Error{ErrorKind::failed, "the picture could not be encoded", {}, path.toStdString()};
  }
  return writeFileAtomically(
      path.toStdString(),
      std::as_bytes(std::span(bytes.constData(), static_cast<std::size_t>(bytes.size()))));
}

} // namespace

void takeScreenshot(Session& session, MainWindow& window, const ScreenshotRequest& request,
                    const std::function<void(int, const QString&)>& done) {
  if (!request.layer.isEmpty() && session.document().model()) {
    const auto index = session.document().model()->layerIndex(request.layer.toStdString());
    if (!index) {
      std::vector<std::string> names;
      for (const Layer& layer : session.document().model()->layers) {
        names.push_back(layer.name);
      }
      done(2, QObject::tr("the model has no layer called %1%2")
                  .arg(request.layer,
                       QString::fromStdString(nearNamesText(request.layer.toStdString(), names))));
      return;
    }
    session.selection().select({static_cast<int>(*index)}, static_cast<int>(*index));
  }
  window.pages().setCurrentPage(request.page);
  auto* poll = new QTimer(&window);
  poll->setInterval(kPollMilliseconds);
  auto quiet = std::make_shared<int>(0);
  auto measure = std::make_shared<bool>(request.measure);
  QObject::connect(poll, &QTimer::timeout, &window,
                   [poll, quiet, measure, &session, &window, path = request.path, done] {
                     *quiet = session.isSettled() ? *quiet + 1 : 0;
                     if (*quiet < kQuietPolls) {
                       return;
                     }
                     if (std::exchange(*measure, false)) { // the data is there now
                       window.measurePage();
                       *quiet = 0;
                       return;
                     }
                     poll->stop();
                     const auto written = writePicture(window, path);
                     done(written ? 0 : exitStatus(written.error().kind),
                          written ? QString() : QString::fromStdString(written.error().message()));
                   });
  poll->start();
}

} // namespace halfstep
