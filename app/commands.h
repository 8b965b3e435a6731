// Every named action of the window with its shortcut, and what it does. Owned by the main window; UI thread.
#pragma once

#include "app/session.h"

#include <QAction>
#include <QObject>

#include <functional>

class QMenu;
class QMenuBar;
class QToolBar;
class QWidget;

namespace halfstep {

class VersionDialogs;

class Commands : public QObject {
  Q_OBJECT

public:
  Commands(Session& session, QWidget& window);

  void fillMenuBar(QMenuBar& bar, const QList<QAction*>& panels);
  void fillToolBar(QToolBar& bar);

  void openDialog();
  /// The page that is shown: what is copied as a command.
  void setPage(const QString& page) { m_page = page; }
  /// Opens a model, or a plan by its suffix; asks first where unsaved work would be lost.
  void open(const QString& path);
  /// The same for what was dropped together: a model, a plan, or a model with its plan. Not empty.
  void openAll(const QStringList& paths);
  void saveVersion();
  void showVersions();
  /// Calls `proceed` at once, or after the person saved or gave up the unsaved plan; not at all on Cancel.
  void afterSaving(const std::function<void()>& proceed);

signals:
  void findRequested();
  void fullScreenToggled();
  void themeChosen(const QString& name);
  void message(const QString& text);
  void pageRequested(const QString& name);
  /// The plot in focus, or the page's first, is to be saved as "png" or "svg".
  void plotSaveRequested(const QString& suffix);

private:
  QAction* add(const QString& name, const QString& text, const QKeySequence& shortcut, const QString& tooltip,
               const std::function<void()>& run);
  void makeActions();
  void updateActions();
  void fillRecent();
  void fillExports();
  void savePlan();
  void savePlanAs(const std::function<void()>& afterwards = {});
  void openPlanDialog();
  void exportDialog(const Exporter& exporter);
  void exportFileDialog(const Exporter& exporter);
  void copyCommand();
  void saveLogDialog();
  void showAbout();
  void openDataDialog();
  enum class CalibrationUse { save, open, compare };
  void calibrationDialog(CalibrationUse use);

  Session& m_session;
  QWidget& m_window;
  VersionDialogs* m_versions;
  QAction* m_open = nullptr;
  QAction* m_reload = nullptr;
  QAction* m_close = nullptr;
  QAction* m_openPlan = nullptr;
  QAction* m_savePlan = nullptr;
  QAction* m_savePlanAs = nullptr;
  QAction* m_saveVersion = nullptr;
  QAction* m_showVersions = nullptr;
  QAction* m_copyCommand = nullptr;
  QAction* m_undo = nullptr;
  QAction* m_redo = nullptr;
  QAction* m_find = nullptr;
  QAction* m_fullScreen = nullptr;
  QAction* m_quit = nullptr;
  QAction* m_savePng = nullptr;
  QAction* m_saveSvg = nullptr;
  QAction* m_saveLog = nullptr;
  QAction* m_about = nullptr;
  QMenu* m_recent;
  QMenu* m_export;
  QMenu* m_data;
  QString m_page;
  QAction* m_openData = nullptr;
  QAction* m_drawData = nullptr;
  QAction* m_saveCalibration = nullptr;
  QAction* m_openCalibration = nullptr;
  QAction* m_compareCalibration = nullptr;
};

} // namespace halfstep
