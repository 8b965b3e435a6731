#include "app/session.h"

#include "core/io/atomic_file.h"
#include "core/io/data_set.h"
#include "core/io/plan_file.h"
#include "core/support/hash.h"
#include "core/support/units.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>
#include <QStandardPaths>
#include <QSysInfo>

namespace halfstep {

namespace {

constexpr int kRecentFiles = 10;
const QString kRecentKey = QStringLiteral("recent_files");

/// What `openModel` reads in one go.
struct Opened {
  std::shared_ptr<const Model> model;
  std::optional<Plan> plan; ///< as the file has it
  std::string version;      ///< of the plan: what the layers start with; empty: the plan itself
};

/// The plan that `reference` names goes into `opened`, if need be with the version.
Result<void> readPlan(const std::string& reference, Opened& opened) {
  const PlanReference wanted = planReference(reference);
  if (!wanted.version.empty()) {
    HALFSTEP_CHECK(loadPlanOrVersion(reference)); // says which versions there are
  }
  HALFSTEP_TRY(opened.plan, loadPlan(wanted.file));
  opened.version = wanted.version;
  return {};
}

QStringList lines(const std::vector<std::string>& texts) {
  QStringList list;
  for (const std::string& text : texts) {
    list << QString::fromStdString(text);
  }
  return list;
}

} // namespace

Session::Session(const QString& settingsFile, QObject* parent)
    : QObject(parent)
    , m_settings(settingsFile.isEmpty()
                     ? std::make_unique<QSettings>(QStringLiteral("halfstep"), QStringLiteral("halfstep"))
                     : std::make_unique<QSettings>(settingsFile, QSettings::IniFormat))
    , m_explorer(m_document, m_selection, m_jobs)
    , m_quantizer(m_document, m_jobs)
    , m_analysis(m_document, m_jobs)
    , m_tradeOff(m_document, m_analysis, m_jobs)
    , m_comparison(m_document, m_analysis, m_tradeOff)
    , m_exporting(m_document, m_analysis, m_plugins, m_jobs) {
  if (settingsFile.isEmpty()) { // a person's own session goes on with half-done sweeps
    m_analysis.setSweepFolder(QStandardPaths::writableLocation(QStandardPaths::CacheLocation) +
                              QStringLiteral("/sweeps"));
  }
  m_plugins.scan(PluginHost::folderFor(QCoreApplication::applicationDirPath().toStdString()));
  for (const PluginRecord& plugin : m_plugins.plugins()) {
    if (!plugin.loaded()) {
      m_log.add(LogModel::Level::warning,
                tr("Plug-in %1 was not loaded: %2")
                    .arg(QString::fromStdString(plugin.file), QString::fromStdString(plugin.problem)));
    }
  }
  connect(&m_jobs, &JobRunner::jobFailed, this, [this](const QString& title, const QString& message) {
    m_log.add(LogModel::Level::error, title + QStringLiteral(": ") + message);
  });
  connect(&m_exporting, &Exporting::failed, this, &Session::failed);
  connect(&m_exporting, &Exporting::exported, this,
          [this](const QStringList& files, const QStringList&, const QString& agreement) {
            m_log.add(LogModel::Level::information,
                      tr("Exported %1").arg(files.join(QStringLiteral(", "))) +
                          (agreement.isEmpty() ? QString() : QStringLiteral(": ") + agreement));
          });
  connect(this, &Session::failed, this,
          [this](const QString& message) { m_log.add(LogModel::Level::error, message); });
}

Session::~Session() = default;

QString Session::dataFolder() {
  return QDir::cleanPath(QCoreApplication::applicationDirPath() + QStringLiteral("/../share/halfstep"));
}

QString Session::sampleFolder() {
  const QString folder = dataFolder() + QStringLiteral("/sample_models");
  return QFileInfo::exists(folder + QStringLiteral("/manifest.json")) ? folder : QString();
}

void Session::openModel(const QString& path, const QString& planPath) {
  m_jobs.start<Opened>(
      {Lane::interactive, tr("Open %1").arg(QFileInfo(path).fileName()), QStringLiteral("open"), true},
      [this, file = std::filesystem::absolute(path.toStdString()),
       planFile = planPath.toStdString()](const JobContext& context) -> Result<Opened> {
        Opened opened;
        HALFSTEP_TRY(opened.model, m_plugins.loadModel(file, context));
        if (!planFile.empty()) {
          HALFSTEP_CHECK(readPlan(planFile, opened));
        }
        return opened;
      },
      this,
      [this, path, planPath](Result<Opened> opened) {
        if (!opened) {
          emit openFailed(QString::fromStdString(opened.error().message()), exitStatus(opened.error().kind));
          return;
        }
        takeModel(opened->model, opened->plan);
        if (opened->plan) {
          m_document.markSaved(QString::fromStdString(planReference(planPath.toStdString()).file.string()),
                               *opened->plan);
          if (!opened->version
                   .empty()) { // an edit of the plan that was opened: the file still holds the other
            static_cast<void>(m_document.restoreVersion(QString::fromStdString(opened->version)));
          }
          tellMismatches(planMismatches(*opened->plan, *opened->model, {}));
        }
        rememberFile(QFileInfo(path).absoluteFilePath());
        emit this->opened();
      });
}

void Session::takeModel(std::shared_ptr<const Model> model, const std::optional<Plan>& plan) {
  Plan start;
  start.fallback.weights = defaultScheme(NumberFormat::int8);
  std::optional<std::size_t> stays; // the layer in view, where the same file is read again
  if (const auto& before = m_document.model();
      before && before->path == model->path && m_selection.currentLayer() >= 0) {
    stays = model->layerIndex(m_document.layer(m_selection.currentLayer()).name);
  }
  m_selection.clear();
  m_document.open(model, plan ? *plan : start);
  m_log.add(LogModel::Level::information, tr("Opened %1: %2 layers, %3 parameters")
                                              .arg(QString::fromStdString(model->path.string()))
                                              .arg(model->layers.size())
                                              .arg(QString::fromStdString(formatCount(model->parameters))));
  for (const std::string& warning : model->warnings) {
    m_log.add(LogModel::Level::warning, QString::fromStdString(warning));
  }
  if (m_document.layerCount() > 0) {
    const int layer = static_cast<int>(stays.value_or(0));
    m_selection.select({layer}, layer);
  }
  hashInBackground(plan);
  openPlansData();
}

void Session::tellMismatches(const std::vector<std::string>& mismatches) {
  if (mismatches.empty()) {
    return;
  }
  for (const QString& line : lines(mismatches)) {
    m_log.add(LogModel::Level::warning, line);
  }
  emit planMismatched(lines(mismatches));
}

void Session::hashInBackground(const std::optional<Plan>& plan) {
  Plan head; // of which layers it has was told already
  if (plan) {
    head.modelFile = plan->modelFile;
    head.modelSha256 = plan->modelSha256;
  }
  m_jobs.start<std::string>(
      {Lane::batch, tr("Fingerprint of the file"), QStringLiteral("hash"), true},
      [path = m_document.model()->path](const JobContext& context) { return sha256OfFile(path, context); },
      this,
      [this, model = m_document.model(), head](Result<std::string> hash) {
        if (hash && m_document.model() == model) {
          m_document.setModelHash(*hash);
          tellMismatches(planMismatches(head, *model, *hash));
        }
      });
}

void Session::openData(const DataSettings& settings, std::function<void(const Result<DataPreview>&)> done) {
  const auto model = m_document.model();
  if (!model) {
    return;
  }
  constexpr std::size_t kShown = 12;
  DataReaders readers{nullptr, m_plugins.imageReader(), m_plugins.archiveReader()};
  if (const auto loader = m_plugins.loaderFor(model->path)) {
    readers.tensors = *loader;
  }
  m_jobs.start<DataPreview>(
      {Lane::batch, tr("Open data"), QStringLiteral("data"), true},
      [model, settings, readers](const JobContext& context) -> Result<DataPreview> {
        HALFSTEP_TRY(auto samples,
                     openDataSet(settings.source, *model, settings, readers, context.part(0.0, 0.5)));
        return previewOf(std::move(samples), *model, kShown, context.part(0.5, 1.0));
      },
      this,
      [this, model, done = std::move(done)](const Result<DataPreview>& preview) {
        if (m_document.model() == model) {
          done(preview);
        }
      });
}

void Session::useData(const DataSettings& settings, const DataPreview& preview) {
  m_document.setData(settings);
  m_analysis.setSamples(preview.samples);
  m_log.add(LogModel::Level::information, tr("Data: %1").arg(preview.summary));
}

void Session::saveCalibration(const QString& path) {
  const CalibrationStore* store = m_plugins.calibrationStore();
  if (store == nullptr || !m_analysis.calibration()) {
    emit failed(store == nullptr ? tr("There is no plug-in that writes calibrations.")
                                 : tr("Calibrate first: the page Activations does it."));
    return;
  }
  const StoredCalibration stored{m_analysis.calibration(), m_document.model()->name, m_document.modelHash()};
  m_jobs.start<bool>(
      {Lane::batch, tr("Save calibration"), QStringLiteral("save_calibration"), false},
      [stored, store, target = path.toStdString()](const JobContext& context) -> Result<bool> {
        HALFSTEP_CHECK(store->save(stored, target, context));
        return true;
      },
      this,
      [this, path](const Result<bool>& saved) {
        if (!saved) {
          emit failed(QString::fromStdString(saved.error().message()));
          return;
        }
        m_log.add(LogModel::Level::information, tr("Saved the calibration to %1").arg(path));
        emit calibrationSaved(path);
      });
}

void Session::openCalibration(const QString& path) {
  const CalibrationStore* store = m_plugins.calibrationStore();
  const auto model = m_document.model();
  if (store == nullptr || !model) {
    return;
  }
  m_jobs.start<StoredCalibration>(
      {Lane::batch, tr("Open calibration"), QStringLiteral("open_calibration"), true},
      [store, source = path.toStdString()](const JobContext& context) {
        return store->load(source, context);
      },
      this,
      [this, model](const Result<StoredCalibration>& stored) {
        if (!stored) {
          emit failed(QString::fromStdString(stored.error().message()));
        } else if (m_document.model() == model) {
          if (!stored->modelSha256.empty() && !m_document.modelHash().empty() &&
              stored->modelSha256 != m_document.modelHash()) {
            m_log.add(
                LogModel::Level::warning,
                tr("The calibration is of another file, %1").arg(QString::fromStdString(stored->modelFile)));
          }
          m_analysis.setCalibration(stored->calibration);
        }
      });
}

void Session::drawSamples() {
  m_document.setData({});
  m_analysis.drawSamples();
}

void Session::openDataAndUse(const DataSettings& settings) {
  openData(settings, [this, settings](const Result<DataPreview>& preview) {
    if (preview) {
      useData(settings, *preview);
    } else {
      emit failed(
          tr("The data could not be opened: %1").arg(QString::fromStdString(preview.error().message())));
    }
    emit dataOpened();
  });
}

void Session::openPlansData() {
  const auto& settings = m_document.data();
  if (settings && !settings->source.empty()) {
    openDataAndUse(*settings);
  }
}

void Session::reload() {
  if (const auto& model = m_document.model()) {
    openModel(QString::fromStdString(model->path.string()), m_document.planPath());
  }
}

void Session::closeModel() {
  m_jobs.cancelAll();
  m_selection.clear();
  m_document.close();
}

void Session::openPlan(const QString& path) {
  m_jobs.start<Plan>(
      {Lane::interactive, tr("Open %1").arg(QFileInfo(path).fileName()), QStringLiteral("open_plan"), true},
      [file = path.toStdString()](const JobContext&) { return loadPlan(file); }, this,
      [this, path, model = m_document.model()](const Result<Plan>& plan) {
        if (!plan) {
          emit failed(QString::fromStdString(plan.error().message()));
        } else if (model && m_document.model() == model) {
          takePlan(path, *plan);
        } else if (!m_document.model()) {
          openPlansModel(path, *plan);
        }
      });
}

void Session::openPlansModel(const QString& path, const Plan& plan) {
  const QString name = QFileInfo(QString::fromStdString(plan.modelFile)).fileName(); // never another folder
  const QFileInfo beside(QFileInfo(path).dir(), name);
  if (name.isEmpty() || !beside.isFile()) {
    emit failed(name.isEmpty()
                    ? tr("Open a model first; a plan is for a model's layers.")
                    : tr("Open its model first: the plan is for %1, which is not beside it.").arg(name));
    return;
  }
  openModel(beside.filePath(), path);
}

void Session::takePlan(const QString& path, const Plan& plan) {
  m_document.setPlanAndVersions(plan, tr("Open plan %1").arg(QFileInfo(path).fileName()));
  m_document.markSaved(path, plan);
  if (plan.data) {
    openPlansData();
  }
  m_log.add(LogModel::Level::information, tr("Opened the plan %1").arg(path));
  tellMismatches(planMismatches(plan, *m_document.model(), m_document.modelHash()));
  emit planOpened(path);
}

void Session::savePlan(const QString& path, std::function<void()> saved) {
  const auto model = m_document.model();
  Plan plan = m_document.planToSave();
  m_jobs.start<std::string>(
      {Lane::interactive, tr("Save plan"), QStringLiteral("save"), false},
      [plan, file = model->path,
       target = path.toStdString()](const JobContext& context) mutable -> Result<std::string> {
        if (plan.modelSha256.empty()) {
          HALFSTEP_TRY(plan.modelSha256, sha256OfFile(file, context));
        }
        HALFSTEP_CHECK(halfstep::savePlan(plan, target));
        return plan.modelSha256;
      },
      this,
      [this, path, plan, model, saved = std::move(saved)](Result<std::string> hash) mutable {
        if (!hash) {
          emit failed(QString::fromStdString(hash.error().message()));
          return;
        }
        m_log.add(LogModel::Level::information, tr("Saved the plan to %1").arg(path));
        if (m_document.model() == model) {
          m_document.setModelHash(*hash);
          plan.modelSha256 = *hash;
          const bool edited = m_document.planToSave() != plan; // the hash of a large model takes seconds
          m_document.markSaved(path, plan);
          if (edited) {
            m_document.undoStack().resetClean();
          }
        }
        emit planSaved(path);
        if (saved) {
          saved();
        }
      });
}

void Session::saveLog(const QString& path) {
  const QString text = QStringLiteral("%1 %2, Qt %3, %4, %5\n")
                           .arg(QCoreApplication::applicationName(), QCoreApplication::applicationVersion(),
                                QString::fromLatin1(qVersion()), QSysInfo::prettyProductName(),
                                QSysInfo::currentCpuArchitecture()) +
                       m_log.asText();
  m_jobs.start<bool>(
      {Lane::interactive, tr("Save log"), QStringLiteral("save_log"), false},
      [target = path.toStdString(), text = text.toStdString()](const JobContext&) -> Result<bool> {
        HALFSTEP_CHECK(writeFileAtomically(target, std::string_view(text)));
        return true;
      },
      this,
      [this](Result<bool> saved) {
        if (!saved) {
          emit failed(QString::fromStdString(saved.error().message()));
        }
      });
}

std::vector<NamedProfile> Session::deviceProfiles() {
  std::vector<std::string> warnings;
  const QString own = QStandardPaths::writableLocation(QStandardPaths::GenericDataLocation);
  auto profiles = findDeviceProfiles({(dataFolder() + QStringLiteral("/devices")).toStdString(),
                                      (own + QStringLiteral("/halfstep/devices")).toStdString()},
                                     warnings);
  for (const std::string& warning : warnings) {
    m_log.add(LogModel::Level::warning, QString::fromStdString(warning));
  }
  return profiles;
}

void Session::rememberFile(const QString& path) {
  QStringList files = recentFiles();
  files.removeAll(path);
  files.prepend(path);
  m_settings->setValue(kRecentKey, files.mid(0, kRecentFiles));
  emit recentFilesChanged();
}

QStringList Session::recentFiles() const {
  return m_settings->value(kRecentKey).toStringList();
}

bool Session::isSettled() const {
  return m_jobs.isIdle() && m_quantizer.isSettled() && m_explorer.isSettled();
}

} // namespace halfstep
