#include "widgets/viewmodels/plan_quantizer.h"

#include "core/quant/quantizer.h"

#include <algorithm>
#include <chrono>

namespace halfstep {

namespace {

constexpr int kSettleMilliseconds = 120; // a drag changes the plan at every mouse move
constexpr auto kTotalsEvery = std::chrono::milliseconds(100);

using Figures = std::vector<std::pair<int, LayerSummary>>;

struct Task {
  int layer;
  Scheme scheme;
};

Result<LayerSummary> summarise(const Layer& layer, const Scheme& scheme, const JobContext& context) {
  HALFSTEP_TRY(const auto matrix, WeightMatrix::fromLayer(layer, context));
  HALFSTEP_TRY(const LayerQuantization quantization, quantizeLayer(*matrix, scheme, context));
  return LayerSummary{scheme, quantization.total, quantization.bytes, quantization.bitsPerWeight};
}

/// Quantizes layer after layer and hands over what is done about ten times a second. Layers that fail are
/// reported together at the end; the others are not held up by them.
Result<std::vector<int>> quantizeAll(const Model& model, const std::vector<Task>& tasks,
                                     const std::function<void(Figures)>& publish, const JobContext& context,
                                     std::string& firstError) {
  Figures done;
  std::vector<int> failed;
  auto last = std::chrono::steady_clock::now();
  std::size_t values = 0;
  std::size_t all = 1;
  for (const Task& task : tasks) {
    all += model.layers[static_cast<std::size_t>(task.layer)].parameters();
  }
  for (const Task& task : tasks) {
    const Layer& layer = model.layers[static_cast<std::size_t>(task.layer)];
    HALFSTEP_CHECK(context.checkpoint());
    context.reportProgress(static_cast<double>(values) / static_cast<double>(all), layer.name);
    auto summary = summarise(layer, task.scheme, context);
    values += layer.parameters();
    if (summary) {
      done.emplace_back(task.layer, std::move(*summary));
    } else if (summary.error().kind == ErrorKind::cancelled) {
      publish(std::move(done)); // what is done stays done
      return summary.error();
    } else {
      failed.push_back(task.layer);
      if (firstError.empty()) {
        firstError = "layer " + layer.name + ": " + summary.error().message();
      }
    }
    if (std::chrono::steady_clock::now() - last > kTotalsEvery) {
      publish(std::exchange(done, {}));
      last = std::chrono::steady_clock::now();
    }
  }
  publish(std::move(done));
  return failed;
}

} // namespace

PlanQuantizer::PlanQuantizer(Document& document, JobRunner& runner, QObject* parent)
    : QObject(parent)
    , m_document(document)
    , m_runner(runner) {
  m_delay.setSingleShot(true);
  m_delay.setInterval(kSettleMilliseconds);
  connect(&m_delay, &QTimer::timeout, this, &PlanQuantizer::startIfNeeded);
  connect(&m_document, &Document::modelChanged, this, [this] {
    m_runner.cancel(m_running);
    m_running = 0;
    m_oldestRun = m_run + 1;
    m_failed.clear();
    startIfNeeded();
  });
  connect(&m_document, &Document::plansChanged, this, [this](const std::vector<int>& layers) {
    std::erase_if(m_failed,
                  [&](int layer) { return std::find(layers.begin(), layers.end(), layer) != layers.end(); });
    scheduleSoon();
  });
}

void PlanQuantizer::scheduleSoon() {
  m_delay.start();
}

void PlanQuantizer::startIfNeeded() {
  std::vector<Task> tasks;
  for (int i = 0; i < m_document.layerCount(); ++i) {
    if (m_document.summary(i) == nullptr &&
        std::find(m_failed.begin(), m_failed.end(), i) == m_failed.end()) {
      tasks.push_back({i, m_document.scheme(i)});
    }
  }
  if (m_running != 0) {
    m_runner.cancel(m_running); // its finished layers were handed over; the rest is in `tasks`
    m_running = 0;
  }
  if (tasks.empty()) {
    return;
  }
  const quint64 run = ++m_run;
  const QPointer<QObject> self(this);
  auto firstError = std::make_shared<std::string>();
  // On the worker's thread, where this object may be gone already; the runner waits for its jobs.
  const auto publish = [this, &runner = m_runner, self, run](Figures figures) {
    runner.post(self, [this, run, figures = std::move(figures)] { take(run, figures); });
  };
  const auto work = [model = m_document.model(), tasks = std::move(tasks), publish,
                     firstError](const JobContext& context) {
    return quantizeAll(*model, tasks, publish, context, *firstError);
  };
  m_running = m_runner.start<std::vector<int>>(
      {Lane::batch, tr("Quantize the plan"), QStringLiteral("plan"), true}, work, this,
      [this, run, firstError](Result<std::vector<int>> failed) {
        if (run != m_run) {
          return;
        }
        m_running = 0;
        if (failed && !failed->empty()) {
          m_failed.insert(m_failed.end(), failed->begin(), failed->end());
          emit m_runner.jobFailed(tr("Quantize the plan"), QString::fromStdString(*firstError));
        }
      });
}

void PlanQuantizer::take(quint64 run, const std::vector<std::pair<int, LayerSummary>>& figures) {
  if (run < m_oldestRun) {
    return;
  }
  auto present = figures;
  std::erase_if(present, [&](const auto& layer) { // of a scheme that was replaced while the run was cancelled
    return layer.second.scheme != m_document.scheme(layer.first);
  });
  if (!present.empty()) {
    m_document.setSummaries(std::move(present));
  }
}

} // namespace halfstep
