// Draws the settled window into a PNG file: `halfstep --screenshot`. UI thread.
#pragma once

#include "app/main_window.h"

#include <QSize>

#include <functional>

namespace halfstep {

struct ScreenshotRequest {
  QString path;
  QString page;         ///< "start" or the name of a page of the window
  bool measure = false; ///< start the page's measurement first
  QString layer;        ///< by name; empty for the first
  QSize size{1440, 900};
};

/// Waits (without blocking) until nothing computes any more, writes the picture and calls `done` with the
/// exit status and an error message (empty on success).
void takeScreenshot(Session& session, MainWindow& window, const ScreenshotRequest& request,
                    const std::function<void(int, const QString&)>& done);

} // namespace halfstep
