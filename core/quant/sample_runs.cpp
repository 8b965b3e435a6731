#include "core/quant/sample_runs.h"

#include <algorithm>

namespace halfstep {

std::vector<RowPiece> sampleRuns(const Segmentation& segmentation, std::size_t limit) {
  const std::size_t rowLength = segmentation.valuesPerChannel;
  std::vector<RowPiece> runs;
  if (rowLength == 0 || segmentation.channels == 0) {
    return runs;
  }
  std::size_t runLength = std::min(rowLength, kRunValues);
  if (segmentation.kind == Granularity::Kind::group) {
    runLength =
        std::max<std::size_t>(1, kRunValues / segmentation.segmentLength) * segmentation.segmentLength;
  }
  const std::size_t perRow = (rowLength + runLength - 1) / runLength;
  const std::size_t all = perRow * segmentation.channels;
  const std::size_t wanted = std::clamp<std::size_t>(limit / std::min(runLength, rowLength), 1, all);
  runs.reserve(wanted);
  for (std::size_t i = 0; i < wanted; ++i) {
    // The middle of the i-th of `wanted` equal parts; 128 bits are not needed: all < 2^48, wanted < 2^24.
    const std::size_t run = wanted == all ? i : (2 * i + 1) * all / (2 * wanted);
    const std::size_t first = run % perRow * runLength;
    runs.push_back({run / perRow, first, std::min(runLength, rowLength - first)});
  }
  return runs;
}

} // namespace halfstep
