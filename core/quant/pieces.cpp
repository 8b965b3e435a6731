#include "core/quant/pieces.h"

#include "core/support/parallel.h"

namespace halfstep {

namespace {
/// One to two milliseconds of the fused pass on two threads: what more urgent work waits for.
constexpr std::size_t kStepValues = std::size_t{1} << 24;

std::size_t ceilDivide(std::size_t a, std::size_t b) {
  return b == 0 ? 0 : (a + b - 1) / b;
}
} // namespace

Result<void> parallelTasks(std::size_t tasks, std::size_t valuesPerTask, const JobContext& context,
                           const std::function<void(std::size_t)>& body, Cost cost) {
  const std::size_t stepValues = kStepValues / static_cast<std::size_t>(cost);
  const std::size_t step = std::max<std::size_t>(1, stepValues / std::max<std::size_t>(1, valuesPerTask));
  for (std::size_t at = 0; at < tasks; at += step) {
    HALFSTEP_CHECK(context.checkpoint());
    parallelFor(std::min(step, tasks - at), [&](std::size_t i) {
      if (!context.stopRequested()) {
        body(at + i);
      }
    });
  }
  return context.checkpoint();
}

Result<void> forPieces(std::span<const float> values, Threads threads, const JobContext& context,
                       const std::function<void(std::size_t, std::span<const float>)>& body, Cost cost) {
  const std::size_t pieces = pieceCount(values.size());
  const auto run = [&](std::size_t piece) {
    const std::size_t at = piece * kPieceValues;
    body(piece, values.subspan(at, std::min(kPieceValues, values.size() - at)));
  };
  if (threads == Threads::several) {
    return parallelTasks(pieces, kPieceValues, context, run, cost);
  }
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    run(piece);
  }
  return {};
}

RowTasks::RowTasks(const Segmentation& segmentation)
    : m_rows(segmentation.channels)
    , m_rowLength(segmentation.valuesPerChannel) {
  const bool groups = segmentation.kind == Granularity::Kind::group;
  const std::size_t unit = groups ? std::max<std::size_t>(1, segmentation.segmentLength) : 1;
  m_pieceLength = ceilDivide(kPieceValues, unit) * unit;
  m_piecesPerRow = std::max<std::size_t>(1, ceilDivide(m_rowLength, m_pieceLength));
  if (m_piecesPerRow == 1) {
    m_rowsPerTask = std::max<std::size_t>(1, kPieceValues / std::max<std::size_t>(1, m_rowLength));
    m_tasks = ceilDivide(m_rows, m_rowsPerTask);
  } else {
    m_tasks = m_rows * m_piecesPerRow;
  }
}

std::size_t RowTasks::valuesPerTask() const {
  return m_piecesPerRow == 1 ? m_rowsPerTask * std::max<std::size_t>(1, m_rowLength) : m_pieceLength;
}

void RowTasks::forEach(std::size_t task, const std::function<void(const RowPiece&)>& body) const {
  if (m_piecesPerRow == 1) {
    const std::size_t first = task * m_rowsPerTask;
    for (std::size_t row = first; row < std::min(m_rows, first + m_rowsPerTask); ++row) {
      body({row, 0, m_rowLength});
    }
    return;
  }
  const std::size_t at = task % m_piecesPerRow * m_pieceLength;
  body({task / m_piecesPerRow, at, std::min(m_pieceLength, m_rowLength - at)});
}

} // namespace halfstep
