// Draws the settled window into a PNG file: `halfstep --screenshot`. UI thread.
#pragma once

#include "app/main_window.h"

#include <QSize>

#include <functional>

namespace halfstep {

struct ScreenshotRequest {
  QString path;
  QString page;  ///< "distribution" or "start"
  QString layer; ///< by name; empty for the first
  QSize size{1440, 900};
};

/// Waits (without blocking) until nothing computes any more, writes the picture and calls `done` with the
/// exit status and an error message (empty on success).
void takeScreenshot(Session& session, MainWindow& window, const ScreenshotRequest& request,
                    const std::function<void(int, const QString&)>& done);

} // namespace halfstep
