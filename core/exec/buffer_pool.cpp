#include "core/exec/buffer_pool.h"

#include <algorithm>
#include <bit>
#include <new>

namespace halfstep {

namespace {

constexpr auto kAlignment = std::align_val_t(64);
/// Up to this much, idle memory may come on top of what is in use; beyond it the two together stay below the
/// most that was ever in use at once.
constexpr std::size_t kFreely = std::size_t{32} << 20;

thread_local BufferPool* t_current = nullptr;

/// Sizes in steps of an eighth, so that values of nearly the same size share.
std::size_t sizeClass(std::size_t bytes) {
  const std::size_t step = std::max<std::size_t>(64, std::bit_floor(std::max<std::size_t>(bytes, 1)) / 8);
  return std::max<std::size_t>((bytes + step - 1) / step, 1) * step;
}

void freeMemory(std::byte* memory) {
  ::operator delete(memory, kAlignment);
}

} // namespace

BufferPool::~BufferPool() {
  dropIdle(m_idleBytes);
}

BufferPool* BufferPool::current() {
  return t_current;
}

BufferPool::Scope::Scope(BufferPool* pool)
    : m_before(t_current) {
  t_current = pool;
}

BufferPool::Scope::~Scope() {
  t_current = m_before;
}

std::shared_ptr<std::byte> BufferPool::take(std::size_t bytes) {
  const std::size_t size = sizeClass(bytes);
  std::byte* memory = nullptr;
  {
    const std::lock_guard lock(m_mutex);
    if (const auto found = m_idle.find(size); found != m_idle.end() && !found->second.empty()) {
      memory = found->second.back();
      found->second.pop_back();
      m_idleBytes -= size;
    } else if (const std::size_t most = std::max(kFreely, m_peakBytes);
               m_liveBytes + m_idleBytes + size > most) {
      dropIdle(size);
    }
    m_liveBytes += size;
    m_peakBytes = std::max(m_peakBytes, m_liveBytes);
  }
  if (memory == nullptr) {
    memory = static_cast<std::byte*>(::operator new(size, kAlignment, std::nothrow));
  }
  if (memory == nullptr) {
    const std::lock_guard lock(m_mutex);
    m_liveBytes -= size;
    m_peakBytes = std::max(kFreely, m_liveBytes);
    dropIdle(m_idleBytes);
    return nullptr;
  }
  return {memory, [pool = shared_from_this(), size](std::byte* p) { pool->giveBack(p, size); }};
}

void BufferPool::giveBack(std::byte* memory, std::size_t bytes) {
  const std::lock_guard lock(m_mutex);
  m_liveBytes -= bytes;
  try {
    if (!m_closed) {
      m_idle[bytes].push_back(memory);
      m_idleBytes += bytes;
      return;
    }
  } catch (const std::bad_alloc&) { // then it is not kept
  }
  freeMemory(memory);
}

/// The largest first: they are the fewest. With the lock held.
void BufferPool::dropIdle(std::size_t atLeast) {
  for (std::size_t dropped = 0; dropped < atLeast && !m_idle.empty();) {
    const auto last = std::prev(m_idle.end());
    if (last->second.empty()) {
      m_idle.erase(last);
      continue;
    }
    freeMemory(last->second.back());
    last->second.pop_back();
    m_idleBytes -= last->first;
    dropped += last->first;
  }
}

void BufferPool::close() {
  const std::lock_guard lock(m_mutex);
  m_closed = true;
  dropIdle(m_idleBytes);
}

} // namespace halfstep
