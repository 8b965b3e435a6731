// Composition root: builds and owns everything the window works with, and does what needs several of them at
// once (open, save, export). Hands out references; knows no widget. UI thread.
#pragma once

#include "app/exporting.h"
#include "core/io/device_profile.h"
#include "plugins/host/plugin_host.h"
#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/data_preview.h"
#include "widgets/viewmodels/document.h"
#include "widgets/viewmodels/layer_explorer.h"
#include "widgets/viewmodels/log_model.h"
#include "widgets/viewmodels/network_analysis.h"
#include "widgets/viewmodels/plan_comparison.h"
#include "widgets/viewmodels/plan_quantizer.h"
#include "widgets/viewmodels/selection.h"
#include "widgets/viewmodels/trade_off.h"

#include <QObject>
#include <QSettings>

namespace halfstep {

class Session : public QObject {
  Q_OBJECT

public:
  /// `settingsFile`: where window state and recent files are kept; empty for the person's own place.
  explicit Session(const QString& settingsFile = {}, QObject* parent = nullptr);
  ~Session() override;

  JobRunner& jobs() { return m_jobs; }
  Document& document() { return m_document; }
  Selection& selection() { return m_selection; }
  LayerExplorer& explorer() { return m_explorer; }
  NetworkAnalysis& analysis() { return m_analysis; }
  TradeOff& tradeOff() { return m_tradeOff; }
  PlanComparison& comparison() { return m_comparison; }
  Exporting& exporting() { return m_exporting; }
  LogModel& log() { return m_log; }
  const PluginHost& plugins() const { return m_plugins; }
  QSettings& settings() { return *m_settings; }

  /// Reads the model in the background and makes it the document; its layers start as int8 per channel, or as
  /// the plan in `planPath` says, or the version that it names (plan.halfstep.json#NAME). Ends in opened() or
  /// openFailed().
  void openModel(const QString& path, const QString& planPath = {});
  /// Reads the open model again, and its plan where that is a file; the same layer stays in view.
  void reload();
  void closeModel();
  /// Opens a data set for the open model in the background, with a preview of its first samples. `done` is
  /// not called where the model has changed meanwhile.
  void openData(const DataSettings& settings, std::function<void(const Result<DataPreview>&)> done);
  /// Runs the network on these samples from now on, and keeps their settings in the plan.
  void useData(const DataSettings& settings, const DataPreview& preview);
  /// Both in one; ends in dataOpened(), after failed() where it did not work.
  void openDataAndUse(const DataSettings& settings);
  /// Writes the calibration, or reads one in its place; ends in calibrationSaved() or failed().
  void saveCalibration(const QString& path);
  void openCalibration(const QString& path);
  /// Back to samples drawn at random.
  void drawSamples();
  /// Reads a plan in the background for the open model: one undo step. What does not match is told by
  /// planMismatched(). Without a model, the one that the plan names is opened with it, from the plan's own
  /// folder. Ends in planOpened(), opened(), failed() or openFailed().
  void openPlan(const QString& path);
  /// Writes the plan in the background; ends in planSaved(), and then in `saved`, or in failed(). What is
  /// edited while it is written is unsaved afterwards.
  void savePlan(const QString& path, std::function<void()> saved = {});
  /// Writes the log, headed by what somebody who helps wants to know of program and system; or failed().
  void saveLog(const QString& path);

  QStringList recentFiles() const;
  /// The folder of the sample models; empty where they are not installed.
  static QString sampleFolder();
  /// The profiles that come with the program, and the person's own in their data folder.
  std::vector<NamedProfile> deviceProfiles();
  /// Nothing runs, waits or is about to: what is on screen is final.
  bool isSettled() const;

  static QString dataFolder();

signals:
  void opened();
  void openFailed(const QString& message, int exitStatus);
  void planMismatched(const QStringList& lines);
  void planOpened(const QString& path);
  void planSaved(const QString& path);
  void dataOpened();
  void calibrationSaved(const QString& path);
  void failed(const QString& message);
  void recentFilesChanged();

private:
  void takeModel(std::shared_ptr<const Model> model, const std::optional<Plan>& plan);
  /// `plan`: the one that the model was opened with, which may be for another file.
  void hashInBackground(const std::optional<Plan>& plan);
  void tellMismatches(const std::vector<std::string>& mismatches);
  void openPlansData();
  void openPlansModel(const QString& path, const Plan& plan);
  void takePlan(const QString& path, const Plan& plan);
  void rememberFile(const QString& path);

  std::unique_ptr<QSettings> m_settings;
  PluginHost m_plugins;
  JobRunner m_jobs;
  Document m_document;
  Selection m_selection;
  LogModel m_log;
  LayerExplorer m_explorer;
  PlanQuantizer m_quantizer;
  NetworkAnalysis m_analysis;
  TradeOff m_tradeOff;
  PlanComparison m_comparison;
  Exporting m_exporting;
};

} // namespace halfstep
