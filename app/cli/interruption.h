// Ctrl-C, termination and a terminal that is closed as a stop token: the running work ends at its next
// checkpoint and cleans up after itself.
#pragma once

#include <stop_token>
#include <thread>

namespace halfstep::cli {

/// While one exists, SIGINT, SIGTERM and SIGHUP request a stop instead of ending the process; those that are
/// ignored (nohup) stay so. To be made before any other thread (they inherit the blocked signals). Main
/// thread.
class Interruption {
public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  std::stop_token token() const { return m_stop.get_token(); }

private:
  std::stop_source m_stop;
  std::jthread m_watcher;
};

} // namespace halfstep::cli
