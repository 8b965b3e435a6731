#include "core/exec/region_heap.h"

#include <algorithm>
#include <cstdint>

#include <sys/mman.h>

namespace halfstep {

namespace {

constexpr std::size_t kRegionAlignment = 64;
/// Pages that are never touched cost nothing, so small requests share a region of this size.
constexpr std::size_t kLeastRegion = std::size_t{4} << 20;
/// The large pages of x86-64 and AArch64: one page fault instead of 512. A region that is not much larger
/// would only be resident where nobody has touched it.
constexpr std::size_t kLargePage = std::size_t{2} << 20;
constexpr std::size_t kLeastOfLargePages = std::size_t{16} << 20;
constexpr std::size_t kRounding = std::size_t{1} << 16; ///< of other regions

std::size_t roundedUp(std::size_t bytes, std::size_t to) {
  return (bytes + to - 1) / to * to;
}

/// At a multiple of kLargePage. Null: there is not enough memory.
std::byte* mapped(std::size_t bytes) {
  const std::size_t more = bytes + kLargePage;
  void* all = ::mmap(nullptr, more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) {
    return nullptr;
  }
  auto* start = static_cast<std::byte*>(all);
  const std::size_t before = (kLargePage - reinterpret_cast<std::uintptr_t>(all) % kLargePage) % kLargePage;
  if (before > 0) {
    ::munmap(start, before);
  }
  if (more - before > bytes) {
    ::munmap(start + before + bytes, more - before - bytes);
  }
  return start + before;
}

} // namespace

RegionHeap::~RegionHeap() {
  shrinkTo(0);
}

std::byte* RegionHeap::cut(std::size_t bytes) {
  bytes = roundedUp(bytes, kRegionAlignment);
  const auto found = m_free.lower_bound({bytes, nullptr});
  if (found == m_free.end()) {
    return nullptr;
  }
  const auto piece = m_pieces.find(found->second);
  setUsed(piece, bytes);
  return piece->first;
}

std::byte* RegionHeap::cutFromNew(std::size_t bytes) {
  const bool isLarge = bytes >= kLeastOfLargePages;
  const std::size_t region = std::max(roundedUp(bytes, isLarge ? kLargePage : kRounding), kLeastRegion);
  std::byte* start = mapped(region);
  if (start == nullptr) {
    return nullptr;
  }
  if (isLarge) {
    ::madvise(start, region, MADV_HUGEPAGE); // a wish: without it everything works the same
  }
  m_mappedBytes += region;
  m_free.emplace(region, start);
  const auto piece = m_pieces.emplace(start, Piece{region, true, region}).first;
  setUsed(piece, roundedUp(bytes, kRegionAlignment));
  return start;
}

void RegionHeap::setUsed(Pieces::iterator piece, std::size_t bytes) {
  m_free.erase({piece->second.bytes, piece->first});
  piece->second.isFree = false;
  const std::size_t rest = piece->second.bytes - bytes;
  if (rest > 0) {
    std::byte* behind = piece->first + bytes;
    m_free.emplace(rest, behind);
    m_pieces.emplace_hint(std::next(piece), behind, Piece{rest, true, 0});
    piece->second.bytes = bytes;
  }
}

void RegionHeap::giveBack(std::byte* memory) {
  auto piece = m_pieces.find(memory);
  const auto next = std::next(piece);
  if (next != m_pieces.end() && next->second.isFree && next->second.region == 0) {
    m_free.erase({next->second.bytes, next->first});
    piece->second.bytes += next->second.bytes;
    m_pieces.erase(next);
  }
  if (piece->second.region == 0) { // so there is one before it in the region
    const auto before = std::prev(piece);
    if (before->second.isFree) {
      m_free.erase({before->second.bytes, before->first});
      before->second.isFree = false;
      before->second.bytes += piece->second.bytes;
      m_pieces.erase(piece);
      piece = before;
    }
  }
  m_free.emplace(piece->second.bytes, piece->first);
  piece->second.isFree = true;
}

void RegionHeap::shrinkTo(std::size_t most) {
  for (auto at = m_free.end(); at != m_free.begin() && m_mappedBytes > most;) {
    --at;
    const auto piece = m_pieces.find(at->second);
    if (piece->second.region != at->first) {
      continue;
    }
    ::munmap(at->second, at->first);
    m_mappedBytes -= at->first;
    m_pieces.erase(piece);
    at = m_free.erase(at);
  }
}

} // namespace halfstep
