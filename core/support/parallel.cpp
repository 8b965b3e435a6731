#include "core/support/parallel.h"
#include "core/support/thread_limit.h"

#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#include <omp.h>

namespace halfstep {

int parallelThreads() {
  return omp_get_max_threads();
}

OneThread::OneThread(bool applies) {
  if (applies && omp_get_max_threads() > 1) {
    m_before = omp_get_max_threads();
    omp_set_num_threads(1); // of this thread's own loops
  }
}

OneThread::~OneThread() {
  if (m_before != 0) {
    omp_set_num_threads(m_before);
  }
}

namespace {

/// Brings an exception from the threads of a loop to the one that started it: none may leave a parallel
/// region.
class FirstException {
public:
  void run(const std::function<void(std::size_t)>& body, std::size_t index) noexcept {
    if (m_thrown.load(std::memory_order_relaxed)) {
      return;
    }
    try {
      body(index);
    } catch (...) {
      if (!m_thrown.exchange(true)) {
        m_exception = std::current_exception();
      }
    }
  }

  /// When all threads are done.
  void rethrow() const {
    if (m_exception) {
      std::rethrow_exception(m_exception);
    }
  }

private:
  std::atomic<bool> m_thrown = false;
  std::exception_ptr m_exception;
};

} // namespace

#if defined(__SANITIZE_THREAD__)

void parallelFor(std::size_t count, const std::function<void(std::size_t)>& body) {
  std::atomic<std::size_t> next = 0;
  FirstException exception;
  const auto work = [&] {
    for (std::size_t index = next++; index < count; index = next++) {
      exception.run(body, index);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 1; i < parallelThreads() && static_cast<std::size_t>(i) < count; ++i) {
      threads.emplace_back(work);
    }
    work();
  }
  exception.rethrow();
}

#else

void parallelFor(std::size_t count, const std::function<void(std::size_t)>& body) {
  if (count <= 1) {
    if (count == 1) {
      body(0);
    }
    return;
  }
  const auto last = static_cast<std::ptrdiff_t>(count);
  FirstException exception;
#pragma omp parallel for schedule(dynamic, 1)
  for (std::ptrdiff_t index = 0; index < last; ++index) {
    exception.run(body, static_cast<std::size_t>(index));
  }
  exception.rethrow();
}

#endif

} // namespace halfstep
