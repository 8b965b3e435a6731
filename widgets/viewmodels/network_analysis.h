// What the window knows of the running network: its samples, and the results of the measurements made on
// them. Starts the measurements as jobs and swaps in their snapshots. Owned by the session; UI thread.
#pragma once

#include "core/analysis/calibration.h"
#include "core/analysis/latency.h"
#include "core/analysis/layer_errors.h"
#include "widgets/jobs/job_runner.h"
#include "widgets/viewmodels/document.h"
#include "widgets/viewmodels/sweep_view.h"

#include <QHash>
#include <QObject>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace halfstep {

/// Errors of every layer and of the output under one plan.
struct ErrorsView {
  std::shared_ptr<const LayerErrors> errors;
  std::shared_ptr<const Evaluation> evaluation;
  Plan plan;                      ///< that they belong to
  std::vector<Estimate> isolated; ///< SQNR in dB, one per layer
  std::vector<Estimate> accumulated;
  std::vector<std::pair<OutputMetric, Estimate>> output; ///< the whole network's figures that apply
  Estimate damage; ///< of the whole plan, in the evaluation's standard metric
  bool running = false;
};

/// Statistics of other samples than the calibration's, to be laid over it.
struct OtherValues {
  QString name;                                   ///< for people: the sample's, the file's
  std::shared_ptr<const Calibration> calibration; ///< null while it is computed
  std::vector<Drift> drifts;                      ///< beside the calibration; of one sample none
  int sample = -1;                                ///< whose they are; −1: a set's
};

class NetworkAnalysis : public QObject {
  Q_OBJECT

public:
  NetworkAnalysis(Document& document, JobRunner& runner, QObject* parent = nullptr);
  ~NetworkAnalysis() override;

  /// Null while no model is open, or where its inputs cannot be drawn (`samplesProblem` says why).
  const std::shared_ptr<const SampleSource>& samples() const { return m_samples; }
  const QString& samplesProblem() const { return m_samplesProblem; }
  /// Replaces the synthetic ones; results of the former samples are dropped.
  void setSamples(std::shared_ptr<const SampleSource> samples);
  /// Back to synthetic ones.
  void drawSamples() { reset(); }

  /// Ends in costChanged().
  void estimateSweep(const SweepRequest& request);
  void startSweep(const SweepRequest& request);
  /// Where half-done sweeps and trials are kept, so that they go on after a restart; empty: nowhere.
  void setSweepFolder(const QString& folder) { m_sweepFolder = folder; }
  /// Where a journal of `what` is kept that is of this model and these samples alone; empty: nowhere.
  std::string journalFile(const std::string& what) const;
  void startErrors(std::size_t samples);
  void startCalibration(std::size_t samples);
  void startLatency();
  /// One that was saved, in place of measuring.
  void setCalibration(std::shared_ptr<const Calibration> calibration);
  /// Lays one of the calibration's samples, by its place there, over the others: computed in the background.
  void showSample(std::size_t index);
  /// The same with another set, which was saved.
  void compareCalibration(std::shared_ptr<const Calibration> other, const QString& name);
  void dropOther();
  const OtherValues& other() const { return m_other; }
  /// Gives the open model's executor, on any thread; what it points to lives as long as the function.
  std::function<Result<const Executor*>()> executorSource() const;
  void stop(const QString& key) { m_runner.cancelKey(key); }
  static QString sweepKey() { return QStringLiteral("sensitivity"); }
  static QString errorsKey() { return QStringLiteral("errors"); }
  static QString latencyKey() { return QStringLiteral("latency"); }
  static QString calibrationKey() { return QStringLiteral("calibration"); }

  /// Null where there are none.
  const std::shared_ptr<const SweepView>& sweep() const { return m_sweep; }
  const std::shared_ptr<const ErrorsView>& errors() const { return m_errors; }
  const std::shared_ptr<const Calibration>& calibration() const { return m_calibration; }
  const std::optional<SensitivityCost>& cost() const { return m_cost; }
  /// Why the newest job of that key ended without a result; empty where it did not.
  QString problem(const QString& key) const { return m_problems.value(key); }
  bool sweepRuns() const { return m_sweepJob != 0; }
  bool errorsRun() const { return m_errorsJob != 0; }
  /// Of the first layers alone while it is being measured, or where that was stopped.
  const std::shared_ptr<const Latency>& latency() const { return m_latency; }
  /// Null where it is not of all layers.
  std::shared_ptr<const Latency> wholeLatency() const {
    return m_latency && m_latency->isComplete() ? m_latency : nullptr;
  }
  bool latencyRuns() const { return m_latencyJob != 0; }
  bool calibrationRuns() const { return m_calibrationJob != 0; }
  /// Whether the plan differs from the one that errors() was measured with.
  bool errorsAreOld() const { return !m_edited.empty(); }

signals:
  void samplesChanged();
  void sweepChanged();
  void costChanged();
  void errorsChanged();
  /// errorsAreOld() has changed.
  void errorsAged();
  void calibrationChanged();
  void latencyChanged();
  void otherChanged();

private:
  class Lab;
  void reset();
  void dropResults();
  std::string sweepFile(const SweepRequest& request) const;
  void noteCancelled();
  void setErrors(std::shared_ptr<const ErrorsView> errors);
  void noteEdits(const std::vector<int>& layers);
  void rankPartial();
  /// For jobs that calibrate because nobody did: what they found becomes the calibration that every page and
  /// the exports take, unless there is another by then. Any thread.
  std::function<void(std::shared_ptr<const Calibration>)> adoption();
  /// What problem() says from now on of the job that has just begun, or ended.
  void noteProblem(const QString& key, const QString& text = {});

  Document& m_document;
  JobRunner& m_runner;
  std::shared_ptr<Lab> m_lab; ///< executor and simulation of the open model, made by the first job
  std::shared_ptr<const SampleSource> m_samples;
  QString m_samplesProblem;
  QString m_sweepFolder;
  std::shared_ptr<const SweepView> m_sweep;
  std::shared_ptr<const ErrorsView> m_errors;
  std::shared_ptr<const Calibration> m_calibration;
  std::optional<SensitivityCost> m_cost;
  OtherValues m_other;
  std::set<int> m_edited; ///< layers whose plan is another than m_errors'
  quint64 m_sweepJob = 0;
  quint64 m_errorsJob = 0;
  quint64 m_calibrationJob = 0;
  std::shared_ptr<const Latency> m_latency;
  quint64 m_latencyJob = 0;
  QHash<QString, QString> m_problems; ///< of the jobs, by key
};

} // namespace halfstep
