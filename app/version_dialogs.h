// Opens the dialogs about the plan's named versions and does what they ask for. Owned by Commands; UI thread.
#pragma once

#include "app/session.h"

#include <QObject>
#include <QPointer>

class QWidget;

namespace halfstep {

class VersionsDialog;

class VersionDialogs : public QObject {
  Q_OBJECT

public:
  VersionDialogs(Session& session, QWidget& window);

  /// Asks for a name and a note, and keeps the present plan under them.
  void save();
  /// The list of versions; the one that is open already comes to the front.
  void showAll();

signals:
  void message(const QString& text);
  void pageRequested(const QString& name);

private:
  void compare(const QString& version);

  Session& m_session;
  QWidget& m_window;
  QPointer<VersionsDialog> m_list;
};

} // namespace halfstep
