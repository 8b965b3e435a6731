// How the quantizer cuts its work: pieces of a fixed size (so that no result depends on the number of
// threads), run in parallel a few milliseconds at a time with a checkpoint in between. Internal to
// core/quant.
#pragma once

#include "core/quant/quantizer.h"
#include "core/support/job_context.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace halfstep {

/// Values in one piece: small enough for the second-level cache, large enough to hide the cost of a task.
inline constexpr std::size_t kPieceValues = std::size_t{1} << 16;
/// A segment from here on is cut into pieces itself; smaller ones are worked on whole, several at a time.
inline constexpr std::size_t kLargeSegment = std::size_t{1} << 20;

/// What working on a value costs beside the fused pass: sets how often there is a checkpoint.
enum class Cost : std::size_t { light = 1, heavy = 8 };

/// Calls body(0) … body(tasks − 1) in parallel, with a checkpoint every few milliseconds; once the context
/// asks to stop the rest is skipped. Few, long parallel loops: on a busy machine each of them ends up to a
/// time slice late.
Result<void> parallelTasks(std::size_t tasks, std::size_t valuesPerTask, const JobContext& context,
                           const std::function<void(std::size_t)>& body, Cost cost = Cost::light);

/// Whether a function may use several threads. Where it may not it runs inside a parallel loop already, on
/// less than `kLargeSegment` values, and does not look at the context.
enum class Threads { one, several };

/// Calls body(piece index, values of the piece) for each kPieceValues-sized piece of `values`.
Result<void> forPieces(std::span<const float> values, Threads threads, const JobContext& context,
                       const std::function<void(std::size_t, std::span<const float>)>& body,
                       Cost cost = Cost::light);
inline std::size_t pieceCount(std::size_t values) {
  return (values + kPieceValues - 1) / kPieceValues;
}

/// A run of values within one row that starts at a segment's start (or anywhere, for one scale per tensor).
struct RowPiece {
  std::size_t channel = 0;
  std::size_t first = 0; ///< within the row
  std::size_t count = 0;
};

/// All rows cut into pieces that groups do not straddle; several short rows make one task.
class RowTasks {
public:
  explicit RowTasks(const Segmentation& segmentation);
  std::size_t tasks() const { return m_tasks; }
  std::size_t valuesPerTask() const;
  /// 1 where every row is one piece.
  std::size_t piecesPerRow() const { return m_piecesPerRow; }
  /// Calls body for each piece of task `task`, in order.
  void forEach(std::size_t task, const std::function<void(const RowPiece&)>& body) const;

private:
  std::size_t m_rows = 0;
  std::size_t m_rowLength = 0;
  std::size_t m_pieceLength = 0;
  std::size_t m_piecesPerRow = 1;
  std::size_t m_rowsPerTask = 1;
  std::size_t m_tasks = 0;
};

} // namespace halfstep
