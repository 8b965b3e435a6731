// Work that is too small to share: waking other threads would take longer than the work.
#pragma once

namespace halfstep {

/// While it lives, parallel loops that the calling thread starts (OpenMP's, so oneDNN's too) stay on it.
class OneThread {
public:
  /// `applies`: whether it limits anything.
  explicit OneThread(bool applies);
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

private:
  int m_before = 0; ///< 0: nothing to restore
};

} // namespace halfstep
