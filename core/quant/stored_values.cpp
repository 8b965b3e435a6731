#include "core/quant/stored_values.h"

#include "core/quant/pieces.h"

#include <atomic>

namespace halfstep {

namespace {

/// The codes' shape as outer × along (the axis) × inner; the index of value i's scale.
struct Layout {
  std::size_t along = 1;
  std::size_t inner = 1;
  std::size_t block = 1;       ///< indices of the axis that share a scale
  std::size_t scalesAlong = 1; ///< scales per index of the other axes
  bool perTensor = false;
  bool blocked = false;

  std::size_t scaleOf(std::size_t i) const {
    if (perTensor) {
      return 0;
    }
    const std::size_t at = i / inner % along / block;
    // Without blocks one scale per index of the axis; with them the scales have all axes.
    return blocked ? (i / inner / along * scalesAlong + at) * inner + i % inner : at;
  }
};

Error mismatch(const StoredQuantization& stored, const std::string& what, const Tensor& tensor) {
  return {ErrorKind::damagedFile,
          what + " " + shapeText(tensor.shape()) + " do not fit codes " + shapeText(stored.codes.shape()) +
              (stored.axis ? " along axis " + std::to_string(*stored.axis) : "") +
              (stored.blockSize > 0 ? " in blocks of " + std::to_string(stored.blockSize) : "")};
}

Result<Layout> layoutOf(const StoredQuantization& stored) {
  Layout layout;
  const Shape& shape = stored.codes.shape();
  if (!stored.axis || (stored.scales.count() == 1 && stored.blockSize <= 0)) {
    layout.perTensor = true;
    if (stored.scales.count() != 1) {
      return mismatch(stored, "scales", stored.scales);
    }
    return layout;
  }
  const auto rank = static_cast<int>(shape.size());
  const int axis = *stored.axis < 0 ? *stored.axis + rank : *stored.axis;
  if (axis < 0 || axis >= rank) {
    return mismatch(stored, "scales", stored.scales);
  }
  std::size_t outer = 1;
  for (int i = 0; i < rank; ++i) {
    const auto size = static_cast<std::size_t>(shape[static_cast<std::size_t>(i)]);
    (i < axis ? outer : i == axis ? layout.along : layout.inner) *= size;
  }
  layout.blocked = stored.blockSize > 0;
  layout.block = layout.blocked ? static_cast<std::size_t>(stored.blockSize) : 1;
  layout.scalesAlong = layout.along / layout.block + (layout.along % layout.block != 0 ? 1 : 0);
  const std::size_t expected = layout.blocked ? outer * layout.scalesAlong * layout.inner : layout.along;
  if (stored.scales.count() != expected) {
    return mismatch(stored, "scales", stored.scales);
  }
  return layout;
}

} // namespace

Result<std::vector<float>> decodeStored(const StoredQuantization& stored, const JobContext& context) {
  HALFSTEP_TRY(const Layout layout, layoutOf(stored));
  HALFSTEP_TRY(const std::vector<float> scales, toFloats(stored.scales, context));
  std::vector<float> zeroPoints(1, 0.0f);
  if (stored.zeroPoints) {
    if (stored.zeroPoints->count() != scales.size() && stored.zeroPoints->count() != 1) {
      return mismatch(stored, "zero points", *stored.zeroPoints);
    }
    HALFSTEP_TRY(zeroPoints, toFloats(*stored.zeroPoints, context));
  }
  const bool oneZeroPoint = zeroPoints.size() == 1;
  std::vector<float> values(stored.codes.count());
  std::atomic<bool> readable = true;
  HALFSTEP_CHECK(
      forPieces(values, Threads::several, context, [&](std::size_t piece, std::span<const float> slice) {
        const std::size_t first = piece * kPieceValues;
        const std::span<float> out = std::span(values).subspan(first, slice.size());
        if (!readAsFloat(stored.codes, first, out)) {
          readable = false;
          return;
        }
        for (std::size_t i = 0; i < out.size(); ++i) {
          const std::size_t scale = layout.scaleOf(first + i);
          out[i] = scales[scale] * (out[i] - zeroPoints[oneZeroPoint ? 0 : scale]);
        }
      }));
  if (!readable) {
    return Error{ErrorKind::unsupported, "codes of type " +
                                             std::string(elementTypeName(stored.codes.type())) +
                                             " have no real values"};
  }
  return values;
}

} // namespace halfstep
