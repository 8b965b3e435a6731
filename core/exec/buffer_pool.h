// Memory for the values of a running graph, kept from run to run: fresh memory costs a page fault every 4 kB,
// often more than computing what goes into it. Owned by an executor; a run makes it the current one of its
// thread, and allocateBytes() takes from there. Any thread.
#pragma once

#include "core/exec/region_heap.h"

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace halfstep {

class BufferPool : public std::enable_shared_from_this<BufferPool> {
public:
  ~BufferPool();

  /// At least `bytes` of uninitialised memory, aligned for vectors; it goes back when the last owner lets go
  /// of it. Null: there is not enough.
  std::shared_ptr<std::byte> take(std::size_t bytes);
  /// Frees what is not in use, and from now on keeps nothing.
  void close();

  /// For tests: no pool of the process gives more than this at once, as if there were not more.
  static void limit(std::size_t atOnce);

  /// Of the calling thread; null outside a run.
  static BufferPool* current();

  /// Makes a pool the current one of this thread for a while.
  class Scope {
  public:
    explicit Scope(BufferPool* pool);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

  private:
    BufferPool* m_before;
  };

private:
  void giveBack(std::byte* memory, std::size_t bytes);
  std::byte* takeSmall(std::size_t bytes);
  std::byte* takeLarge(std::size_t bytes);
  void dropIdle();
  void dropSmall();
  /// What may be held, in use or idle.
  std::size_t most() const;

  std::mutex m_mutex;
  std::map<std::size_t, std::vector<std::byte*>> m_idle; ///< small ones, by size
  std::size_t m_idleBytes = 0;                           ///< of them
  RegionHeap m_large;
  std::size_t m_liveBytes = 0;
  std::size_t m_peakBytes = 0; ///< of what was in use at once
  bool m_closed = false;
};

} // namespace halfstep
