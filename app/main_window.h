// The main window: docks, tool bar, menu bar and status bar put together, and nothing else. UI thread.
#pragma once

#include "app/session.h"

#include <QMainWindow>

class QDockWidget;
class QLabel;
class QStackedWidget;

namespace halfstep {

class Commands;
class ActivationPanel;
class DistributionPanel;
class ErrorPanel;
class LatencyPanel;
class TradeOffPanel;
class LayersPanel;
class PageStack;
class SensitivityPanel;
class StartPage;

class MainWindow : public QMainWindow {
  Q_OBJECT

public:
  explicit MainWindow(Session& session);
  ~MainWindow() override;

  Commands& commands() { return *m_commands; }
  PageStack& pages() { return *m_pages; }
  /// Starts the measurement of the page that is shown, if it has one.
  void measurePage();

signals:
  void themeChosen(const QString& name);

protected:
  void closeEvent(QCloseEvent* event) override;
  /// Takes files that are dropped on any widget of the window.
  bool eventFilter(QObject* watched, QEvent* event) override;

private:
  QDockWidget* dock(const QString& name, const QString& title, QWidget* content, Qt::DockWidgetArea area);
  void makePanels();
  void makeToolBar();
  void makeStatusBar();
  void connectSession();
  void makePages();
  void showModel();
  void showPage(const QString& name);
  void keepWidths();
  static void giveUp(QDockWidget& dock, bool& hidden, bool wanted);
  void restoreWindow();
  void shareWidth();
  void savePlot(const QString& suffix);
  void note(const QString& text);
  /// What did not work, where it can be read later.
  void warn(const QString& text);

  Session& m_session;
  Commands* m_commands;
  QStackedWidget* m_center;
  StartPage* m_start;
  PageStack* m_pages;
  DistributionPanel* m_distribution;
  ActivationPanel* m_activations;
  SensitivityPanel* m_sensitivity;
  ErrorPanel* m_error;
  LatencyPanel* m_latency;
  TradeOffPanel* m_tradeOff;
  LayersPanel* m_layers;
  QDockWidget* m_layersDock = nullptr;
  QDockWidget* m_schemeDock = nullptr;
  QDockWidget* m_jobsDock = nullptr;
  QDockWidget* m_logDock = nullptr;
  QLabel* m_modelName = nullptr;
  QLabel* m_modelFacts = nullptr;
  int m_layersWidth = 1;       ///< when it was last shown
  int m_schemeWidth = 1;       ///< likewise
  bool m_layersHidden = false; ///< by a page that lists the layers itself
  bool m_schemeHidden = false; ///< by a page that needs the room
  bool m_closeConfirmed = false;
};

} // namespace halfstep
