// The whole program for tests of the window: a session whose plug-ins are the built ones and whose settings
// start empty, and its window.
#pragma once

#include "app/commands.h"
#include "app/main_window.h"
#include "tests/support/paths.h"

#include <QPushButton>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

namespace halfstep::test {

inline const QString kSamples = QStringLiteral(HALFSTEP_SOURCE_DIR "/sample_models/");
inline constexpr int kPatience =
    240000; ///< milliseconds that a job may take on a busy machine, under a sanitizer

struct Program {
  QTemporaryDir folder;
  Session session{folder.filePath("settings.ini")};
  MainWindow window{session};

  Program() {
    window.resize(1280, 800);
    window.show();
  }

  /// As the Open dialog does; with a plan as the command line does. False: it does not open, or not settle.
  bool open(const QString& path, const QString& plan = {}) {
    QSignalSpy opened(&session, &Session::opened);
    if (plan.isEmpty()) {
      window.commands().open(path);
    } else {
      session.openModel(path, plan);
    }
    return opened.wait(10000) && settle();
  }
  bool settle() {
    return QTest::qWaitFor([this] { return session.isSettled(); }, kPatience);
  }
  template <class T>
  T* child(const char* name) {
    return window.findChild<T*>(QLatin1String(name));
  }
  void press(const char* name) { QTest::mouseClick(child<QPushButton>(name), Qt::LeftButton); }
};

} // namespace halfstep::test
