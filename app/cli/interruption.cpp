#include "app/cli/interruption.h"

#include <csignal>
#include <ctime>
#include <initializer_list>

namespace halfstep::cli {

namespace {

/// But for those that the program was started without, as by nohup: blocked, they would arrive all the same.
sigset_t watchedSignals() {
  sigset_t caught;
  sigemptyset(&caught);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_IGN) {
      sigaddset(&caught, signal);
    }
  }
  return caught;
}

} // namespace

Interruption::Interruption() {
  const sigset_t caught = watchedSignals();
  pthread_sigmask(SIG_BLOCK, &caught, nullptr);
  m_watcher = std::jthread([this, caught](const std::stop_token& done) {
    while (!done.stop_requested()) {
      const timespec patience{0, 20'000'000}; // 20 ms: how long the program may take to end
      if (sigtimedwait(&caught, nullptr, &patience) > 0) {
        m_stop.request_stop();
      }
    }
  });
}

Interruption::~Interruption() {
  m_watcher.request_stop();
  m_watcher.join();
  const sigset_t caught = watchedSignals();
  pthread_sigmask(SIG_UNBLOCK, &caught, nullptr);
}

} // namespace halfstep::cli
