#include "widgets/jobs/job_runner.h"

#include <algorithm>
#include <utility>

#ifdef __linux__
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace halfstep {

namespace {
constexpr int kRefreshMilliseconds = 100;
constexpr std::size_t kEndedKept = 50;
constexpr std::array kAllLanes = {Lane::interactive, Lane::batch, Lane::sweep};

/// Lowers the calling thread's share of the processor, and that of the threads its parallel loops start
/// later. (On Linux, nice values belong to threads and are inherited.)
void stepBack() {
#ifdef __linux__
  constexpr int kNice = 10;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
#endif
}
} // namespace

JobRunner::JobRunner(QObject* parent)
    : QObject(parent) {
  m_refresh.setInterval(kRefreshMilliseconds);
  connect(&m_refresh, &QTimer::timeout, this, &JobRunner::refresh);
  m_drawn.setSingleShot(true);
  m_drawn.setInterval(0); // after what is queued: the repainting
  connect(&m_drawn, &QTimer::timeout, this, &JobRunner::letLaneGo);
  for (const Lane lane : kAllLanes) {
    laneState(lane).thread = std::jthread([this, lane](const std::stop_token& stop) { serve(lane, stop); });
  }
}

JobRunner::~JobRunner() {
  cancelAll();
  for (const Lane lane : kAllLanes) {
    laneState(lane).thread.request_stop();
  }
  m_wake.notify_all();
  for (const Lane lane : kAllLanes) {
    laneState(lane).thread.join();
  }
}

quint64 JobRunner::enqueue(const JobRequest& request, Work work, QObject* receiver) {
  auto job = std::make_shared<Job>();
  job->id = m_nextId++;
  job->request = request;
  job->work = std::move(work);
  job->receiver = receiver;
  std::vector<JobPointer> replaced;
  {
    const std::lock_guard lock(m_mutex);
    LaneState& lane = laneState(request.lane);
    if (!request.key.isEmpty()) {
      std::erase_if(lane.waiting, [&](const JobPointer& other) {
        if (other->request.key != request.key) {
          return false;
        }
        replaced.push_back(other);
        return true;
      });
      if (request.stopsRunning && lane.running && lane.running->request.key == request.key) {
        lane.running->stop.request_stop();
      }
    }
    lane.waiting.push_back(job);
    m_load[static_cast<std::size_t>(request.lane)] += 1 - static_cast<int>(replaced.size());
  }
  m_active.push_back(job);
  for (const JobPointer& other : replaced) {
    markEnded(other, JobStatus::State::cancelled);
  }
  m_wake.notify_all();
  if (!m_refresh.isActive()) {
    m_refresh.start();
  }
  return job->id;
}

void JobRunner::serve(Lane lane, const std::stop_token& stop) {
  LaneState& state = laneState(lane);
  if (lane != Lane::interactive) {
    stepBack();
  }
  while (true) {
    JobPointer job;
    {
      std::unique_lock lock(m_mutex);
      if (!m_wake.wait(lock, stop, [&] { return !state.waiting.empty(); })) {
        return;
      }
      job = state.waiting.front();
      state.waiting.pop_front();
      state.running = job;
    }
    handOver([this, job] { noteStarted(job); });
    Outcome outcome = job->stop.stop_requested() ? Outcome{Error{ErrorKind::cancelled, "cancelled"}, {}}
                                                 : job->work(contextFor(job));
    {
      const std::lock_guard lock(m_mutex);
      state.running.reset();
      if (lane != Lane::interactive) {
        --m_load[static_cast<std::size_t>(lane)];
      }
    }
    m_wake.notify_all();
    // The closure holds the work's inputs; let go of them on this thread, not on the UI's.
    job->work = {};
    handOver([this, job, outcome = std::move(outcome)] { finish(job, outcome); });
  }
}

JobContext JobRunner::contextFor(const JobPointer& job) {
  JobContext::YieldHook yield;
  Job* raw = job.get(); // outlives the call: `serve` holds it
  if (job->request.lane != Lane::interactive) {
    yield = [this, raw](const std::stop_token& stop) { letOthersGoFirst(*raw, stop); };
  }
  return JobContext(
      job->stop.get_token(),
      [raw](double fraction, std::string_view what) {
        raw->fraction = std::clamp(fraction, 0.0, 1.0);
        if (!what.empty()) {
          const std::lock_guard lock(raw->stepMutex);
          raw->step = QString::fromUtf8(what.data(), static_cast<qsizetype>(what.size()));
        }
      },
      std::move(yield));
}

bool JobRunner::isHeldUp(const Job& job) const {
  if (job.paused.load(std::memory_order_relaxed)) {
    return true;
  }
  const auto own = static_cast<std::size_t>(job.request.lane);
  for (std::size_t lane = 0; lane < own; ++lane) {
    if (m_load[lane].load(std::memory_order_relaxed) > 0) {
      return true;
    }
  }
  return false;
}

void JobRunner::letOthersGoFirst(const Job& job, const std::stop_token& stop) {
  if (isHeldUp(job)) {
    std::unique_lock lock(m_mutex);
    m_wake.wait(lock, stop, [&] { return !isHeldUp(job); });
  }
}

void JobRunner::setPaused(quint64 id, bool paused) {
  for (const JobPointer& job : m_active) {
    if (job->id != id || job->request.lane == Lane::interactive || job->paused == paused) {
      continue;
    }
    if (paused) {
      job->secondsBefore = secondsOf(*job);
    } else {
      job->clock.restart();
    }
    const std::lock_guard lock(m_mutex);
    job->paused = paused;
  }
  m_wake.notify_all();
  emit jobsChanged();
}

double JobRunner::secondsOf(const Job& job) {
  const bool counts = job.clock.isValid() && !job.paused;
  return job.secondsBefore + (counts ? static_cast<double>(job.clock.nsecsElapsed()) * 1e-9 : 0.0);
}

void JobRunner::post(const QPointer<QObject>& receiver, std::function<void()> deliver) {
  handOver([receiver, deliver = std::move(deliver)] {
    if (receiver) {
      deliver();
    }
  });
}

void JobRunner::handOver(std::function<void()> deliver) {
  // What is handed over goes through a lock of ours, which the thread sanitizer sees; Qt's queue only rings
  // the bell.
  {
    const std::lock_guard lock(m_mailMutex);
    m_mail.push_back(std::move(deliver));
  }
  QMetaObject::invokeMethod(this, "takeMail", Qt::QueuedConnection);
}

void JobRunner::takeMail() {
  while (true) {
    std::function<void()> deliver;
    {
      const std::lock_guard lock(m_mailMutex);
      if (m_mail.empty()) {
        return;
      }
      deliver = std::move(m_mail.front());
      m_mail.pop_front();
    }
    deliver();
  }
}

void JobRunner::noteStarted(const JobPointer& job) {
  if (job->state == JobStatus::State::waiting) {
    job->state = JobStatus::State::running;
    job->clock.start();
  }
}

void JobRunner::finish(const JobPointer& job, const Outcome& outcome) {
  const bool cancelled =
      job->stop.stop_requested() || (outcome.error && outcome.error->kind == ErrorKind::cancelled);
  if (cancelled) {
    markEnded(job, JobStatus::State::cancelled);
  } else {
    if (outcome.error) {
      job->error = QString::fromStdString(outcome.error->message());
    }
    markEnded(job, outcome.error ? JobStatus::State::failed : JobStatus::State::done);
    if (outcome.error) {
      emit jobFailed(job->request.title, job->error);
    }
    if (job->receiver) {
      outcome.deliver();
    }
  }
  if (job->request.lane == Lane::interactive) {
    ++m_delivered;
    m_drawn.start();
  }
  if (isIdle()) {
    emit becameIdle();
  }
}

void JobRunner::letLaneGo() {
  {
    const std::lock_guard lock(m_mutex);
    m_load[static_cast<std::size_t>(Lane::interactive)] -= std::exchange(m_delivered, 0);
  }
  m_wake.notify_all();
}

void JobRunner::markEnded(const JobPointer& job, JobStatus::State state) {
  std::erase(m_active, job);
  job->state = state;
  job->seconds = secondsOf(*job);
  // What the person looks at comes and goes by the hundred; only batch jobs and failures are worth keeping.
  if (job->request.lane != Lane::interactive || state == JobStatus::State::failed) {
    m_ended.push_back(job);
    if (m_ended.size() > kEndedKept) {
      m_ended.pop_front();
    }
    emit jobsChanged();
  }
}

void JobRunner::cancel(quint64 id) {
  for (const JobPointer& job : m_active) {
    if (job->id == id) {
      job->stop.request_stop();
    }
  }
  m_wake.notify_all();
}

void JobRunner::cancelKey(const QString& key) {
  for (const JobPointer& job : m_active) {
    if (job->request.key == key) {
      job->stop.request_stop();
    }
  }
  m_wake.notify_all();
}

void JobRunner::cancelAll() {
  for (const JobPointer& job : m_active) {
    job->stop.request_stop();
  }
  m_wake.notify_all();
}

bool JobRunner::isActive(quint64 id) const {
  return std::any_of(m_active.begin(), m_active.end(), [&](const JobPointer& job) { return job->id == id; });
}

bool JobRunner::isIdle() const {
  return m_active.empty();
}

void JobRunner::refresh() {
  if (m_active.empty()) {
    m_refresh.stop();
  }
  emit jobsChanged();
}

JobStatus JobRunner::statusOf(const Job& job) const {
  JobStatus status;
  status.id = job.id;
  status.lane = job.request.lane;
  status.title = job.request.title;
  status.state = job.state;
  status.fraction = job.state == JobStatus::State::done ? 1.0 : job.fraction.load();
  status.error = job.error;
  status.seconds = job.seconds;
  if (job.state == JobStatus::State::running) {
    status.seconds = secondsOf(job);
    status.state = job.paused ? JobStatus::State::paused : job.state;
    if (status.fraction > 0.02) {
      status.secondsLeft = status.seconds * (1.0 - status.fraction) / status.fraction;
    }
  }
  return status;
}

std::vector<JobStatus> JobRunner::jobs() const {
  std::vector<JobStatus> all;
  for (const JobPointer& job : m_ended) {
    all.push_back(statusOf(*job));
  }
  for (const JobPointer& job : m_active) {
    JobStatus status = statusOf(*job);
    const std::lock_guard lock(job->stepMutex);
    status.step = job->step;
    all.push_back(std::move(status));
  }
  return all;
}

} // namespace halfstep
