#include "core/support/mapping_table.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

namespace halfstep {

struct MappingSlot {
  std::atomic<std::uintptr_t> first = 0; ///< 0: free
  std::atomic<std::size_t> size = 0;
  FileIdentity file;
};

namespace {

/// A list that only grows.
struct Chunk {
  std::array<MappingSlot, 64> slots;
  std::atomic<Chunk*> next = nullptr;
};

constinit Chunk firstChunk;
constinit std::mutex tableMutex; // for those who write, and for `file`

} // namespace

MappingSlot* enterMapping(const void* data, std::size_t size, const FileIdentity& file) {
  const std::scoped_lock lock(tableMutex);
  Chunk* chunk = &firstChunk;
  while (true) {
    for (MappingSlot& slot : chunk->slots) {
      if (slot.first == 0) {
        slot.file = file;
        slot.size = size;
        slot.first = reinterpret_cast<std::uintptr_t>(data);
        return &slot;
      }
    }
    if (chunk->next == nullptr) {
      chunk->next = new Chunk; // stays: it is needed again
    }
    chunk = chunk->next;
  }
}

void leaveMapping(MappingSlot* slot) {
  const std::scoped_lock lock(tableMutex);
  slot->first = 0;
}

bool isMapped(const FileIdentity& file) {
  const std::scoped_lock lock(tableMutex);
  for (const Chunk* chunk = &firstChunk; chunk != nullptr; chunk = chunk->next) {
    for (const MappingSlot& slot : chunk->slots) {
      if (slot.first != 0 && slot.file == file) {
        return true;
      }
    }
  }
  return false;
}

} // namespace halfstep
