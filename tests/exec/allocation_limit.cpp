#include "tests/exec/allocation_limit.h"

#include "core/exec/buffer_pool.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>

#include <malloc.h>

namespace {

constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
std::atomic<std::size_t> s_once = kAny;
std::atomic<std::size_t> s_together = kAny;
std::atomic<std::size_t> s_used = 0;

void* allocated(std::size_t bytes, std::size_t alignment) noexcept {
  if (bytes > s_once || s_used + bytes > s_together) {
    return nullptr;
  }
  bytes = std::max<std::size_t>(bytes, 1);
  void* memory = nullptr;
  if (alignment <= alignof(std::max_align_t)) {
    memory = std::malloc(bytes);
  } else if (bytes <= kAny - alignment) {
    memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  }
  if (memory != nullptr) {
    s_used += malloc_usable_size(memory);
  }
  return memory;
}

void* allocatedOrThrow(std::size_t bytes, std::size_t alignment) {
  void* memory = allocated(bytes, alignment);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) {
    s_used -= malloc_usable_size(memory);
    std::free(memory);
  }
}

} // namespace

namespace halfstep::test {

AllocationLimit::AllocationLimit(std::size_t once, std::size_t together) {
  s_once = once;
  BufferPool::limit(once);
  s_together = s_used + together;
}

AllocationLimit::~AllocationLimit() {
  s_once = kAny;
  s_together = kAny;
  BufferPool::limit(kAny);
}

} // namespace halfstep::test

// All forms: under the sanitizers the library's own would otherwise take their place.
void* operator new(std::size_t bytes) {
  return allocatedOrThrow(bytes, 1);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocated(bytes, 1);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocatedOrThrow(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocated(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes) {
  return allocatedOrThrow(bytes, 1);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocated(bytes, 1);
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocatedOrThrow(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocated(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept {
  release(memory);
}
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  release(memory);
}
void operator delete[](void* memory) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept {
  release(memory);
}
