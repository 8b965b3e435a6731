// Does on purpose what the sanitizers are there to find: canary race|leak|use_after_free|overflow. Its tests
// pass when the report appears, and so show that no suppression has grown too wide.
#include "widgets/jobs/job_runner.h"

#include <QCoreApplication>

#include <chrono>
#include <cstdio>
#include <limits>
#include <string_view>

using namespace halfstep;

namespace {

/// A job and the UI thread write the same number with nothing between them.
int race(int argc, char** argv) {
  QCoreApplication application(argc, argv);
  JobRunner runner;
  int shared = 0;
  runner.start<int>(
      {Lane::batch, "canary", "canary", false},
      [&shared](const JobContext&) -> Result<int> {
        for (int i = 0; i < 20; ++i) {
          ++shared;
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return shared;
      },
      &application, [](const Result<int>&) { QCoreApplication::exit(); });
  QTimer timer;
  QObject::connect(&timer, &QTimer::timeout, &application, [&shared] { ++shared; });
  timer.start(3);
  QCoreApplication::exec();
  return shared > 0 ? 0 : 1;
}

int leak() {
  int* volatile forgotten = new int[10]; // NOLINT
  forgotten = nullptr;
  return forgotten == nullptr ? 0 : 1;
}

int useAfterFree() {
  volatile int* number = new int(0);
  delete number;
  return *number;
}

int overflow(int one) {
  volatile int most = std::numeric_limits<int>::max();
  return most + one > 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  const std::string_view kind = argc > 1 ? argv[1] : "";
  if (kind == "race") {
    return race(argc, argv);
  }
  if (kind == "leak") {
    return leak();
  }
  if (kind == "use_after_free") {
    return useAfterFree();
  }
  return kind == "overflow" ? overflow(argc - 1) : 2;
}
