#include "app/commands.h"

#include "app/version_dialogs.h"
#include "widgets/panels/data_dialog.h"
#include "widgets/panels/export_dialog.h"
#include "widgets/style/theme.h"
#include "widgets/viewmodels/command_line_text.h"

#include <QActionGroup>
#include <QApplication>
#include <QClipboard>
#include <QFileDialog>
#include <QMenuBar>
#include <QMessageBox>
#include <QToolBar>
#include <QToolButton>

namespace halfstep {

namespace {

constexpr std::size_t kCalibrationSamples = 64;
const QString kPlanSuffix = QStringLiteral(".halfstep.json");

QMessageBox* box(QWidget& parent, QMessageBox::Icon icon, const QString& text, const QString& more) {
  auto* made = new QMessageBox(icon, QApplication::applicationDisplayName(), text, QMessageBox::Ok, &parent);
  made->setAttribute(Qt::WA_DeleteOnClose);
  made->setInformativeText(more);
  return made;
}

/// No model format ends so; whatever else is called so gets the plan reader's error, which says what it
/// lacks.
bool isPlan(const QString& path) {
  return path.endsWith(QLatin1String(".json"), Qt::CaseInsensitive);
}

QString fewLines(const QStringList& lines) {
  constexpr int kMost = 12;
  return lines.size() <= kMost
             ? lines.join('\n')
             : lines.mid(0, kMost).join('\n') + QObject::tr("\n… and %1 more").arg(lines.size() - kMost);
}

/// "input=N,3,H,W; state=2,N,128": the inputs whose shapes the model leaves open; empty where there are none.
QString openShapes(const Model& model) {
  QStringList open;
  for (const ValueInfo& input : model.graph.inputs) {
    QStringList dimensions;
    bool isOpen = !input.hasShape;
    for (const Dimension& dimension : input.shape) {
      isOpen = isOpen || dimension.value < 0;
      dimensions << (dimension.value >= 0      ? QString::number(dimension.value)
                     : !dimension.name.empty() ? QString::fromStdString(dimension.name)
                                               : QStringLiteral("?"));
    }
    if (isOpen && input.container.empty()) {
      open << QString::fromStdString(input.name) + '=' +
                  (input.hasShape ? dimensions.join(',') : QStringLiteral("…"));
    }
  }
  return open.join(QStringLiteral("; "));
}

} // namespace

Commands::Commands(Session& session, QWidget& window)
    : QObject(&window)
    , m_session(session)
    , m_window(window)
    , m_versions(new VersionDialogs(session, window))
    , m_recent(new QMenu(tr("Open &recent"), &window))
    , m_export(new QMenu(tr("&Export"), &window))
    , m_data(new QMenu(tr("&Data"), &window)) {
  m_recent->setObjectName(QStringLiteral("menu_recent"));
  m_export->setObjectName(QStringLiteral("menu_export"));
  makeActions();
  fillRecent();
  fillExports();
  connect(&m_session, &Session::recentFilesChanged, this, &Commands::fillRecent);
  connect(&m_session.document(), &Document::modelChanged, this, &Commands::updateActions);
  connect(&m_session.analysis(), &NetworkAnalysis::calibrationChanged, this, &Commands::updateActions);
  connect(&m_session, &Session::calibrationSaved, this,
          [this](const QString& path) { emit message(tr("Saved %1").arg(path)); });
  connect(&m_session, &Session::openFailed, this, [this](const QString& text) {
    box(m_window, QMessageBox::Warning, tr("The model could not be opened."), text)->open();
  });
  connect(&m_session, &Session::failed, this, [this](const QString& text) {
    box(m_window, QMessageBox::Warning, tr("That did not work."), text)->open();
  });
  connect(&m_session, &Session::planMismatched, this, [this](const QStringList& lines) {
    box(m_window, QMessageBox::Information, tr("The plan does not fit this model in every point."),
        fewLines(lines))
        ->open();
  });
  connect(&m_session.exporting(), &Exporting::exported, this,
          [this](const QStringList& files, const QStringList&, const QString& agreement) {
            emit message(tr("Wrote %1").arg(files.join(QStringLiteral(", "))) +
                         (agreement.isEmpty() ? QString() : QStringLiteral(" · ") + agreement));
          });
  connect(m_versions, &VersionDialogs::message, this, &Commands::message);
  connect(m_versions, &VersionDialogs::pageRequested, this, &Commands::pageRequested);
  connect(&m_session, &Session::planSaved, this,
          [this](const QString& path) { emit message(tr("Saved %1").arg(path)); });
  updateActions();
}

QAction* Commands::add(const QString& name, const QString& text, const QKeySequence& shortcut,
                       const QString& tooltip, const std::function<void()>& run) {
  auto* action = new QAction(text, &m_window);
  action->setObjectName(QStringLiteral("action_") + name);
  action->setShortcut(shortcut);
  action->setToolTip(shortcut.isEmpty() ? tooltip
                                        : tooltip + QStringLiteral(" (%1)").arg(
                                                        shortcut.toString(QKeySequence::NativeText)));
  connect(action, &QAction::triggered, this, run);
  m_window.addAction(action);
  return action;
}

void Commands::makeActions() {
  m_open = add("open", tr("&Open…"), QKeySequence::Open, tr("Open a model file"), [this] { openDialog(); });
  m_reload = add("reload", tr("&Reload"), QKeySequence::Refresh, tr("Read the model and its plan again"),
                 [this] { afterSaving([this] { m_session.reload(); }); });
  m_close = add("close", tr("&Close model"), QKeySequence::Close, tr("Back to the start page"),
                [this] { afterSaving([this] { m_session.closeModel(); }); });
  m_openPlan = add("open_plan", tr("Open &plan…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_O),
                   tr("Give the layers the schemes of a saved plan"), [this] { openPlanDialog(); });
  m_savePlan = add("save_plan", tr("&Save plan"), QKeySequence::Save, tr("Save the schemes of all layers"),
                   [this] { savePlan(); });
  m_savePlanAs = add("save_plan_as", tr("Save plan &as…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_S),
                     tr("Save the plan under another name"), [this] { savePlanAs(); });
  m_saveVersion =
      add("save_version", tr("Save &version…"), QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_S),
          tr("Keep the present plan under a name, beside the plan itself"), [this] { saveVersion(); });
  m_showVersions =
      add("versions", tr("V&ersions…"), QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_V),
          tr("The plans that were kept: restore, compare, rename, delete"), [this] { showVersions(); });
  m_copyCommand =
      add("copy_command", tr("Copy as &command"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_C),
          tr("Copy the command line that computes what the page shows"), [this] { copyCommand(); });
  QUndoStack& stack = m_session.document().undoStack();
  m_undo = stack.createUndoAction(&m_window, tr("Undo"));
  m_undo->setObjectName(QStringLiteral("action_undo"));
  m_undo->setShortcut(QKeySequence::Undo);
  m_undo->setIconText(tr("Undo")); // the tool bar has no room for what; its tooltip says it
  m_redo = stack.createRedoAction(&m_window, tr("Redo"));
  m_redo->setObjectName(QStringLiteral("action_redo"));
  m_redo->setIconText(tr("Redo"));
  m_redo->setShortcuts({QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), QKeySequence(Qt::CTRL | Qt::Key_Y)});
  m_find = add("find", tr("&Find layers"), QKeySequence::Find, tr("Filter the layers table"),
               [this] { emit findRequested(); });
  m_fullScreen = add("full_screen", tr("&Full screen"), QKeySequence(Qt::Key_F11), tr("Fill the screen"),
                     [this] { emit fullScreenToggled(); });
  m_quit =
      add("quit", tr("&Quit"), QKeySequence::Quit, tr("Close the program"), [this] { m_window.close(); });
  m_openData = add("open_data", tr("Open &data…"), QKeySequence(Qt::CTRL | Qt::Key_D),
                   tr("Choose the samples that the network is run on"), [this] { openDataDialog(); });
  m_drawData = add("draw_data", tr("Samples drawn at &random"), {},
                   tr("Run the network on synthetic samples: enough to try, not to judge by"),
                   [this] { m_session.drawSamples(); });
  m_saveCalibration =
      add("save_calibration", tr("&Save calibration…"), {}, tr("Write the activations' statistics as HDF5"),
          [this] { calibrationDialog(CalibrationUse::save); });
  m_openCalibration = add("open_calibration", tr("Open &calibration…"), {},
                          tr("Use a saved calibration instead of measuring"),
                          [this] { calibrationDialog(CalibrationUse::open); });
  m_compareCalibration = add("compare_calibration", tr("Co&mpare calibration with…"), {},
                             tr("How much the values of another set of samples, saved as a calibration, "
                                "differ from the present ones"),
                             [this] { calibrationDialog(CalibrationUse::compare); });
  m_savePng = add("save_plot_png", tr("Save plot as &PNG…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_E),
                  tr("Save the plot that has the focus, or the page's first, as a picture"),
                  [this] { emit plotSaveRequested(QStringLiteral("png")); });
  m_saveSvg = add("save_plot_svg", tr("Save plot as &SVG…"), QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_E),
                  tr("Save the plot that has the focus, or the page's first, as vectors"),
                  [this] { emit plotSaveRequested(QStringLiteral("svg")); });
  m_saveLog = add("save_log", tr("Save &log…"), {},
                  tr("Write what happened in this session as a text file, to be attached to a report"),
                  [this] { saveLogDialog(); });
  m_about = add("about", tr("&About Halfstep"), {}, tr("Version and licence"), [this] { showAbout(); });
}

void Commands::fillMenuBar(QMenuBar& bar, const QList<QAction*>& panels) {
  QMenu* file = bar.addMenu(tr("&File"));
  file->addAction(m_open);
  file->addMenu(m_recent);
  file->addActions({m_reload, m_close});
  file->addSeparator();
  file->addActions({m_openPlan, m_savePlan, m_savePlanAs});
  m_data->addActions({m_openData, m_drawData});
  m_data->addSeparator();
  m_data->addActions({m_openCalibration, m_saveCalibration, m_compareCalibration});
  file->addMenu(m_data);
  file->addMenu(m_export);
  file->addActions({m_savePng, m_saveSvg});
  file->addSeparator();
  file->addAction(m_quit);
  QMenu* edit = bar.addMenu(tr("&Edit"));
  edit->addActions({m_undo, m_redo});
  edit->addSeparator();
  edit->addActions({m_copyCommand, m_find});
  QMenu* plan = bar.addMenu(tr("&Plan"));
  plan->addActions({m_saveVersion, m_showVersions});
  plan->setToolTipsVisible(true);
  QMenu* view = bar.addMenu(tr("&View"));
  view->addActions(panels);
  view->addSeparator();
  QMenu* themes = view->addMenu(tr("&Theme"));
  auto* group = new QActionGroup(themes);
  const QString chosen =
      m_session.settings().value(QStringLiteral("theme"), QStringLiteral("system")).toString();
  for (const auto& [name, text] : {std::pair("system", tr("Like the &desktop")),
                                   std::pair("light", tr("&Light")), std::pair("dark", tr("Dar&k"))}) {
    QAction* action = themes->addAction(text);
    action->setObjectName(QStringLiteral("action_theme_%1").arg(QLatin1String(name)));
    action->setCheckable(true);
    action->setChecked(chosen == QLatin1String(name));
    group->addAction(action);
    connect(action, &QAction::triggered, this,
            [this, theme = QString::fromLatin1(name)] { emit themeChosen(theme); });
  }
  view->addAction(m_fullScreen);
  bar.addMenu(tr("&Help"))->addActions({m_saveLog, m_about});
}

void Commands::fillToolBar(QToolBar& bar) {
  bar.addActions({m_open, m_undo, m_redo, m_savePlan, m_copyCommand});
  auto* data = new QToolButton;
  data->setObjectName(QStringLiteral("data_button"));
  data->setPopupMode(QToolButton::InstantPopup);
  data->setMenu(m_data);
  bar.insertWidget(m_savePlan, data);
  const auto showOrigin = [this, data] {
    const auto& samples = m_session.analysis().samples();
    data->setEnabled(m_session.document().model() != nullptr);
    data->setText(!samples                      ? tr("Data")
                  : samples->origin().synthetic ? tr("Data: drawn")
                                                : tr("Data: %1").arg(samples->count()));
    data->setToolTip(samples ? QString::fromStdString(samples->origin().description)
                             : m_session.analysis().samplesProblem());
  };
  connect(&m_session.analysis(), &NetworkAnalysis::samplesChanged, data, showOrigin);
  showOrigin();
  auto* button = new QToolButton;
  button->setText(tr("Export"));
  button->setObjectName(QStringLiteral("export_button"));
  button->setToolTip(tr("Write the plan or a report for another tool"));
  button->setPopupMode(QToolButton::InstantPopup);
  button->setMenu(m_export);
  bar.addWidget(button);
  connect(m_export->menuAction(), &QAction::changed, button,
          [this, button] { button->setEnabled(m_export->isEnabled()); });
  button->setEnabled(m_export->isEnabled());
}

void Commands::updateActions() {
  const bool any = m_session.document().model() != nullptr;
  for (QAction* action :
       {m_reload, m_close, m_openPlan, m_savePlan, m_savePlanAs, m_saveVersion, m_showVersions, m_copyCommand,
        m_find, m_openData, m_drawData, m_savePng, m_saveSvg}) {
    action->setEnabled(any);
  }
  m_export->setEnabled(any);
  m_openCalibration->setEnabled(any);
  for (QAction* action : {m_saveCalibration, m_compareCalibration}) {
    action->setEnabled(any && m_session.analysis().calibration());
  }
}

void Commands::fillRecent() {
  m_recent->clear();
  for (const QString& path : m_session.recentFiles()) {
    const QString text = QString(path).replace('&', QStringLiteral("&&")); // no mark of a shortcut
    connect(m_recent->addAction(text), &QAction::triggered, this, [this, path] { open(path); });
  }
  m_recent->setEnabled(!m_recent->isEmpty());
}

void Commands::fillExports() {
  if (m_session.plugins().exporters().empty()) {
    return;
  }
  m_export->addAction(add(QStringLiteral("export"), tr("Export…"), QKeySequence(Qt::CTRL | Qt::Key_E),
                          tr("What every format would hold and lose, and the text as it would be written"),
                          [this] { exportDialog(*m_session.plugins().exporters().front()); }));
  m_export->addSeparator();
  for (const auto& exporter : m_session.plugins().exporters()) {
    QAction* action = m_export->addAction(QString::fromStdString(exporter->title()) + QStringLiteral("…"));
    action->setObjectName(QStringLiteral("action_export_") + QString::fromStdString(exporter->formatName()));
    action->setToolTip(QString::fromStdString(exporter->explanation()));
    connect(action, &QAction::triggered, this, [this, raw = exporter.get()] { exportDialog(*raw); });
  }
  m_export->setToolTipsVisible(true);
}

void Commands::calibrationDialog(CalibrationUse use) {
  const bool save = use == CalibrationUse::save;
  auto* dialog = new QFileDialog(&m_window,
                                 save                             ? tr("Save calibration")
                                 : use == CalibrationUse::compare ? tr("Compare calibration with")
                                                                  : tr("Open calibration"),
                                 {}, tr("Calibrations (*.h5 *.hdf5)"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(save ? QFileDialog::AcceptSave : QFileDialog::AcceptOpen);
  dialog->setFileMode(save ? QFileDialog::AnyFile : QFileDialog::ExistingFile);
  dialog->setDefaultSuffix(QStringLiteral("h5"));
  connect(dialog, &QFileDialog::fileSelected, this, [this, use](const QString& path) {
    switch (use) {
    case CalibrationUse::save:
      m_session.saveCalibration(path);
      break;
    case CalibrationUse::open:
      m_session.openCalibration(path);
      break;
    case CalibrationUse::compare:
      m_session.compareCalibration(path);
      emit pageRequested(QStringLiteral("activations"));
      break;
    }
  });
  dialog->open();
}

void Commands::openDataDialog() {
  auto* dialog = new DataDialog(
      m_session.document().data().value_or(DataSettings()),
      [this](const DataSettings& settings, std::function<void(Result<DataPreview>)> done) {
        m_session.openData(settings, std::move(done));
      },
      openShapes(*m_session.document().model()), &m_window);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &DataDialog::chosen, this,
          [this](const DataSettings& settings, const DataPreview& preview) {
            m_session.useData(settings, preview);
          });
  dialog->open();
}

void Commands::openDialog() {
  QStringList patterns;
  for (const auto& loader : m_session.plugins().loaders()) {
    for (const std::string& suffix : loader->suffixes()) {
      patterns << QStringLiteral("*.") + QString::fromStdString(suffix);
    }
  }
  auto* dialog = new QFileDialog(&m_window, tr("Open a model"), {},
                                 tr("Models (%1);;All files (*)").arg(patterns.join(' ')));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::ExistingFile);
  connect(dialog, &QFileDialog::fileSelected, this, &Commands::open);
  dialog->open();
}

void Commands::open(const QString& path) {
  if (isPlan(path)) {
    m_session.openPlan(path);
    return;
  }
  afterSaving([this, path] { m_session.openModel(path); });
}

void Commands::openAll(const QStringList& paths) {
  QStringList models;
  QStringList plans;
  for (const QString& path : paths) {
    (isPlan(path) ? plans : models) << path;
  }
  if (models.size() > 1 || plans.size() > 1) {
    emit message(tr("One model and one plan at a time"));
  } else if (models.isEmpty() || plans.isEmpty()) {
    open(paths.front());
  } else {
    afterSaving([this, model = models.front(), plan = plans.front()] { m_session.openModel(model, plan); });
  }
}

void Commands::afterSaving(const std::function<void()>& proceed) {
  if (!m_session.document().hasUnsavedPlan()) {
    proceed();
    return;
  }
  auto* question = box(m_window, QMessageBox::Question, tr("Save the plan first?"),
                       tr("The schemes of %1 were changed and are not saved.")
                           .arg(QString::fromStdString(m_session.document().model()->name)));
  question->setObjectName(QStringLiteral("unsaved_question"));
  question->setStandardButtons(QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel);
  question->setDefaultButton(QMessageBox::Save);
  const auto again = [this, proceed] { afterSaving(proceed); }; // asks anew where edits went on meanwhile
  connect(question, &QMessageBox::finished, this, [this, proceed, again](int answer) {
    if (answer == QMessageBox::Discard) {
      m_session.document().undoStack().setClean();
      proceed();
    } else if (answer == QMessageBox::Save) {
      const QString path = m_session.document().planPath();
      if (path.isEmpty()) {
        savePlanAs(again);
      } else {
        m_session.savePlan(path, again);
      }
    }
  });
  question->open();
}

void Commands::savePlan() {
  const QString path = m_session.document().planPath();
  if (path.isEmpty()) {
    savePlanAs();
  } else {
    m_session.savePlan(path);
  }
}

void Commands::savePlanAs(const std::function<void()>& afterwards) {
  const auto& model = *m_session.document().model();
  const QString proposed =
      QString::fromStdString((model.path.parent_path() / model.path.stem()).string()) + kPlanSuffix;
  auto* dialog =
      new QFileDialog(&m_window, tr("Save plan"), proposed, tr("Halfstep plans (*%1)").arg(kPlanSuffix));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(kPlanSuffix); // by which it is told from a model
  connect(dialog, &QFileDialog::fileSelected, this,
          [this, afterwards](const QString& path) { m_session.savePlan(path, afterwards); });
  dialog->open();
}

void Commands::openPlanDialog() {
  auto* dialog = new QFileDialog(&m_window, tr("Open plan"), {},
                                 tr("Halfstep plans (*%1);;All files (*)").arg(kPlanSuffix));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::ExistingFile);
  connect(dialog, &QFileDialog::fileSelected, &m_session, &Session::openPlan);
  dialog->open();
}

void Commands::saveVersion() {
  m_versions->save();
}

void Commands::showVersions() {
  m_versions->showAll();
}

void Commands::exportDialog(const Exporter& exporter) {
  std::vector<const Exporter*> exporters;
  for (const auto& one : m_session.plugins().exporters()) {
    exporters.push_back(one.get());
  }
  auto* dialog = new ExportDialog(
      std::move(exporters),
      [&exporting = m_session.exporting()](const Exporter& asked, auto done) {
        exporting.preview(asked, std::move(done));
      },
      &m_window);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &ExportDialog::exportRequested, this, &Commands::exportFileDialog);
  connect(dialog, &ExportDialog::calibrationRequested, this,
          [this] { m_session.analysis().startCalibration(kCalibrationSamples); });
  connect(&m_session.analysis(), &NetworkAnalysis::calibrationChanged, dialog, [this, dialog] {
    if (m_session.analysis().calibration()) {
      dialog->refresh();
    }
  });
  dialog->chooseFormat(QString::fromStdString(exporter.formatName()));
  dialog->open();
}

void Commands::exportFileDialog(const Exporter& exporter) {
  const auto& model = *m_session.document().model();
  const std::string suffix = (exporter.writesModel() ? ".quantized." : ".") + exporter.suffix();
  const QString proposed =
      QString::fromStdString((model.path.parent_path() / model.path.stem()).string() + suffix);
  auto* dialog =
      new QFileDialog(&m_window, tr("Export: %1").arg(QString::fromStdString(exporter.title())), proposed,
                      QStringLiteral("*.%1").arg(QString::fromStdString(exporter.suffix())));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(QString::fromStdString(exporter.suffix()));
  connect(dialog, &QFileDialog::fileSelected, this,
          [this, raw = &exporter](const QString& path) { m_session.exporting().write(*raw, path); });
  dialog->open();
}

void Commands::copyCommand() {
  QApplication::clipboard()->setText(
      m_page == QLatin1String("trade-off")
          ? searchCommand(m_session.document(), m_session.analysis(), m_session.tradeOff())
          : pageCommand(m_page, m_session.document(), m_session.analysis()));
  emit message(tr("Copied the command line"));
}

void Commands::saveLogDialog() {
  auto* dialog =
      new QFileDialog(&m_window, tr("Save log"), QStringLiteral("halfstep.log"), tr("Logs (*.log *.txt)"));
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setDefaultSuffix(QStringLiteral("log"));
  connect(dialog, &QFileDialog::fileSelected, &m_session, &Session::saveLog);
  dialog->open();
}

void Commands::showAbout() {
  box(m_window, QMessageBox::NoIcon, tr("Halfstep %1").arg(QApplication::applicationVersion()),
      tr("Shows what quantization does to a neural network, layer by layer.\n"
         "Free software under the GNU General Public License, version 3 or later.\n"
         "Works on this computer alone: nothing is sent anywhere."))
      ->open();
}

} // namespace halfstep
