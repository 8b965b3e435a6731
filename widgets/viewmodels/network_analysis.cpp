#include "widgets/viewmodels/network_analysis.h"

#include "core/analysis/plan_trials.h"
#include "core/analysis/synthetic_samples.h"
#include "core/io/sensitivity_file.h"
#include "core/quant/scheme_grammar.h"
#include "core/support/hash.h"

#include <QDir>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <numeric>

namespace halfstep {

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr auto kSnapshotEvery = std::chrono::milliseconds(150);

double steadySeconds() {
  return std::chrono::duration<double>(SteadyClock::now().time_since_epoch()).count();
}

bool isStatic(const SweepRequest& request) {
  return std::any_of(request.activations.begin(), request.activations.end(),
                     [](const ActivationScheme& one) { return one.needsCalibration(); });
}

/// Lets one snapshot through about every 150 ms. One thread.
class Pace {
public:
  bool isDue() {
    if (SteadyClock::now() - m_last < kSnapshotEvery) {
      return false;
    }
    m_last = SteadyClock::now();
    return true;
  }

private:
  SteadyClock::time_point m_last{};
};

/// One of the samples of a set; to be outlived by it.
class OneSample : public SampleSource {
public:
  OneSample(const SampleSource& set, std::size_t index)
      : m_set(set)
      , m_index(index) {}

  std::size_t count() const override { return 1; }
  Result<std::map<std::string, Value>> inputs(std::size_t) const override { return m_set.inputs(m_index); }
  std::string name(std::size_t) const override { return m_set.name(m_index); }
  std::vector<std::int64_t> targets(std::size_t) const override { return m_set.targets(m_index); }
  SampleOrigin origin() const override { return m_set.origin(); }

private:
  const SampleSource& m_set;
  std::size_t m_index;
};

/// The ranges of static activations: what the person calibrated or, where some are needed and nothing was, of
/// the samples that are measured.
Result<std::shared_ptr<const Calibration>> rangesFor(bool areNeeded, std::shared_ptr<const Calibration> known,
                                                     const Executor& executor, const SampleSource& source,
                                                     std::size_t samples, const JobContext& context) {
  if (known || !areNeeded) {
    return known;
  }
  CalibrationOptions options;
  options.samples = samples;
  return calibrate(executor, source, options, context);
}

} // namespace

/// What runs the open model. Any thread.
class NetworkAnalysis::Lab {
public:
  explicit Lab(std::shared_ptr<const Model> model)
      : m_model(std::move(model)) {}

  Result<const Executor*> executor() {
    const std::lock_guard lock(m_mutex);
    if (!m_executor) {
      HALFSTEP_TRY(Executor made, Executor::create(m_model));
      m_executor.emplace(std::move(made));
    }
    return &*m_executor;
  }
  const std::shared_ptr<const Model>& model() const { return m_model; }

private:
  std::shared_ptr<const Model> m_model;
  std::mutex m_mutex;
  std::optional<Executor> m_executor;
};

NetworkAnalysis::NetworkAnalysis(Document& document, JobRunner& runner, QObject* parent)
    : QObject(parent)
    , m_document(document)
    , m_runner(runner) {
  connect(&m_document, &Document::modelChanged, this, &NetworkAnalysis::reset);
  // Queued: a job that ended by itself hands over its result first.
  connect(&m_runner, &JobRunner::jobsChanged, this, &NetworkAnalysis::noteCancelled, Qt::QueuedConnection);
  connect(&m_document, &Document::plansChanged, this, &NetworkAnalysis::noteEdits);
}

NetworkAnalysis::~NetworkAnalysis() = default;

std::function<Result<const Executor*>()> NetworkAnalysis::executorSource() const {
  return [lab = m_lab] { return lab->executor(); };
}

void NetworkAnalysis::reset() {
  m_lab.reset();
  m_samples.reset();
  m_samplesProblem.clear();
  if (m_document.model()) {
    m_lab = std::make_shared<Lab>(m_document.model());
    SyntheticSettings settings;
    if (const auto& data = m_document.data(); data && data->source.empty()) {
      settings = syntheticSettings(*data);
    }
    auto drawn = SyntheticSamples::create(*m_document.model(), settings);
    if (drawn) {
      m_samples = std::move(*drawn);
    } else {
      m_samplesProblem = QString::fromStdString(drawn.error().message());
    }
  }
  dropResults();
  emit samplesChanged();
}

void NetworkAnalysis::setSamples(std::shared_ptr<const SampleSource> samples) {
  m_samples = std::move(samples);
  m_samplesProblem.clear();
  dropResults();
  emit samplesChanged();
}

void NetworkAnalysis::dropResults() {
  for (const QString& key :
       {sweepKey(), errorsKey(), calibrationKey(), latencyKey(), QStringLiteral("sweep_cost")}) {
    m_runner.cancelKey(key);
  }
  m_sweepJob = m_errorsJob = m_calibrationJob = m_latencyJob = 0;
  m_problems.clear();
  m_other = {};
  m_latency.reset();
  m_sweep.reset();
  m_errors.reset();
  m_edited.clear();
  m_calibration.reset();
  m_cost.reset();
  emit sweepChanged();
  emit costChanged();
  emit errorsChanged();
  emit calibrationChanged();
  emit latencyChanged();
}

void NetworkAnalysis::noteProblem(const QString& key, const QString& text) {
  m_problems[key] = text;
}

void NetworkAnalysis::setErrors(std::shared_ptr<const ErrorsView> errors) {
  m_errors = std::move(errors);
  m_edited.clear();
  if (m_errors) {
    std::vector<int> all(static_cast<std::size_t>(m_document.layerCount()));
    std::iota(all.begin(), all.end(), 0);
    noteEdits(all);
  }
  emit errorsChanged();
}

void NetworkAnalysis::noteEdits(const std::vector<int>& layers) {
  if (!m_errors) {
    return;
  }
  const bool before = errorsAreOld();
  for (const int layer : layers) {
    if (m_errors->plan.forLayer(m_document.layer(layer).name) != m_document.layerPlan(layer)) {
      m_edited.insert(layer);
    } else {
      m_edited.erase(layer);
    }
  }
  if (errorsAreOld() != before) {
    emit errorsAged();
  }
}

void NetworkAnalysis::estimateSweep(const SweepRequest& request) {
  m_cost.reset();
  emit costChanged();
  if (!m_samples || request.schemes.empty()) {
    return;
  }
  m_runner.start<SensitivityCost>(
      {Lane::batch, tr("What a sweep costs"), QStringLiteral("sweep_cost"), true},
      [lab = m_lab, samples = m_samples, request,
       isCalibrated = m_calibration != nullptr](const JobContext& context) -> Result<SensitivityCost> {
        HALFSTEP_TRY(const Executor* executor, lab->executor());
        SensitivityBeside beside;
        beside.calibration =
            !isCalibrated && std::any_of(request.activations.begin(), request.activations.end(),
                                         [](const auto& one) { return one.needsCalibration(); });
        beside.fisherPasses = request.activations.empty() ? FisherOptions().passes : 0;
        SensitivityOptions options;
        options.schemes = request.schemes;
        options.activations = request.activations;
        options.samples = request.samples;
        return sensitivityCost(*executor, *samples, options, steadySeconds, context, beside);
      },
      this,
      [this](Result<SensitivityCost> cost) {
        if (cost) {
          m_cost = *cost;
        }
        noteProblem(sweepKey(), cost ? QString() : QString::fromStdString(cost.error().message()));
        emit costChanged();
      });
}

std::string NetworkAnalysis::journalFile(const std::string& what) const {
  if (m_sweepFolder.isEmpty() || m_document.modelHash().empty() || !m_samples) {
    return {};
  }
  const std::string key = m_document.modelHash() + std::to_string(m_samples->origin().fingerprint) + what;
  const auto name = sha256(std::as_bytes(std::span(key)), {});
  return name ? (m_sweepFolder + QStringLiteral("/") + QString::fromStdString(name->substr(0, 16)) +
                 QStringLiteral(".jsonl"))
                    .toStdString()
              : std::string();
}

std::string NetworkAnalysis::sweepFile(const SweepRequest& request) const {
  std::string what = std::to_string(request.samples) +
                     (request.metric ? std::string(metricName(*request.metric)) : std::string());
  for (const Scheme& scheme : request.schemes) {
    what += " " + printScheme(scheme);
  }
  for (const ActivationScheme& activations : request.activations) {
    what += "/" + printActivationScheme(activations);
  }
  if (isStatic(request) && m_samples) { // the ranges are compared when the journal is read
    const std::size_t own = std::min(request.samples, m_samples->count()); // what it calibrates on itself
    what += " " + std::to_string((m_calibration ? m_calibration->origin : m_samples->origin()).fingerprint) +
            " " + std::to_string(m_calibration ? m_calibration->sampleNames.size() : own);
  }
  return journalFile(what);
}

std::function<void(std::shared_ptr<const Calibration>)> NetworkAnalysis::adoption() {
  return [this, &runner = m_runner, self = QPointer<QObject>(this),
          samples = m_samples](std::shared_ptr<const Calibration> ranges) {
    runner.post(self, [this, samples, ranges = std::move(ranges)] {
      if (!m_calibration && ranges && m_samples == samples) {
        m_calibration = ranges;
        emit calibrationChanged();
      }
    });
  };
}

void NetworkAnalysis::startSweep(const SweepRequest& request) {
  if (!m_samples || request.schemes.empty()) {
    return;
  }
  const QPointer<QObject> self(this);
  const auto publish = [this, &runner = m_runner, self](std::shared_ptr<const SweepView> view) {
    runner.post(self, [this, view = std::move(view), lab = std::weak_ptr<Lab>(m_lab)] {
      if (m_sweepJob != 0 && !lab.expired()) {
        m_sweep = view;
        emit sweepChanged();
      }
    });
  };
  const auto work = [lab = m_lab, samples = m_samples, request, publish, file = sweepFile(request),
                     hash = m_document.modelHash(), calibration = m_calibration, adopt = adoption()](
                        const JobContext& context) -> Result<std::shared_ptr<const SweepView>> {
    HALFSTEP_TRY(const Executor* executor, lab->executor());
    HALFSTEP_TRY(const auto ranges, rangesFor(isStatic(request), calibration, *executor, *samples,
                                              request.samples, context.part(0.0, 0.05)));
    adopt(ranges);
    const Simulation simulation(lab->model(), ranges);
    BesideSweep beside;
    HALFSTEP_TRY(beside.screening, screenWeights(*lab->model(), request.schemes, context.part(0.0, 0.05)));
    std::optional<Sensitivity> previous;
    if (!file.empty()) {
      if (auto saved = loadSensitivity(file, hash)) {
        previous = std::move(*saved);
      }
    }
    std::optional<SensitivityJournal> journal;
    SensitivityOptions options;
    options.schemes = request.schemes;
    options.activations = request.activations;
    options.samples = request.samples;
    options.metric = request.metric;
    Pace pace;
    options.onLayer = [&](const Sensitivity& so, std::size_t layer) {
      if (!file.empty() && !journal) {
        if (auto made = SensitivityJournal::create(file, so, hash)) {
          journal.emplace(std::move(*made));
        }
      } else if (journal && !journal->append(so, layer)) {
        journal.reset(); // a full disk costs the resuming, not the sweep
      }
      if (pace.isDue()) {
        publish(sweepViewOf(std::make_shared<const Sensitivity>(so), beside, true));
      }
    };
    const auto measure = [&](const Sensitivity* from) {
      return measureSensitivity(*executor, simulation, *samples, options, from, context.part(0.05, 0.8));
    };
    auto measured = measure(previous ? &*previous : nullptr);
    if (!measured && previous && measured.error().kind == ErrorKind::usage) {
      measured = measure(nullptr); // the journal is of something else: it costs the resuming
    }
    HALFSTEP_TRY(auto sweep, std::move(measured));
    publish(sweepViewOf(sweep, beside, true)); // what is measured need not wait for what is estimated
    HALFSTEP_CHECK(addFisher(*executor, simulation, *samples, request, context.part(0.8, 1.0), beside));
    return sweepViewOf(std::move(sweep), beside, false);
  };
  m_sweepJob = m_runner.start<std::shared_ptr<const SweepView>>(
      {Lane::sweep, tr("Sensitivity"), sweepKey(), true}, work, this,
      [this](Result<std::shared_ptr<const SweepView>> view) {
        m_sweepJob = 0;
        if (view) {
          m_sweep = std::move(*view);
        } else {
          noteProblem(sweepKey(), QString::fromStdString(view.error().message()));
        }
        emit sweepChanged();
      });
  noteProblem(sweepKey());
  emit sweepChanged();
}

void NetworkAnalysis::startErrors(std::size_t samples) {
  if (!m_samples) {
    return;
  }
  const QPointer<QObject> self(this);
  const auto publish = [this, &runner = m_runner, self](std::shared_ptr<const ErrorsView> view) {
    runner.post(self, [this, view = std::move(view)] {
      if (m_errorsJob != 0) {
        setErrors(view);
      }
    });
  };
  const auto work = [lab = m_lab, source = m_samples, plan = m_document.plan(), samples, publish,
                     calibration = m_calibration, adopt = adoption()](
                        const JobContext& context) -> Result<std::shared_ptr<const ErrorsView>> {
    HALFSTEP_TRY(const Executor* executor, lab->executor());
    const bool isStatic = std::any_of(plan.layers.begin(), plan.layers.end(), [](const auto& layer) {
      return layer.second.activations.needsCalibration();
    });
    HALFSTEP_TRY(const auto ranges,
                 rangesFor(isStatic, calibration, *executor, *source, samples, context.part(0.0, 0.1)));
    adopt(ranges);
    const Simulation simulation(lab->model(), ranges);
    Pace pace;
    std::vector<std::pair<OutputMetric, Estimate>> figures;
    Estimate damage;
    const auto viewOfErrors = [&](const LayerErrors& errors, std::shared_ptr<const Evaluation> evaluation,
                                  bool running) {
      auto view = std::make_shared<ErrorsView>();
      view->errors = std::make_shared<const LayerErrors>(errors);
      view->evaluation = std::move(evaluation);
      view->output = figures;
      view->damage = damage;
      view->plan = plan;
      view->running = running;
      for (const LayerError& one : errors.errors) {
        view->isolated.push_back(LayerErrors::sqnrEstimate(one.isolated, 1));
        view->accumulated.push_back(LayerErrors::sqnrEstimate(one.accumulated, 1));
      }
      return view;
    };
    LayerErrorOptions options;
    options.samples = samples;
    options.onSample = [&](const LayerErrors& so) {
      if (pace.isDue()) {
        publish(viewOfErrors(so, nullptr, true));
      }
    };
    HALFSTEP_TRY(const auto errors,
                 measureLayerErrors(*executor, simulation, plan, *source, options, context.part(0.1, 0.7)));
    publish(viewOfErrors(*errors, nullptr, true)); // the layers need not wait for the network
    EvaluationOptions evaluation;
    evaluation.samples = samples;
    HALFSTEP_TRY(const auto output,
                 evaluate(*executor, simulation, plan, *source, evaluation, context.part(0.7, 1.0)));
    for (const OutputMetric metric :
         {OutputMetric::kl, OutputMetric::sqnr, OutputMetric::top1, OutputMetric::accuracy,
          OutputMetric::floatAccuracy, OutputMetric::perplexity, OutputMetric::floatPerplexity}) {
      const Estimate estimate = estimateOf(metric, output->samples, context.seed());
      if (!std::isnan(estimate.value)) {
        figures.emplace_back(metric, estimate);
      }
    }
    damage = addedDamageEstimate(output->standard, output->samples, context.seed());
    return std::shared_ptr<const ErrorsView>(viewOfErrors(*errors, output, false));
  };
  m_errorsJob = m_runner.start<std::shared_ptr<const ErrorsView>>(
      {Lane::sweep, tr("Error of every layer"), errorsKey(), true}, work, this,
      [this](Result<std::shared_ptr<const ErrorsView>> view) {
        m_errorsJob = 0;
        if (!view) {
          noteProblem(errorsKey(), QString::fromStdString(view.error().message()));
        }
        setErrors(view ? std::move(*view) : m_errors);
      });
  noteProblem(errorsKey());
  emit errorsChanged();
}

void NetworkAnalysis::startCalibration(std::size_t samples) {
  if (!m_samples) {
    return;
  }
  m_calibrationJob = m_runner.start<std::shared_ptr<const Calibration>>(
      {Lane::sweep, tr("Calibration"), calibrationKey(), true},
      [lab = m_lab, source = m_samples,
       samples](const JobContext& context) -> Result<std::shared_ptr<const Calibration>> {
        HALFSTEP_TRY(const Executor* executor, lab->executor());
        CalibrationOptions options;
        options.samples = samples;
        return calibrate(*executor, *source, options, context);
      },
      this,
      [this](Result<std::shared_ptr<const Calibration>> calibration) {
        m_calibrationJob = 0;
        if (calibration) {
          m_calibration = std::move(*calibration);
          m_other = {};
        } else {
          noteProblem(calibrationKey(), QString::fromStdString(calibration.error().message()));
        }
        emit calibrationChanged();
      });
  noteProblem(calibrationKey());
  emit calibrationChanged();
}

void NetworkAnalysis::showSample(std::size_t index) {
  const auto calibration = m_calibration;
  if (!calibration || !m_samples || index >= calibration->sampleNames.size() || index >= m_samples->count()) {
    return;
  }
  m_other = {QString::fromStdString(calibration->sampleNames[index]), nullptr, {}, static_cast<int>(index)};
  m_runner.start<std::shared_ptr<const Calibration>>(
      {Lane::batch, tr("Values of %1").arg(m_other.name), QStringLiteral("one_sample"), true},
      [lab = m_lab, source = m_samples,
       index](const JobContext& context) -> Result<std::shared_ptr<const Calibration>> {
        HALFSTEP_TRY(const Executor* executor, lab->executor());
        return calibrate(*executor, OneSample(*source, index), {}, context);
      },
      this,
      [this, index, calibration](Result<std::shared_ptr<const Calibration>> values) {
        if (values && m_calibration == calibration && m_other.sample == static_cast<int>(index)) {
          m_other.calibration = std::move(*values);
          emit otherChanged();
        }
      });
  emit otherChanged();
}

void NetworkAnalysis::compareCalibration(std::shared_ptr<const Calibration> other, const QString& name) {
  if (m_calibration && other) {
    std::vector<Drift> drifts = driftBetween(*m_calibration, *other);
    m_other = {name, std::move(other), std::move(drifts), -1};
    emit otherChanged();
  }
}

void NetworkAnalysis::dropOther() {
  m_other = {};
  emit otherChanged();
}

void NetworkAnalysis::noteCancelled() {
  // A job that was cancelled (in the status bar, in the list of jobs) does not hand over a result.
  const auto isOver = [this](quint64& job) {
    const bool over = job != 0 && !m_runner.isActive(job);
    job = over ? 0 : job;
    return over;
  };
  if (isOver(m_sweepJob)) {
    rankPartial();
    emit sweepChanged();
  }
  if (isOver(m_errorsJob)) {
    if (m_errors && m_errors->running) {
      auto partial = std::make_shared<ErrorsView>(*m_errors);
      partial->running = false;
      m_errors = std::move(partial);
    }
    emit errorsChanged();
  }
  if (isOver(m_latencyJob)) {
    emit latencyChanged();
  }
  if (isOver(m_calibrationJob)) {
    emit calibrationChanged();
  }
}

void NetworkAnalysis::rankPartial() {
  if (!m_sweep || !m_sweep->running) {
    return;
  }
  m_runner.start<std::shared_ptr<const SweepView>>(
      {Lane::batch, tr("Rank the layers"), QStringLiteral("rank"), true},
      [view = m_sweep](const JobContext&) -> Result<std::shared_ptr<const SweepView>> {
        return sweepViewOf(view->sweep, {view->screening, view->fisher, view->fisherProblem}, false);
      },
      this,
      [this, partial = m_sweep](Result<std::shared_ptr<const SweepView>> view) {
        if (view && m_sweep == partial) {
          m_sweep = std::move(*view);
          emit sweepChanged();
        }
      });
}

void NetworkAnalysis::setCalibration(std::shared_ptr<const Calibration> calibration) {
  m_runner.cancelKey(calibrationKey());
  m_calibration = std::move(calibration);
  m_other = {};
  emit calibrationChanged();
}

void NetworkAnalysis::startLatency() {
  if (!m_samples) {
    return;
  }
  const QPointer<QObject> self(this);
  const auto publish = [this, &runner = m_runner, self](std::shared_ptr<const Latency> latency) {
    runner.post(self, [this, latency = std::move(latency), lab = std::weak_ptr<Lab>(m_lab)] {
      if (m_latencyJob != 0 && !lab.expired()) {
        m_latency = latency;
        emit latencyChanged();
      }
    });
  };
  m_latencyJob = m_runner.start<std::shared_ptr<const Latency>>(
      {Lane::sweep, tr("Latency"), latencyKey(), true},
      [lab = m_lab, source = m_samples,
       publish](const JobContext& context) -> Result<std::shared_ptr<const Latency>> {
        HALFSTEP_TRY(const Executor* executor, lab->executor());
        HALFSTEP_TRY(const auto inputs, source->inputs(0));
        LatencyOptions options;
        options.clock = steadySeconds;
        Pace pace;
        options.onLayer = [&](const Latency& so) {
          if (pace.isDue()) {
            publish(std::make_shared<const Latency>(so));
          }
        };
        HALFSTEP_TRY(Latency latency, measureLatency(*executor, inputs, options, context));
        return std::make_shared<const Latency>(std::move(latency));
      },
      this,
      [this](Result<std::shared_ptr<const Latency>> latency) {
        m_latencyJob = 0;
        if (latency) {
          m_latency = std::move(*latency);
        } else {
          noteProblem(latencyKey(), QString::fromStdString(latency.error().message()));
        }
        emit latencyChanged();
      });
  noteProblem(latencyKey());
  emit latencyChanged();
}

} // namespace halfstep
