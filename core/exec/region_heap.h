// Large pieces of memory cut out of regions that are mapped once: what is given back joins its free
// neighbours, so values of different sizes follow each other in the same pages. Not locked: its owner does.
// Internal to core/exec.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <utility>

namespace halfstep {

class RegionHeap {
public:
  RegionHeap() = default;
  RegionHeap(const RegionHeap&) = delete;
  RegionHeap& operator=(const RegionHeap&) = delete;
  /// Everything must have been given back.
  ~RegionHeap();

  /// The smallest free piece that has `bytes`, cut to them, from the regions there are; null where none has.
  /// At a multiple of 64 bytes, uninitialised.
  std::byte* cut(std::size_t bytes);
  /// The same from a new region. Null: there is not enough memory.
  std::byte* cutFromNew(std::size_t bytes);
  /// May throw std::bad_alloc; then the memory stays in use.
  void giveBack(std::byte* memory);

  /// Of all regions.
  std::size_t mappedBytes() const { return m_mappedBytes; }
  /// Unmaps regions of which nothing is in use, the largest first, until no more than `most` bytes are
  /// mapped.
  void shrinkTo(std::size_t most);

private:
  struct Piece {
    std::size_t bytes = 0;
    bool isFree = false;
    std::size_t region = 0; ///< its size where the piece is the first of one, otherwise 0
  };
  using Pieces = std::map<std::byte*, Piece>;

  void setUsed(Pieces::iterator piece, std::size_t bytes);

  Pieces m_pieces; ///< of all regions, by address
  std::set<std::pair<std::size_t, std::byte*>> m_free;
  std::size_t m_mappedBytes = 0;
};

} // namespace halfstep
