#include "core/support/mapping_table.h"

#include "core/support/mapped_file.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace halfstep {

struct MappingSlot {
  std::atomic<std::uintptr_t> first = 0; ///< 0: free
  std::atomic<std::size_t> size = 0;
  std::atomic<bool> isCut = false;
  FileIdentity identity;
  const MappedFile* file = nullptr;
};

namespace {

/// A list that only grows, so that the handler of a signal may walk it at any time.
struct Chunk {
  std::array<MappingSlot, 64> slots;
  std::atomic<Chunk*> next = nullptr;
};

constinit Chunk firstChunk;
constinit std::mutex tableMutex; // for everybody but the handler
constinit std::string cutName;
constinit bool handles = false;
struct sigaction before {}; // the handler's own, and not changed once it is installed
std::uintptr_t pageSize = 0;

static_assert(std::atomic<std::uintptr_t>::is_always_lock_free && std::atomic<Chunk*>::is_always_lock_free);

/// Puts pages of zeros from `address` to the end of the mapping that it lies in: what the file has no bytes
/// for. False where it lies in none. May be called by the handler of a signal, as it locks and allocates
/// nothing.
bool fillWithZeros(std::uintptr_t address) {
  for (Chunk* chunk = &firstChunk; chunk != nullptr; chunk = chunk->next) {
    for (MappingSlot& slot : chunk->slots) {
      const std::uintptr_t first = slot.first;
      const std::size_t size = slot.size;
      const std::uintptr_t end = (first + size + pageSize - 1) / pageSize * pageSize;
      const bool isOne = first != 0 && slot.first == first; // it does not become another one meanwhile
      if (isOne && first <= address && address < end) {
        slot.isCut = true; // before anybody may read the zeros
        const std::uintptr_t page = address / pageSize * pageSize;
        // The system call itself: a thread sanitizer takes mmap() for writing where other threads read.
        return ::syscall(SYS_mmap, page, end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                         0L) != -1;
      }
    }
  }
  return false;
}

void passOn(int signal, siginfo_t* info, void* context) {
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(signal, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(signal);
  } else if (info->si_code > 0) { // returning makes the fault come again
    ::sigaction(signal, &before, nullptr);
  } else if (before.sa_handler == SIG_DFL) { // somebody sent it
    ::sigaction(signal, &before, nullptr);
    ::raise(signal);
  }
}

void onBusError(int signal, siginfo_t* info, void* context) {
  const int code = errno;
  if (info->si_code != BUS_ADRERR || !fillWithZeros(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
    passOn(signal, info, context);
  }
  errno = code;
}

void handleBusErrors() {
  pageSize = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction own {};
  own.sa_sigaction = onBusError;
  own.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigemptyset(&own.sa_mask);
  ::sigaction(SIGBUS, nullptr, &before);
  ::sigaction(SIGBUS, &own, nullptr);
}

template <class Is>
bool anySlot(const Is& is) {
  for (const Chunk* chunk = &firstChunk; chunk != nullptr; chunk = chunk->next) {
    for (const MappingSlot& slot : chunk->slots) {
      if (slot.first != 0 && is(slot)) {
        return true;
      }
    }
  }
  return false;
}

} // namespace

MappingSlot* enterMapping(const MappedFile& file, const FileIdentity& identity) {
  const std::scoped_lock lock(tableMutex);
  if (!handles) {
    handleBusErrors();
    handles = true;
  }
  Chunk* chunk = &firstChunk;
  while (true) {
    for (MappingSlot& slot : chunk->slots) {
      if (slot.first == 0) {
        slot.identity = identity;
        slot.file = &file;
        slot.isCut = false;
        slot.size = file.bytes().size();
        slot.first = reinterpret_cast<std::uintptr_t>(file.bytes().data());
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

bool wasCut(const MappingSlot& slot) {
  return slot.isCut;
}

const FileIdentity& identityOf(const MappingSlot& slot) {
  return slot.identity;
}

bool isMapped(const FileIdentity& file) {
  const std::scoped_lock lock(tableMutex);
  return anySlot([&](const MappingSlot& slot) { return slot.identity == file; });
}

bool anyMapping(const std::function<bool(const MappedFile&)>& is) {
  const std::scoped_lock lock(tableMutex);
  return anySlot([&](const MappingSlot& slot) { return is(*slot.file); });
}

void rememberCut(const std::string& name) {
  const std::scoped_lock lock(tableMutex);
  if (cutName.empty()) {
    cutName = name;
  }
}

std::string rememberedCut() {
  const std::scoped_lock lock(tableMutex);
  return cutName;
}

} // namespace halfstep
