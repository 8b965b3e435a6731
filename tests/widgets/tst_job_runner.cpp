#include "tests/support/test_case.h"
#include "widgets/jobs/job_list_model.h"
#include "widgets/jobs/job_runner.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>

#include <semaphore>

using namespace halfstep;

class JobRunnerTest : public test::TestCase {
  Q_OBJECT

  static Result<int> waitForStop(const JobContext& context) {
    while (true) {
      HALFSTEP_CHECK(context.checkpoint());
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

private slots:
  void deliversOnTheUiThread() {
    JobRunner runner;
    int answer = 0;
    QThread* where = nullptr;
    QThread* worked = nullptr;
    runner.start<int>(
        {Lane::interactive, "answer", {}, false},
        [&worked](const JobContext&) -> Result<int> {
          worked = QThread::currentThread();
          return 42;
        },
        this,
        [&](Result<int> result) {
          answer = *result;
          where = QThread::currentThread();
        });
    QTRY_COMPARE(answer, 42);
    QCOMPARE(where, QThread::currentThread());
    QVERIFY(worked != where);
    QTRY_VERIFY(runner.isIdle());
  }

  void latestWaitingWins() {
    JobRunner runner;
    std::binary_semaphore gate(0);
    std::vector<int> delivered;
    std::atomic<int> ran = 0;
    for (int i = 0; i < 10; ++i) {
      runner.start<int>(
          {Lane::interactive, "same", "key", false},
          [&gate, &ran, i](const JobContext&) -> Result<int> {
            ++ran;
            if (i == 0) {
              gate.acquire();
            }
            return i;
          },
          this, [&](Result<int> result) { delivered.push_back(*result); });
      if (i == 0) {
        QTRY_COMPARE(ran.load(), 1);
      }
    }
    gate.release();
    QTRY_VERIFY(runner.isIdle());
    QCOMPARE(delivered, (std::vector<int>{0, 9})); // the running one finished, the newest followed
    QCOMPARE(ran.load(), 2);
  }

  void newerStopsRunning() {
    JobRunner runner;
    bool oldDelivered = false;
    int fresh = 0;
    runner.start<int>({Lane::interactive, "old", "key", true}, waitForStop, this,
                      [&](Result<int>) { oldDelivered = true; });
    runner.start<int>(
        {Lane::interactive, "new", "key", true}, [](const JobContext&) -> Result<int> { return 7; }, this,
        [&](Result<int> result) { fresh = *result; });
    QTRY_COMPARE(fresh, 7);
    QTRY_VERIFY(runner.isIdle());
    QVERIFY(!oldDelivered);
  }

  void batchLetsInteractiveGoFirst() {
    JobRunner runner;
    std::atomic<bool> interactiveRuns = false;
    std::atomic<int> steps = 0;
    std::atomic<int> stepsWhileInteractive = 0;
    runner.start<int>(
        {Lane::batch, "sweep", {}, false},
        [&](const JobContext& context) -> Result<int> {
          while (true) {
            HALFSTEP_CHECK(context.checkpoint());
            ++steps;
            stepsWhileInteractive += interactiveRuns ? 1 : 0;
            std::this_thread::sleep_for(std::chrono::microseconds(200));
          }
        },
        this, [](Result<int>) {});
    QTRY_VERIFY(steps > 5);
    bool done = false;
    runner.start<int>(
        {Lane::interactive, "look", {}, false},
        [&](const JobContext&) -> Result<int> {
          interactiveRuns = true;
          std::this_thread::sleep_for(std::chrono::milliseconds(50));
          interactiveRuns = false;
          return 0;
        },
        this, [&](Result<int>) { done = true; });
    QTRY_VERIFY(done);
    QVERIFY2(stepsWhileInteractive <= 1, qPrintable(QString::number(stepsWhileInteractive)));
    const int after = steps;
    QTRY_VERIFY(steps > after); // and goes on afterwards
    runner.cancelAll();
    QTRY_VERIFY(runner.isIdle());
  }

  void sweepsPauseAndLetBatchGoFirst() {
    JobRunner runner;
    std::atomic<int> steps = 0;
    const quint64 id = runner.start<int>(
        {Lane::sweep, "sweep", {}, false},
        [&](const JobContext& context) -> Result<int> {
          while (true) {
            HALFSTEP_CHECK(context.checkpoint());
            ++steps;
            std::this_thread::sleep_for(std::chrono::microseconds(200));
          }
        },
        this, [](Result<int>) {});
    QTRY_VERIFY(steps > 5);
    runner.setPaused(id, true);
    QTest::qWait(20);
    QCOMPARE(runner.jobs().front().state, JobStatus::State::paused);
    const int paused = steps;
    bool done = false; // another lane is not held up
    runner.start<int>(
        {Lane::batch, "plan", {}, false}, [](const JobContext&) -> Result<int> { return 1; }, this,
        [&](Result<int>) { done = true; });
    QTRY_VERIFY(done);
    QVERIFY(steps <= paused + 1);
    runner.setPaused(id, false);
    QTRY_VERIFY(steps > paused + 5);
    runner.setPaused(id, true);
    runner.cancel(id); // while it is paused
    QTRY_VERIFY(runner.isIdle());
  }

  void cancelStopsSoonAndKeepsQuiet() {
    JobRunner runner;
    bool delivered = false;
    QSignalSpy failed(&runner, &JobRunner::jobFailed);
    const quint64 id = runner.start<int>({Lane::batch, "long", {}, false}, waitForStop, this,
                                         [&](Result<int>) { delivered = true; });
    QTRY_COMPARE(runner.jobs().front().state, JobStatus::State::running);
    runner.cancel(id);
    QTRY_VERIFY(runner.isIdle());
    QVERIFY(!delivered);
    QCOMPARE(failed.count(), 0);
    QCOMPARE(runner.jobs().back().state, JobStatus::State::cancelled);
  }

  void failuresAndExceptionsBecomeErrors() {
    JobRunner runner;
    QStringList messages;
    connect(&runner, &JobRunner::jobFailed, this,
            [&](const QString&, const QString& message) { messages << message; });
    int delivered = 0;
    runner.start<int>(
        {Lane::batch, "fails", {}, false},
        [](const JobContext&) -> Result<int> {
          return Error{ErrorKind::damagedFile, "is torn", "byte 7", "a.onnx"};
        },
        this, [&](Result<int> result) { delivered += result.has_value() ? 0 : 1; });
    runner.start<int>(
        {Lane::batch, "throws", {}, false},
        [](const JobContext&) -> Result<int> { throw std::runtime_error("surprise"); }, this,
        [&](Result<int> result) { delivered += result.has_value() ? 0 : 1; });
    QTRY_COMPARE(delivered, 2);
    QCOMPARE(messages, (QStringList{"a.onnx: is torn (byte 7)", "surprise"}));
  }

  void receiversMayGo() {
    JobRunner runner;
    auto receiver = std::make_unique<QObject>();
    bool delivered = false;
    std::binary_semaphore gate(0);
    runner.start<int>(
        {Lane::interactive, "late", {}, false},
        [&gate](const JobContext&) -> Result<int> {
          gate.acquire();
          return 1;
        },
        receiver.get(), [&](Result<int>) { delivered = true; });
    receiver.reset();
    gate.release();
    QTRY_VERIFY(runner.isIdle());
    QVERIFY(!delivered);
  }

  void destructionStopsEverything() {
    auto runner = std::make_unique<JobRunner>();
    for (int i = 0; i < 5; ++i) {
      runner->start<int>({i % 2 == 0 ? Lane::batch : Lane::interactive, "long", {}, false}, waitForStop, this,
                         [](Result<int>) { QFAIL("delivered after the end"); });
    }
    QTest::qWait(20);
    runner.reset();
    QTest::qWait(20);
  }

  void listModelFollows() {
    JobRunner runner;
    JobListModel model(runner);
    const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
    for (int i = 0; i < 60; ++i) {
      runner.start<int>(
          {Lane::batch, QStringLiteral("job %1").arg(i), {}, false},
          [](const JobContext& context) -> Result<int> {
            context.reportProgress(0.5, "half");
            return 1;
          },
          this, [](Result<int>) {});
    }
    QTRY_VERIFY(runner.isIdle());
    QTRY_COMPARE(model.rowCount(), 50);
    QCOMPARE(model.index(49, JobListModel::titleColumn).data().toString(), QStringLiteral("job 59"));
    QCOMPARE(model.index(49, JobListModel::stateColumn).data().toString(), QStringLiteral("done"));
  }

  void remainingTime() {
    QCOMPARE(remainingTimeText(-1), QString());
    QCOMPARE(remainingTimeText(40.2), QStringLiteral("41 s left"));
    QCOMPARE(remainingTimeText(150), QStringLiteral("about 3 min left"));
  }
};

QTEST_GUILESS_MAIN(JobRunnerTest)
#include "tst_job_runner.moc"
