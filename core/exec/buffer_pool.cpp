#include "core/exec/buffer_pool.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <new>

namespace halfstep {

namespace {

constexpr auto kBufferAlignment = std::align_val_t(64);
/// Up to this much, idle memory may come on top of what is in use.
constexpr std::size_t kFreely = std::size_t{32} << 20;
/// Values of at least this size are cut out of regions; smaller ones are kept by size, which is faster.
constexpr std::size_t kLarge = std::size_t{1} << 16;

std::atomic<std::size_t> s_limit = std::numeric_limits<std::size_t>::max();
thread_local BufferPool* t_current = nullptr;

/// Sizes in steps of an eighth, so that values of nearly the same size share.
std::size_t sizeClass(std::size_t bytes) {
  const std::size_t step = std::max<std::size_t>(64, std::bit_floor(std::max<std::size_t>(bytes, 1)) / 8);
  return std::max<std::size_t>((bytes + step - 1) / step, 1) * step;
}

void freeMemory(std::byte* memory) {
  ::operator delete(memory, kBufferAlignment);
}

} // namespace

BufferPool::~BufferPool() {
  dropIdle();
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

/// Regions are used less than whole: values come and go in between.
std::size_t BufferPool::most() const {
  return std::max(m_liveBytes + kFreely, m_peakBytes + m_peakBytes / 4);
}

void BufferPool::limit(std::size_t atOnce) {
  s_limit = atOnce;
}

std::shared_ptr<std::byte> BufferPool::take(std::size_t bytes) {
  if (bytes > s_limit) {
    return nullptr;
  }
  const std::size_t size = bytes < kLarge ? sizeClass(bytes) : bytes;
  std::byte* memory = nullptr;
  {
    const std::lock_guard lock(m_mutex);
    memory = size < kLarge ? takeSmall(size) : takeLarge(size);
    if (memory == nullptr) {
      return nullptr;
    }
    m_liveBytes += size;
    m_peakBytes = std::max(m_peakBytes, m_liveBytes);
  }
  return {memory, [pool = shared_from_this(), size](std::byte* p) { pool->giveBack(p, size); }};
}

std::byte* BufferPool::takeSmall(std::size_t bytes) {
  if (const auto found = m_idle.find(bytes); found != m_idle.end() && !found->second.empty()) {
    std::byte* memory = found->second.back();
    found->second.pop_back();
    m_idleBytes -= bytes;
    return memory;
  }
  if (m_idleBytes > kFreely) {
    dropSmall();
  }
  return static_cast<std::byte*>(::operator new(bytes, kBufferAlignment, std::nothrow));
}

std::byte* BufferPool::takeLarge(std::size_t bytes) {
  if (std::byte* memory = m_large.cut(bytes)) {
    return memory;
  }
  const std::size_t allowed = most();
  m_large.shrinkTo(allowed > bytes ? allowed - bytes : 0);
  if (std::byte* memory = m_large.cutFromNew(bytes)) {
    return memory;
  }
  m_peakBytes = m_liveBytes;
  dropIdle();
  return m_large.cutFromNew(bytes);
}

void BufferPool::giveBack(std::byte* memory, std::size_t bytes) {
  const std::lock_guard lock(m_mutex);
  m_liveBytes -= bytes;
  try {
    if (bytes >= kLarge) {
      m_large.giveBack(memory);
      if (m_closed) {
        m_large.shrinkTo(0);
      }
      return;
    }
    if (!m_closed) {
      m_idle[bytes].push_back(memory);
      m_idleBytes += bytes;
      return;
    }
  } catch (const std::bad_alloc&) { // then it is not kept, or never used again
    if (bytes >= kLarge) {
      return;
    }
  }
  freeMemory(memory);
}

/// These two with the lock held.
void BufferPool::dropIdle() {
  dropSmall();
  m_large.shrinkTo(0);
}

void BufferPool::dropSmall() {
  for (auto& [size, memories] : m_idle) {
    std::for_each(memories.begin(), memories.end(), freeMemory);
  }
  m_idle.clear();
  m_idleBytes = 0;
}

void BufferPool::close() {
  const std::lock_guard lock(m_mutex);
  m_closed = true;
  dropIdle();
}

} // namespace halfstep
