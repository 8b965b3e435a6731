// Runs functions of the core off the UI thread, in lanes of one thread each (a job's loops use more).
// Interactive lane: what the person is looking at; of several requests with the same key only the newest
// waits. Batch lane: whole-model jobs of seconds. Sweep lane: measurements of minutes and hours, which can be
// paused. Within a lane one job after the other; at every checkpoint a job lets the lanes before its own go
// first. Owned by the session; every method is for the UI thread.
#pragma once

#include "core/support/job_context.h"
#include "core/support/result.h"

#include <QElapsedTimer>
#include <QObject>
#include <QPointer>
#include <QString>
#include <QTimer>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace halfstep {

enum class Lane { interactive, batch, sweep };

struct JobRequest {
  Lane lane = Lane::interactive;
  QString title; ///< for the job list
  QString key;   ///< "what is this for": a newer request with this key replaces one that still waits
  bool stopsRunning = false; ///< … and stops one that runs (another layer, another plan)
};

/// How a job stands; a snapshot for the job list and the status bar.
struct JobStatus {
  enum class State { waiting, running, paused, done, failed, cancelled };
  quint64 id = 0;
  Lane lane = Lane::interactive;
  QString title;
  QString step; ///< what it is doing right now
  State state = State::waiting;
  double fraction = 0.0;     ///< 0…1
  double seconds = 0.0;      ///< running time so far
  double secondsLeft = -1.0; ///< estimate; < 0 where there is none yet
  QString error;
};

class JobRunner : public QObject {
  Q_OBJECT

public:
  explicit JobRunner(QObject* parent = nullptr);
  /// Stops all jobs and waits for their threads (every job stops within about 50 ms).
  ~JobRunner() override;

  /// Runs `work` in a lane and then `done(result)` on the UI thread, unless the job was replaced or
  /// cancelled, or `receiver` is gone: then `done` is not called. Returns the job's id.
  template <class T>
  quint64 start(const JobRequest& request, std::function<Result<T>(const JobContext&)> work,
                QObject* receiver, std::function<void(Result<T>)> done) {
    return enqueue(
        request,
        [work = std::move(work), done = std::move(done)](const JobContext& context) -> Outcome {
          auto result = std::make_shared<Result<T>>(guarded<T>(work, context));
          const bool failed = !result->has_value();
          return {failed ? std::optional<Error>(result->error()) : std::nullopt,
                  [result, done] { done(std::move(*result)); }};
        },
        receiver);
  }

  /// From a running job: calls `deliver` on the UI thread soon, if `receiver` still lives. Any thread.
  void post(const QPointer<QObject>& receiver, std::function<void()> deliver);

  void cancel(quint64 id);
  /// Holds a batch or sweep job at its next checkpoint, or lets it go on. A paused batch job holds up those
  /// behind it.
  void setPaused(quint64 id, bool paused);
  void cancelKey(const QString& key);
  void cancelAll();
  /// Whether job `id` waits or runs.
  bool isActive(quint64 id) const;
  /// No job waits or runs, and every result has been handed over.
  bool isIdle() const;
  /// All jobs that wait or run, and the last ones that ended, oldest first.
  std::vector<JobStatus> jobs() const;

signals:
  /// Something in jobs() changed; at most about ten times a second while jobs run.
  void jobsChanged();
  void jobFailed(const QString& title, const QString& message);
  void becameIdle();

private:
  struct Outcome {
    std::optional<Error> error;
    std::function<void()> deliver;
  };
  using Work = std::function<Outcome(const JobContext&)>;

  struct Job {
    quint64 id = 0;
    JobRequest request;
    Work work;
    QPointer<QObject> receiver;
    std::stop_source stop;
    std::atomic<double> fraction = 0.0;
    std::atomic<bool> paused = false;
    std::mutex stepMutex;
    QString step;
    // UI thread only:
    JobStatus::State state = JobStatus::State::waiting;
    QElapsedTimer clock;
    double secondsBefore = 0.0; ///< before it was paused last
    double seconds = 0.0;
    QString error;
  };
  using JobPointer = std::shared_ptr<Job>;

  struct LaneState {
    std::deque<JobPointer> waiting;
    JobPointer running;
    std::jthread thread;
  };

  template <class T>
  static Result<T> guarded(const std::function<Result<T>(const JobContext&)>& work,
                           const JobContext& context) {
    try {
      return work(context);
    } catch (const std::bad_alloc&) {
      return Error{ErrorKind::failed, "there is not enough memory"};
    } catch (const std::exception& exception) {
      return Error{ErrorKind::failed, exception.what()};
    }
  }

  quint64 enqueue(const JobRequest& request, Work work, QObject* receiver);
  /// Any thread: runs `deliver` on the UI thread, in the order of the calls.
  void handOver(std::function<void()> deliver);
  Q_INVOKABLE void takeMail();
  void serve(Lane lane, const std::stop_token& stop);
  JobContext contextFor(const JobPointer& job);
  void letOthersGoFirst(const Job& job, const std::stop_token& stop);
  bool isHeldUp(const Job& job) const;
  void finish(const JobPointer& job, const Outcome& outcome);
  /// The other lanes go on once the interactive results are not only delivered but painted.
  void letLaneGo();
  void markEnded(const JobPointer& job, JobStatus::State state);
  void noteStarted(const JobPointer& job);
  void refresh();
  JobStatus statusOf(const Job& job) const;
  static constexpr std::size_t kLanes = 3;
  LaneState& laneState(Lane lane) { return m_lanes[static_cast<std::size_t>(lane)]; }
  static double secondsOf(const Job& job);

  mutable std::mutex m_mutex; ///< guards the lanes' queues
  std::condition_variable_any m_wake;
  std::mutex m_mailMutex;                           ///< guards m_mail
  std::deque<std::function<void()>> m_mail;         ///< handed over by the workers, not taken yet
  std::array<std::atomic<int>, kLanes> m_load = {}; ///< jobs of each lane that wait, run, or are to be drawn
  std::array<LaneState, kLanes> m_lanes;
  std::vector<JobPointer> m_active; ///< UI thread: waiting and running
  std::deque<JobPointer> m_ended;   ///< UI thread: the last ones
  quint64 m_nextId = 1;
  int m_delivered = 0; ///< UI thread: interactive jobs whose results are not painted yet
  QTimer m_drawn;
  QTimer m_refresh;
};

} // namespace halfstep
