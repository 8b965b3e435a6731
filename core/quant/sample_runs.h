// An evenly spaced sample of a matrix for what is only drawn: runs of consecutive values within a row, made
// of whole segments where segments are short. Deterministic. Internal to core/quant.
#pragma once

#include "core/quant/pieces.h"

#include <cstddef>
#include <vector>

namespace halfstep {

/// Values of one run at most.
inline constexpr std::size_t kRunValues = 4096;

/// Runs that together hold at most about `limit` values (all of the matrix where that is smaller), in order.
std::vector<RowPiece> sampleRuns(const Segmentation& segmentation, std::size_t limit);

} // namespace halfstep
