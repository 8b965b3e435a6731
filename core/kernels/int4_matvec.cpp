#include "core/kernels/int4_matvec.h"

#include "core/support/parallel.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <hwy/aligned_allocator.h>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/int4_matvec.cpp"
#include <hwy/foreach_target.h>

#include "core/kernels/vector-inl.h"

#ifndef HALFSTEP_INT4_PREPARED_ROWS
#define HALFSTEP_INT4_PREPARED_ROWS
namespace halfstep::kernels {
namespace {

/// Rows of x in the order in which a vector of 32-bit words gives the codes: a word is eight columns, so lane
/// i of step j (the j-th nibble of every word) is column 8i + j of the block. Each block has eight such
/// vectors and their sum.
struct PreparedRows {
  std::size_t count = 0;
  std::size_t stride = 0;                    ///< floats of one row of x
  hwy::AlignedFreeUniquePtr<float[]> values; ///< aligned: every second load would cross cache lines otherwise
};

} // namespace
} // namespace halfstep::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace halfstep::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

PreparedRows prepareRowsTarget(std::span<const float>, std::size_t) {
  return {};
}

void matvecRowsTarget(const Int4Matrix&, const PreparedRows&, std::size_t, std::size_t, std::span<float>) {}

#else

constexpr std::size_t kSteps = 8; // nibbles of a word

PreparedRows prepareRowsTarget(std::span<const float> x, std::size_t columns) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t blocks = (columns + kSteps * lanes - 1) / (kSteps * lanes);
  PreparedRows prepared;
  prepared.count = columns == 0 ? 0 : x.size() / columns;
  prepared.stride = blocks * (kSteps + 1) * lanes;
  prepared.values = hwy::AllocateAligned<float>(prepared.count * prepared.stride);
  if (!prepared.values) {
    return {};
  }
  std::fill_n(prepared.values.get(), prepared.count * prepared.stride, 0.0f);
  for (std::size_t m = 0; m < prepared.count; ++m) {
    const float* row = x.data() + m * columns;
    for (std::size_t word = 0; word * kSteps < columns; ++word) {
      float* out =
          prepared.values.get() + m * prepared.stride + word / lanes * (kSteps + 1) * lanes + word % lanes;
      const std::size_t filled = std::min(kSteps, columns - word * kSteps);
      float sum = 0.0f;
      for (std::size_t j = 0; j < filled; ++j) {
        out[j * lanes] = row[word * kSteps + j];
        sum += row[word * kSteps + j];
      }
      out[kSteps * lanes] = sum;
    }
  }
  return prepared;
}

/// 16 + the j-th nibble of every word, as float32: the nibble becomes the upper mantissa bits of a number in
/// [16, 32).
template <int kNibble>
HWY_INLINE Floats sixteenAndCode(Unsigneds words) {
  const FloatTag d;
  const UnsignedTag du;
  constexpr int kLeft = 19 - 4 * kNibble;
  Unsigneds placed;
  if constexpr (kLeft >= 0) {
    placed = hn::ShiftLeft<kLeft>(words);
  } else {
    placed = hn::ShiftRight<-kLeft>(words);
  }
  return hn::BitCast(d, hn::OrAnd(hn::Set(du, 0x41800000u), placed, hn::Set(du, 0x00780000u)));
}

/// A row of weights.
struct WeightRow {
  const std::uint8_t* codes;
  const float* scales;
  const float* zeros; ///< + 16; a vector more than there are groups may be read
};

/// How the groups of a row lie over the lanes of a block of columns.
struct GroupLanes {
  std::size_t rowBytes;
  std::size_t groups;
  std::size_t blocksEach;         ///< blocks of one group, at least 1
  std::size_t perBlock;           ///< groups of one block, at least 1
  const std::int32_t* laneGroups; ///< for every lane which of them is its own
};

using LaneIndices = decltype(hn::SetTableIndices(FloatTag(), static_cast<const std::int32_t*>(nullptr)));

template <bool kSeveral>
HWY_INLINE Floats scaleLanes(const WeightRow& row, const GroupLanes& lanes, const LaneIndices& indices,
                             std::size_t group) {
  if constexpr (kSeveral) {
    const std::size_t left = std::min(lanes.perBlock, lanes.groups - group);
    return hn::TableLookupLanes(loadFirst(row.scales + group, left), indices);
  } else {
    return hn::Set(FloatTag(), row.scales[group]);
  }
}

template <bool kSeveral>
HWY_INLINE Floats zeroLanes(const WeightRow& row, const LaneIndices& indices, std::size_t group) {
  const FloatTag d;
  if constexpr (kSeveral) {
    return hn::TableLookupLanes(hn::LoadU(d, row.zeros + group), indices);
  } else {
    return hn::Set(d, row.zeros[group]);
  }
}

HWY_INLINE Unsigneds loadWords(const std::uint8_t* codes, std::size_t bytes) {
  const UnsignedTag du;
  const hn::Repartition<std::uint8_t, UnsignedTag> bytesTag;
  if (bytes >= hn::Lanes(bytesTag)) {
    return hn::BitCast(du, hn::LoadU(bytesTag, codes));
  }
  HWY_ALIGN std::uint8_t some[HWY_MAX_BYTES] = {};
  std::memcpy(some, codes, bytes);
  return hn::BitCast(du, hn::Load(bytesTag, some));
}

/// Two rows of weights share every load of x.
HWY_INLINE void addStep(const float* HWY_RESTRICT x, Floats first, Floats second, Floats& firstSum,
                        Floats& secondSum) {
  const Floats value = hn::LoadU(FloatTag(), x);
  firstSum = hn::MulAdd(first, value, firstSum);
  secondSum = hn::MulAdd(second, value, secondSum);
}

// The rows of x are a pack, so that the arrays of their sums become registers at every level of optimisation.
template <int kNibble, std::size_t... kRow>
HWY_INLINE void addSteps(Unsigneds firstWords, Unsigneds secondWords, const float* HWY_RESTRICT x,
                         std::size_t stride, Floats* first, Floats* second,
                         std::index_sequence<kRow...> rows) {
  const Floats firstWeights = sixteenAndCode<kNibble>(firstWords);
  const Floats secondWeights = sixteenAndCode<kNibble>(secondWords);
  (addStep(x + kRow * stride + kNibble * hn::Lanes(FloatTag()), firstWeights, secondWeights, first[kRow],
           second[kRow]),
   ...);
  if constexpr (kNibble + 1 < static_cast<int>(kSteps)) {
    addSteps<kNibble + 1>(firstWords, secondWords, x, stride, first, second, rows);
  }
}

/// Two rows of weights times as many rows of x as the pack has, from `at` on. `y`: where the first product
/// goes; `next`: and that of the second row.
template <bool kSeveral, std::size_t... kRow>
HWY_INLINE void rowProducts(const WeightRow& first, const WeightRow& second, const GroupLanes& groups,
                            const float* HWY_RESTRICT at, std::size_t stride, float* y, float* next,
                            std::size_t yStride, std::index_sequence<kRow...> rows) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  const std::size_t blockBytes = lanes * kSteps / 2;
  const LaneIndices indices = hn::SetTableIndices(d, groups.laneGroups);
  Floats firstTotals[sizeof...(kRow)] = {((void)kRow, hn::Zero(d))...};
  Floats secondTotals[sizeof...(kRow)] = {((void)kRow, hn::Zero(d))...};
  std::size_t group = 0;
  std::size_t blocksLeft = groups.blocksEach;
  for (std::size_t byte = 0; byte < groups.rowBytes; byte += blockBytes) {
    const Unsigneds firstWords = loadWords(first.codes + byte, groups.rowBytes - byte);
    const Unsigneds secondWords = loadWords(second.codes + byte, groups.rowBytes - byte);
    const Floats firstZero = zeroLanes<kSeveral>(first, indices, group);
    const Floats secondZero = zeroLanes<kSeveral>(second, indices, group);
    const float* sumsOfX = at + kSteps * lanes;
    Floats firstSums[sizeof...(kRow)] = {
        hn::Neg(hn::Mul(firstZero, hn::LoadU(d, sumsOfX + kRow * stride)))...};
    Floats secondSums[sizeof...(kRow)] = {
        hn::Neg(hn::Mul(secondZero, hn::LoadU(d, sumsOfX + kRow * stride)))...};
    addSteps<0>(firstWords, secondWords, at, stride, firstSums, secondSums, rows);
    const Floats firstScale = scaleLanes<kSeveral>(first, groups, indices, group);
    const Floats secondScale = scaleLanes<kSeveral>(second, groups, indices, group);
    ((firstTotals[kRow] = hn::MulAdd(firstScale, firstSums[kRow], firstTotals[kRow])), ...);
    ((secondTotals[kRow] = hn::MulAdd(secondScale, secondSums[kRow], secondTotals[kRow])), ...);
    at += (kSteps + 1) * lanes;
    if constexpr (kSeveral) {
      group += groups.perBlock;
    } else if (--blocksLeft == 0) {
      ++group;
      blocksLeft = groups.blocksEach;
    }
  }
  ((y[kRow * yStride] = hn::GetLane(hn::SumOfLanes(d, firstTotals[kRow]))), ...);
  ((next[kRow * yStride] = hn::GetLane(hn::SumOfLanes(d, secondTotals[kRow]))), ...);
}

/// All rows of x, four, two or one at a time: more do not fit into the registers of every target.
template <bool kSeveral>
void allRows(const WeightRow& first, const WeightRow& second, const GroupLanes& groups, const PreparedRows& x,
             float* y, float* next, std::size_t yStride) {
  const float* values = x.values.get();
  std::size_t m = 0;
  for (; m + 4 <= x.count; m += 4) {
    rowProducts<kSeveral>(first, second, groups, values + m * x.stride, x.stride, y + m * yStride,
                          next + m * yStride, yStride, std::make_index_sequence<4>());
  }
  if (m + 2 <= x.count) {
    rowProducts<kSeveral>(first, second, groups, values + m * x.stride, x.stride, y + m * yStride,
                          next + m * yStride, yStride, std::make_index_sequence<2>());
    m += 2;
  }
  if (m < x.count) {
    rowProducts<kSeveral>(first, second, groups, values + m * x.stride, x.stride, y + m * yStride,
                          next + m * yStride, yStride, std::make_index_sequence<1>());
  }
}

HWY_INLINE void promoteZeros(std::span<const std::uint8_t> zeros, float* out) {
  const FloatTag d;
  const IntTag di;
  const hn::Rebind<std::uint8_t, IntTag> narrow;
  const std::size_t lanes = hn::Lanes(d);
  const auto sixteen = hn::Set(di, 16);
  std::size_t i = 0;
  for (; i + lanes <= zeros.size(); i += lanes) {
    const auto wide = hn::PromoteTo(di, hn::LoadU(narrow, zeros.data() + i));
    hn::StoreU(hn::ConvertTo(d, hn::Add(wide, sixteen)), d, out + i);
  }
  for (; i < zeros.size(); ++i) {
    out[i] = static_cast<float>(zeros[i] + 16);
  }
}

HWY_INLINE WeightRow weightRow(const Int4Matrix& weights, std::size_t n, float* zeros) {
  const std::size_t groups = weights.groups();
  promoteZeros(weights.zeros.subspan(n * groups, groups), zeros);
  return {weights.codes.data() + n * weights.rowBytes(), weights.scales.data() + n * groups, zeros};
}

/// Rows `from`…`to`−1 of the weights.
void matvecRowsTarget(const Int4Matrix& weights, const PreparedRows& x, std::size_t from, std::size_t to,
                      std::span<float> y) {
  const FloatTag d;
  const std::size_t lanes = hn::Lanes(d);
  HWY_ALIGN std::int32_t laneGroups[HWY_MAX_BYTES / sizeof(float)] = {};
  for (std::size_t i = 0; i < lanes; ++i) {
    laneGroups[i] = static_cast<std::int32_t>(i * kSteps / weights.groupSize);
  }
  const std::size_t groups = weights.groups();
  const std::size_t block = kSteps * lanes;
  const GroupLanes lanesOf{weights.rowBytes(), groups, std::max<std::size_t>(1, weights.groupSize / block),
                           std::max<std::size_t>(1, block / weights.groupSize), laneGroups};
  std::vector<float> zeros(2 * (groups + lanes));
  for (std::size_t n = from; n < to; n += 2) {
    const std::size_t other = std::min(n + 1, to - 1); // the last one twice where their number is odd
    const WeightRow first = weightRow(weights, n, zeros.data());
    const WeightRow second = weightRow(weights, other, zeros.data() + groups + lanes);
    float* const out = y.data();
    if (lanesOf.perBlock > 1) {
      allRows<true>(first, second, lanesOf, x, out + n, out + other, weights.rows);
    } else {
      allRows<false>(first, second, lanesOf, x, out + n, out + other, weights.rows);
    }
  }
}

#endif

// NOLINTNEXTLINE(google-readability-namespace-comments)
} // namespace HWY_NAMESPACE
} // namespace halfstep::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace halfstep::kernels {

HWY_EXPORT(prepareRowsTarget);
HWY_EXPORT(matvecRowsTarget);

void int4Matvec(const Int4Matrix& weights, std::span<const float> x, std::span<float> y) {
  if (weights.columns == 0) {
    std::fill(y.begin(), y.end(), 0.0f);
    return;
  }
  const PreparedRows prepared = HWY_DYNAMIC_DISPATCH(prepareRowsTarget)(x, weights.columns);
  if (prepared.count == 0) { // no vectors here, or no memory
    scalar::int4Matvec(weights, x, y);
    return;
  }
  constexpr std::size_t kPieceBytes = std::size_t{1}
                                      << 15; // 1 µs at 30 GB/s: a piece outweighs its handing out
  const std::size_t piece = std::max<std::size_t>(1, kPieceBytes / weights.rowBytes());
  parallelFor((weights.rows + piece - 1) / piece, [&](std::size_t i) {
    HWY_DYNAMIC_DISPATCH(matvecRowsTarget)
    (weights, prepared, i * piece, std::min(weights.rows, (i + 1) * piece), y);
  });
}

} // namespace halfstep::kernels

#endif
