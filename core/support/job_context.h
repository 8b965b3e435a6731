// What long work is given besides its inputs: a way to be stopped, to tell how far it is, to let more urgent
// work go first, and the seed of its randomness. Owned by whoever starts the work; used on the worker's
// threads.
#pragma once

#include "core/support/result.h"

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string_view>

namespace halfstep {

class JobContext {
public:
  /// `fraction` in 0…1, and a word on what is being done. Called on the worker's thread.
  using ProgressSink = std::function<void(double fraction, std::string_view what)>;
  /// Returns when more urgent work, if any, is done. Called at every checkpoint of batch work.
  using YieldHook = std::function<void(const std::stop_token&)>;

  JobContext() = default;
  explicit JobContext(std::stop_token stop, ProgressSink progress = {}, YieldHook yield = {},
                      std::uint64_t seed = 0);

  /// An error of kind `cancelled` once the work was asked to stop. Long work calls this every few
  /// milliseconds, on the thread that runs the job.
  Result<void> checkpoint() const;
  /// True once the work was asked to stop; for inner loops and any thread.
  bool stopRequested() const { return m_stop.stop_requested(); }
  void reportProgress(double fraction, std::string_view what = {}) const;
  std::uint64_t seed() const { return m_seed; }
  const std::stop_token& stopToken() const { return m_stop; }

  /// The same context whose progress fills `from`…`to` of this one's.
  JobContext part(double from, double to) const;

private:
  std::stop_token m_stop;
  ProgressSink m_progress;
  YieldHook m_yield;
  std::uint64_t m_seed = 0;
};

} // namespace halfstep
