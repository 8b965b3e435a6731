#include "core/support/mapped_pages.h"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace halfstep {

namespace {

/// Whether the addresses from `first` to `last` lie in one private mapping of a file that cannot be written.
/// Anything else might lose its content.
bool isViewOfFile(std::uintptr_t first, std::uintptr_t last) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> maps(std::fopen("/proc/self/maps", "re"),
                                                             std::fclose);
  char line[512];
  bool startsLine = true; // a file's name may be longer than `line`
  while (maps != nullptr && std::fgets(line, sizeof(line), maps.get()) != nullptr) {
    unsigned long from = 0;
    unsigned long to = 0;
    unsigned long inode = 0;
    char rights[5] = {};
    const bool reads = startsLine && std::sscanf(line, "%lx-%lx %4s %*s %*s %lu", &from, &to, rights,
                                                 &inode) == 4; // NOLINT(cert-err34-c)
    startsLine = std::char_traits<char>::find(line, std::char_traits<char>::length(line), '\n') != nullptr;
    if (reads && from <= first && first < to) {
      return last <= to && inode != 0 && rights[0] == 'r' && rights[1] == '-' && rights[3] == 'p';
    }
  }
  return false;
}

} // namespace

void releaseMappedPages(std::span<const std::byte> bytes) {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t first = (start + page - 1) / page * page;
  const std::uintptr_t last = (start + bytes.size()) / page * page;
  if (first < last && isViewOfFile(first, last)) {
    ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }
}

} // namespace halfstep
