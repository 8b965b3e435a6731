#include "core/quant/axis_order.h"

#include "core/quant/pieces.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace halfstep {

namespace {

/// Offsets of all index combinations of `axes`, the last one running fastest.
std::vector<std::size_t> offsetsOf(const Shape& shape, std::span<const std::size_t> strides,
                                   std::span<const std::size_t> axes) {
  std::vector<std::size_t> offsets{0};
  for (const std::size_t axis : axes) {
    std::vector<std::size_t> longer;
    longer.reserve(offsets.size() * static_cast<std::size_t>(shape[axis]));
    for (const std::size_t base : offsets) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(shape[axis]); ++i) {
        longer.push_back(base + i * strides[axis]);
      }
    }
    offsets = std::move(longer);
  }
  return offsets;
}

/// A tile of 16 × 16 values reads and writes whole cache lines whichever side is contiguous.
constexpr std::size_t kTile = 16;

void reorderRows(std::span<const float> in, const AxisOrder& order, std::size_t firstRow, std::size_t rows,
                 std::span<float> out) {
  const std::size_t length = order.valueOffsets.size();
  for (std::size_t j = 0; j < length; j += kTile) {
    const std::size_t width = std::min(kTile, length - j);
    for (std::size_t c = firstRow; c < firstRow + rows; ++c) {
      const float* from = in.data() + order.channelOffsets[c];
      float* to = out.data() + c * length + j;
      for (std::size_t k = 0; k < width; ++k) {
        to[k] = from[order.valueOffsets[j + k]];
      }
    }
  }
}

} // namespace

Result<AxisOrder> AxisOrder::of(const Shape& shape, std::span<const int> channelAxes) {
  std::vector<std::size_t> strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * static_cast<std::size_t>(shape[axis]);
  }
  std::vector<std::size_t> channels;
  for (const int axis : channelAxes) {
    const auto place = static_cast<std::size_t>(axis);
    if (axis < 0 || place >= shape.size() ||
        std::find(channels.begin(), channels.end(), place) != channels.end()) {
      return Error{ErrorKind::damagedFile, "channel axis " + std::to_string(axis) +
                                               " does not fit the weight's shape " + shapeText(shape)};
    }
    channels.push_back(place);
  }
  std::vector<std::size_t> values;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (std::find(channels.begin(), channels.end(), axis) == channels.end()) {
      values.push_back(axis);
    }
  }
  // Axes of length 1 may stand anywhere.
  std::vector<std::size_t> moved(channels);
  moved.insert(moved.end(), values.begin(), values.end());
  std::erase_if(moved, [&](std::size_t axis) { return shape[axis] == 1; });
  AxisOrder order;
  order.identity = std::is_sorted(moved.begin(), moved.end());
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
    order.identity = true; // nothing to move, and the other dimensions may be of any size
    return order;
  }
  const auto size = [&](const std::vector<std::size_t>& axes) {
    return std::accumulate(axes.begin(), axes.end(), std::size_t{1},
                           [&](std::size_t product, std::size_t axis) {
                             return product * static_cast<std::size_t>(shape[axis]);
                           });
  };
  order.channels = size(channels);
  order.values = size(values);
  if (order.identity) {
    return order;
  }
  order.channelOffsets = offsetsOf(shape, strides, channels);
  order.valueOffsets = offsetsOf(shape, strides, values);
  return order;
}

Result<void> reorder(std::span<const float> in, const AxisOrder& order, std::span<float> out,
                     const JobContext& context) {
  const std::size_t rows = order.channelOffsets.size();
  const std::size_t length = order.valueOffsets.size();
  const std::size_t tasks = (rows + kTile - 1) / kTile;
  return parallelTasks(tasks, kTile * std::max<std::size_t>(1, length), context, [&](std::size_t task) {
    const std::size_t first = task * kTile;
    reorderRows(in, order, first, std::min(kTile, rows - first), out);
  });
}

} // namespace halfstep
