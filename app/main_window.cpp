#include "app/main_window.h"

#include "app/commands.h"
#include "app/plain_texts.h"
#include "core/support/units.h"
#include "widgets/panels/activation_panel.h"
#include "widgets/panels/distribution_panel.h"
#include "widgets/panels/error_panel.h"
#include "widgets/panels/jobs_panel.h"
#include "widgets/panels/latency_panel.h"
#include "widgets/panels/layers_panel.h"
#include "widgets/panels/log_panel.h"
#include "widgets/panels/page_stack.h"
#include "widgets/panels/scheme_panel.h"
#include "widgets/panels/sensitivity_panel.h"
#include "widgets/panels/start_page.h"
#include "widgets/panels/status_widgets.h"
#include "widgets/panels/trade_off_panel.h"
#include "widgets/plots/plot.h"
#include "widgets/style/theme.h"

#include <QApplication>
#include <QCloseEvent>
#include <QDockWidget>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenuBar>
#include <QMimeData>
#include <QScreen>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTimer>
#include <QToolBar>

namespace halfstep {

namespace {

constexpr int kMessageMilliseconds = 6000;
constexpr int kStateVersion = 1;

QStringList localFiles(const QMimeData& data) {
  QStringList files;
  for (const QUrl& url : data.urls()) {
    if (url.isLocalFile()) {
      files << url.toLocalFile();
    }
  }
  return files;
}

} // namespace

MainWindow::MainWindow(Session& session)
    : m_session(session)
    , m_commands(new Commands(session, *this))
    , m_center(new QStackedWidget)
    , m_start(new StartPage)
    , m_pages(new PageStack)
    , m_distribution(new DistributionPanel(session.document(), session.selection(), session.explorer()))
    , m_activations(new ActivationPanel(session.document(), session.selection(), session.analysis()))
    , m_sensitivity(new SensitivityPanel(session.document(), session.selection(), session.analysis()))
    , m_error(new ErrorPanel(session.document(), session.selection(), session.analysis()))
    , m_latency(new LatencyPanel(session.document(), session.selection(), session.analysis(),
                                 session.deviceProfiles()))
    , m_tradeOff(new TradeOffPanel(session.document(), session.selection(), session.analysis(),
                                   session.tradeOff(), session.comparison()))
    , m_layers(new LayersPanel(session.document(), session.selection())) {
  setObjectName(QStringLiteral("main_window"));
  setAcceptDrops(true);
  new PlainTexts(this);
  qApp->installEventFilter(this); // files may be dropped on any part of the window
  setDockOptions(AnimatedDocks | AllowTabbedDocks | AllowNestedDocks);
  m_center->addWidget(m_start);
  m_center->addWidget(m_pages);
  setCentralWidget(m_center);
  makePages();
  makePanels();
  makeToolBar();
  makeStatusBar();
  connectSession();
  m_start->setRecentFiles(m_session.recentFiles());
  m_start->setSamples(sampleModels(Session::sampleFolder()));
  restoreWindow();
  showModel();
}

MainWindow::~MainWindow() = default;

QDockWidget* MainWindow::dock(const QString& name, const QString& title, QWidget* content,
                              Qt::DockWidgetArea area) {
  auto* made = new QDockWidget(title, this);
  made->setObjectName(name + QStringLiteral("_dock"));
  made->setWidget(content);
  addDockWidget(area, made);
  return made;
}

void MainWindow::makePages() {
  m_pages->addPage(QStringLiteral("distribution"), tr("Distribution"),
                   tr("The selected layer's weights and what its scheme does to them"), m_distribution);
  m_pages->addPage(QStringLiteral("activations"), tr("Activations"),
                   tr("What flows into and out of the selected layer, seen by calibration"), m_activations);
  connect(m_activations, &ActivationPanel::failed, this, &MainWindow::warn);
  m_pages->addPage(QStringLiteral("sensitivity"), tr("Sensitivity"),
                   tr("What quantizing each layer alone does to the network's output"), m_sensitivity);
  m_pages->addPage(QStringLiteral("error"), tr("Error"),
                   tr("What the whole plan does to the output, and where along the network error grows"),
                   m_error);
  m_pages->addPage(QStringLiteral("latency"), tr("Latency"),
                   tr("How long every layer takes in each type, and why a smaller one is not faster"),
                   m_latency);
  m_pages->addPage(QStringLiteral("trade-off"), tr("Trade-off"),
                   tr("The best plan for every budget, predicted and measured"), m_tradeOff);
  connect(m_latency, &LatencyPanel::failed, this, &MainWindow::warn);
  connect(m_tradeOff, &TradeOffPanel::failed, this, &MainWindow::warn);
  connect(m_tradeOff, &TradeOffPanel::saveVersionRequested, m_commands, &Commands::saveVersion);
  connect(m_tradeOff, &TradeOffPanel::versionsRequested, m_commands, &Commands::showVersions);
  connect(m_commands, &Commands::pageRequested, m_pages, &PageStack::setCurrentPage);
  connect(m_pages, &PageStack::pageAboutToChange, this, &MainWindow::keepWidths);
  connect(m_pages, &PageStack::pageChanged, this, &MainWindow::showPage);
  connect(m_pages, &PageStack::pageChanged, m_commands, &Commands::setPage);
  connect(m_sensitivity, &SensitivityPanel::failed, this, &MainWindow::warn);
  connect(m_error, &ErrorPanel::failed, this, &MainWindow::warn);
}

void MainWindow::showPage(const QString& name) {
  // The other pages list the layers themselves and want the room, and the Trade-off page edits the plan by
  // itself; whoever shows a panel there keeps it.
  const bool lists = name != QLatin1String("distribution") && name != QLatin1String("activations");
  const bool wereHidden = m_layersHidden || m_schemeHidden;
  giveUp(*m_layersDock, m_layersHidden, lists);
  giveUp(*m_schemeDock, m_schemeHidden, name == QLatin1String("trade-off"));
  if (wereHidden && !m_layersHidden) {
    // Soon: for now the page before still counts, which leaves them hardly any room.
    QTimer::singleShot(0, this, [this] {
      resizeDocks({m_layersDock, m_schemeDock}, {m_layersWidth, m_schemeWidth}, Qt::Horizontal);
    });
  }
}

void MainWindow::keepWidths() {
  // Before the next page is there: a wide one takes its room from them at once.
  if (m_layersHidden) {
    return;
  }
  m_layersWidth = m_layersDock->isVisible() ? m_layersDock->width() : m_layersWidth;
  m_schemeWidth = m_schemeDock->isVisible() ? m_schemeDock->width() : m_schemeWidth;
}

void MainWindow::giveUp(QDockWidget& dock, bool& hidden, bool wanted) {
  if (wanted && !hidden && dock.isVisible()) {
    hidden = true;
    dock.hide();
  } else if (!wanted && hidden) {
    hidden = false;
    dock.show();
  }
}

void MainWindow::measurePage() {
  if (m_pages->currentPage() == QLatin1String("sensitivity")) {
    m_sensitivity->measure();
  } else if (m_pages->currentPage() == QLatin1String("error")) {
    m_error->measure();
  } else if (m_pages->currentPage() == QLatin1String("activations")) {
    m_activations->measure();
  } else if (m_pages->currentPage() == QLatin1String("latency")) {
    m_latency->measure();
  } else if (m_pages->currentPage() == QLatin1String("trade-off")) {
    m_tradeOff->measure();
  }
}

void MainWindow::makePanels() {
  setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
  setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
  m_layersDock = dock(QStringLiteral("layers"), tr("Layers"), m_layers, Qt::LeftDockWidgetArea);
  auto* scheme = new SchemePanel(m_session.document(), m_session.selection(), m_session.explorer(),
                                 [this] { return m_layers->shownLayers(); });
  m_schemeDock = dock(QStringLiteral("scheme"), tr("Scheme"), scheme, Qt::RightDockWidgetArea);
  auto* jobs = new JobsPanel(m_session.jobs());
  m_jobsDock = dock(QStringLiteral("jobs"), tr("Jobs"), jobs, Qt::BottomDockWidgetArea);
  m_logDock = dock(QStringLiteral("log"), tr("Log"), new LogPanel(m_session.log()), Qt::BottomDockWidgetArea);
  tabifyDockWidget(m_jobsDock, m_logDock);
  m_jobsDock->hide();
  m_logDock->hide();
  connect(m_layers, &LayersPanel::failed, this, &MainWindow::warn);
  connect(jobs, &JobsPanel::failed, this, &MainWindow::warn);
  connect(scheme, &SchemePanel::failed, this, &MainWindow::warn);
  connect(m_distribution, &DistributionPanel::failed, this, &MainWindow::warn);
  m_commands->fillMenuBar(*menuBar(), {m_layersDock->toggleViewAction(), m_schemeDock->toggleViewAction(),
                                       m_jobsDock->toggleViewAction(), m_logDock->toggleViewAction()});
}

void MainWindow::makeToolBar() {
  auto* bar = addToolBar(tr("Main"));
  bar->setObjectName(QStringLiteral("main_toolbar"));
  bar->setMovable(false);
  bar->setContextMenuPolicy(Qt::PreventContextMenu);
  auto* heading = new QWidget;
  auto* layout = new QHBoxLayout(heading);
  layout->setContentsMargins(kSpaceSmall, 0, kSpace, 0);
  m_modelName = new QLabel;
  m_modelName->setProperty("role", "title");
  m_modelName->setObjectName(QStringLiteral("model_name"));
  m_modelFacts = new QLabel;
  m_modelFacts->setProperty("role", "quiet");
  m_modelFacts->setObjectName(QStringLiteral("model_facts"));
  constexpr int kFactsWidth = 80; // on a narrow window the buttons matter more; the tooltip has the rest
  m_modelFacts->setMinimumWidth(kFactsWidth);
  layout->addWidget(m_modelName);
  layout->addWidget(m_modelFacts, 1);
  heading->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  bar->addWidget(heading);
  m_commands->fillToolBar(*bar);
}

void MainWindow::makeStatusBar() {
  statusBar()->addWidget(new JobIndicator(m_session.jobs()));
  statusBar()->addPermanentWidget(new TotalsLabel(m_session.document(), m_session.analysis()));
}

void MainWindow::connectSession() {
  connect(m_start, &StartPage::openRequested, m_commands, &Commands::openDialog);
  connect(m_start, &StartPage::fileChosen, m_commands, &Commands::open);
  connect(m_commands, &Commands::findRequested, m_layers, [this] {
    m_layersDock->show();
    m_layers->focusFilter();
  });
  connect(m_commands, &Commands::fullScreenToggled, this,
          [this] { isFullScreen() ? showNormal() : showFullScreen(); });
  connect(m_commands, &Commands::plotSaveRequested, this, &MainWindow::savePlot);
  connect(m_commands, &Commands::themeChosen, this, &MainWindow::themeChosen);
  connect(m_commands, &Commands::message, this, &MainWindow::note);
  connect(&m_session.log(), &LogModel::alerted, this, &MainWindow::note);
  connect(&m_session.explorer(), &LayerExplorer::failed, this, &MainWindow::warn);
  connect(&m_session.analysis(), &NetworkAnalysis::sweepChanged, m_layers,
          [this] { m_layers->showSweep(m_session.analysis().sweep()); });
  connect(&m_session, &Session::recentFilesChanged, this,
          [this] { m_start->setRecentFiles(m_session.recentFiles()); });
  connect(&m_session.document(), &Document::modelChanged, this, &MainWindow::showModel);
  connect(&m_session.document(), &Document::planPathChanged, this, &MainWindow::showModel);
  connect(&m_session.document().undoStack(), &QUndoStack::cleanChanged, this,
          [this](bool clean) { setWindowModified(!clean && m_session.document().model()); });
}

void MainWindow::showModel() {
  const auto& model = m_session.document().model();
  m_center->setCurrentWidget(model ? static_cast<QWidget*>(m_pages) : m_start);
  const bool appears = model && !m_layersDock->isVisible() && !m_layersHidden;
  m_layersDock->setVisible(model != nullptr && !m_layersHidden);
  m_schemeDock->setVisible(model != nullptr && !m_schemeHidden);
  if (appears && !m_session.settings().contains(QStringLiteral("window/state"))) {
    shareWidth();
  }
  if (!model) {
    m_modelName->clear();
    m_modelFacts->clear();
    setWindowTitle(QStringLiteral("Halfstep"));
    return;
  }
  const QString name = QString::fromStdString(model->name);
  const QString plan = m_session.document().planPath();
  QStringList facts = {QString::fromStdString(model->format)};
  if (const auto opset = model->opsets.find(""); opset != model->opsets.end()) {
    facts << tr("opset %1").arg(opset->second);
  }
  facts << tr("%1 parameters").arg(QString::fromStdString(formatShortCount(model->parameters)))
        << (model->layers.size() == 1 ? tr("1 layer") : tr("%1 layers").arg(model->layers.size()));
  if (!plan.isEmpty()) {
    facts << QFileInfo(plan).fileName();
  }
  m_modelName->setText(name);
  m_modelFacts->setText(facts.join(QStringLiteral(" · ")));
  m_modelFacts->setToolTip(m_modelFacts->text());
  setWindowTitle(QStringLiteral("%1[*] – Halfstep").arg(name));
}

void MainWindow::shareWidth() {
  // The page in the middle gets what is left; at 1280 pixels names and schemes still read.
  constexpr int kSchemeWidth = 290;
  resizeDocks({m_layersDock, m_schemeDock}, {std::clamp(width() * 32 / 100, 330, 520), kSchemeWidth},
              Qt::Horizontal);
}

void MainWindow::restoreWindow() {
  resize(QSize(1440, 900).boundedTo(screen()->availableSize()));
  QSettings& settings = m_session.settings();
  restoreGeometry(settings.value(QStringLiteral("window/geometry")).toByteArray());
  restoreState(settings.value(QStringLiteral("window/state")).toByteArray(), kStateVersion);
  m_layers->restoreColumns(settings.value(QStringLiteral("window/layers_columns")).toByteArray());
}

void MainWindow::savePlot(const QString& suffix) {
  auto* plot = qobject_cast<Plot*>(QApplication::focusWidget());
  for (Plot* candidate : m_pages->findChildren<Plot*>()) {
    plot = plot == nullptr && candidate->isVisible() ? candidate : plot;
  }
  if (plot == nullptr) {
    note(tr("There is no plot on this page"));
  } else {
    plot->saveByDialog(suffix);
  }
}

void MainWindow::note(const QString& text) {
  statusBar()->showMessage(text, kMessageMilliseconds);
}

void MainWindow::warn(const QString& text) {
  m_session.log().add(LogModel::Level::warning, text); // which notes it too
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (!m_closeConfirmed && m_session.document().hasUnsavedPlan()) {
    event->ignore();
    m_commands->afterSaving([this] {
      m_closeConfirmed = true;
      close();
    });
    return;
  }
  m_session.settings().setValue(QStringLiteral("window/geometry"), saveGeometry());
  if (m_session.document().model()) { // the start page hides the docks; that is not the person's arrangement
    m_session.settings().setValue(QStringLiteral("window/state"), saveState(kStateVersion));
  }
  m_session.settings().setValue(QStringLiteral("window/layers_columns"), m_layers->columns());
  event->accept();
}

bool MainWindow::eventFilter(QObject* watched, QEvent* event) {
  const QEvent::Type type = event->type();
  if (type != QEvent::DragEnter && type != QEvent::DragMove && type != QEvent::Drop) {
    return QMainWindow::eventFilter(watched, event);
  }
  // Text fields would take a file for text; dialogs have drops of their own.
  const auto* widget = qobject_cast<QWidget*>(watched);
  auto* drop = static_cast<QDropEvent*>(event);
  const QStringList files = localFiles(*drop->mimeData());
  if (widget == nullptr || widget->window() != this || files.isEmpty()) {
    return QMainWindow::eventFilter(watched, event);
  }
  drop->acceptProposedAction();
  if (type == QEvent::Drop) {
    m_commands->openAll(files);
  }
  return true;
}

} // namespace halfstep
