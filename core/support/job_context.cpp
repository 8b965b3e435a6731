#include "core/support/job_context.h"

namespace halfstep {

JobContext::JobContext(std::stop_token stop, ProgressSink progress, YieldHook yield, std::uint64_t seed)
    : m_stop(std::move(stop))
    , m_progress(std::move(progress))
    , m_yield(std::move(yield))
    , m_seed(seed) {}

Result<void> JobContext::checkpoint() const {
  if (m_yield && !m_stop.stop_requested()) {
    m_yield(m_stop);
  }
  if (m_stop.stop_requested()) {
    return Error{ErrorKind::cancelled, "cancelled"};
  }
  return {};
}

void JobContext::reportProgress(double fraction, std::string_view what) const {
  if (m_progress) {
    m_progress(fraction, what);
  }
}

JobContext JobContext::part(double from, double to) const {
  JobContext inner = *this;
  if (m_progress) {
    inner.m_progress = [outer = m_progress, from, to](double fraction, std::string_view what) {
      outer(from + fraction * (to - from), what);
    };
  }
  return inner;
}

} // namespace halfstep
