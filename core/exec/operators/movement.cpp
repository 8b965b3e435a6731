// Operators that move elements to other places without looking at them.
#include "core/exec/elements.h"
#include "core/exec/operator_families.h"
#include "core/exec/operators/blocked_operators.h"
#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>

namespace halfstep {

namespace {

OpResult transpose(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  const std::size_t rank = data.shape().size();
  std::vector<std::size_t> permutation(rank);
  std::iota(permutation.rbegin(), permutation.rend(), std::size_t{0}); // reversed without `perm`
  if (call.hasAttribute("perm")) {
    const std::vector<std::int64_t> wanted = call.integers("perm");
    std::vector<bool> taken(rank, false);
    permutation.clear();
    for (const std::int64_t axis : wanted) {
      HALFSTEP_TRY(const std::size_t at, normalizedAxis(axis, rank));
      if (taken[at]) {
        return call.fail("perm names an axis twice");
      }
      taken[at] = true;
      permutation.push_back(at);
    }
    if (permutation.size() != rank) {
      return call.fail("perm has " + std::to_string(wanted.size()) + " axes, the input " +
                       std::to_string(rank));
    }
  }
  return oneOutput(transposed(data, permutation));
}

OpResult concat(const OpCall& call) {
  if (auto blocked = blockedConcat(call)) {
    return std::move(*blocked);
  }
  std::vector<Tensor> parts;
  for (std::size_t i = 0; i < call.inputCount(); ++i) {
    HALFSTEP_TRY(Tensor part, call.tensor(i));
    parts.push_back(std::move(part));
  }
  if (parts.empty()) {
    return call.fail("input 0 is missing");
  }
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", call.version() < 4 ? 1 : 0),
                                                      parts.front().shape().size()));
  return oneOutput(concatenated(parts, axis));
}

/// Lengths from an input (13), an attribute, or equal parts (the last one shorter from 18 on).
OpResult split(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", 0), data.shape().size()));
  std::vector<std::int64_t> lengths = call.integers("split");
  if (call.has(1)) {
    HALFSTEP_TRY(lengths, call.integers(1));
  }
  const std::int64_t whole = data.shape()[axis];
  if (lengths.empty()) {
    const auto outputs = static_cast<std::int64_t>(std::max<std::size_t>(call.outputCount(), 1));
    const std::int64_t parts = call.integer("num_outputs", outputs);
    if (parts < 1 || parts > 1 << 20) {
      return call.fail("it is to make " + std::to_string(parts) + " parts");
    }
    const std::int64_t length = (whole + parts - 1) / parts;
    for (std::int64_t at = 0, i = 0; i < parts; ++i, at += length) {
      lengths.push_back(std::clamp<std::int64_t>(whole - at, 0, length));
    }
  }
  std::vector<Value> outputs;
  std::int64_t at = 0;
  for (const std::int64_t length : lengths) {
    HALFSTEP_TRY(Tensor part, sliced(data, axis, at, length));
    outputs.emplace_back(std::move(part));
    at += length;
  }
  if (at != whole) {
    return call.fail("its parts have " + std::to_string(at) + " of " + std::to_string(whole));
  }
  return outputs;
}

struct SliceBounds {
  std::vector<std::int64_t> starts;
  std::vector<std::int64_t> ends;
  std::vector<std::int64_t> axes;
  std::vector<std::int64_t> steps;
};

Result<SliceBounds> sliceBounds(const OpCall& call, std::size_t rank) {
  SliceBounds bounds{call.integers("starts"), call.integers("ends"), call.integers("axes"), {}};
  if (call.version() >= 10) {
    HALFSTEP_TRY(bounds.starts, call.integers(1));
    HALFSTEP_TRY(bounds.ends, call.integers(2));
    if (call.has(3)) {
      HALFSTEP_TRY(bounds.axes, call.integers(3));
    }
    if (call.has(4)) {
      HALFSTEP_TRY(bounds.steps, call.integers(4));
    }
  }
  if (bounds.axes.empty()) {
    bounds.axes.resize(std::min(bounds.starts.size(), rank));
    std::iota(bounds.axes.begin(), bounds.axes.end(), std::int64_t{0});
  }
  if (bounds.steps.empty()) {
    bounds.steps.assign(bounds.starts.size(), 1);
  }
  if (bounds.ends.size() != bounds.starts.size() || bounds.axes.size() != bounds.starts.size() ||
      bounds.steps.size() != bounds.starts.size()) {
    return call.fail("starts, ends, axes and steps are of different lengths");
  }
  return bounds;
}

OpResult slice(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const SliceBounds bounds, sliceBounds(call, data.shape().size()));
  Shape shape = data.shape();
  std::vector<std::int64_t> strides = rowMajorStrides(shape);
  const std::vector<std::int64_t> own = strides;
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < bounds.starts.size(); ++i) {
    HALFSTEP_TRY(const std::size_t axis, normalizedAxis(bounds.axes[i], shape.size()));
    const std::int64_t length = data.shape()[axis];
    const std::int64_t step = bounds.steps[i];
    if (step == 0 || step == std::numeric_limits<std::int64_t>::min()) {
      return call.fail("a step is " + std::to_string(step));
    }
    if (length == 0) {
      continue;
    }
    const auto within = [&](std::int64_t at, std::int64_t least, std::int64_t most) {
      return std::clamp(at < 0 ? at + length : at, least, most);
    };
    const std::int64_t start =
        step > 0 ? within(bounds.starts[i], 0, length) : within(bounds.starts[i], 0, length - 1);
    const std::int64_t end =
        step > 0 ? within(bounds.ends[i], 0, length) : within(bounds.ends[i], -1, length - 1);
    const std::int64_t distance = step > 0 ? end - start : start - end;
    const std::int64_t stride = step > 0 ? step : -step;
    const bool any = distance > 0;
    shape[axis] = any ? (distance - 1) / stride + 1 : 0;
    strides[axis] = any && shape[axis] > 1 ? own[axis] * step : own[axis];
    offset += any ? start * own[axis] : 0;
  }
  return oneOutput(densified(data, shape, strides, offset));
}

/// Where index `at` of a padded axis comes from; −1: the fill value.
std::int64_t padSource(const std::string& mode, std::int64_t at, std::int64_t length) {
  if (at >= 0 && at < length) {
    return at;
  }
  if (mode == "edge") {
    return std::clamp<std::int64_t>(at, 0, length - 1);
  }
  if (mode == "wrap") {
    return (at % length + length) % length;
  }
  if (mode == "reflect") {
    const std::int64_t period = std::max<std::int64_t>(2 * (length - 1), 1);
    const std::int64_t folded = (at % period + period) % period;
    return length == 1 ? 0 : std::min(folded, period - folded);
  }
  return -1;
}

struct Padding {
  std::vector<std::int64_t> before;
  std::vector<std::int64_t> after;
};

Result<Padding> paddingOf(const OpCall& call, std::size_t rank) {
  std::vector<std::int64_t> pads =
      call.integers(call.hasAttribute("paddings") ? "paddings" : "pads"); // version 1, and up to 10
  if (call.version() >= 11) {
    HALFSTEP_TRY(pads, call.integers(1));
  }
  std::vector<std::int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), std::int64_t{0});
  if (call.has(3)) {
    HALFSTEP_TRY(axes, call.integers(3));
  }
  if (pads.size() != 2 * axes.size()) {
    return call.fail("it has " + std::to_string(pads.size()) + " pads for " + std::to_string(axes.size()) +
                     " axes");
  }
  Padding padding{std::vector<std::int64_t>(rank, 0), std::vector<std::int64_t>(rank, 0)};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    HALFSTEP_TRY(const std::size_t axis, normalizedAxis(axes[i], rank));
    padding.before[axis] = pads[i];
    padding.after[axis] = pads[i + axes.size()];
    constexpr std::int64_t kMost = std::int64_t{1} << 40;
    if (std::min(padding.before[axis], padding.after[axis]) < -kMost ||
        std::max(padding.before[axis], padding.after[axis]) > kMost) {
      return call.fail("a pad is absurdly large");
    }
  }
  return padding;
}

/// The value that `constant` pads with, as a tensor of the data's type.
Result<Tensor> padValue(const OpCall& call, const Tensor& data) {
  if (call.version() >= 11 && call.has(2)) {
    HALFSTEP_TRY(const Tensor value, call.tensor(2));
    if (value.count() != 1 || value.type() != data.type()) {
      return call.fail("the value to pad with is no scalar of the data's type");
    }
    return reshaped(value, {1});
  }
  const float value = call.version() < 11 ? call.real("value", 0.0f) : 0.0f;
  if (value == 0.0f) { // zeros of any type: rearranged() makes them
    const std::int64_t nowhere = -1;
    return rearranged(data, {1}, 1, {&nowhere, 1});
  }
  return dispatchNumbers(data.type(), [&]<class T>(TypeTag<T>) -> Result<Tensor> {
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>({1}, data.type()));
    made.values[0] = static_cast<T>(value);
    return made.finish();
  });
}

/// `data` in a tensor of `shape` that is filled with the one element of `fill`; for whole bytes.
Result<Tensor> paddedBytes(const Tensor& data, const Tensor& fill, const Padding& padding,
                           const Shape& shape) {
  const std::size_t unit = fill.bytes().size();
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  HALFSTEP_TRY(const std::shared_ptr<std::byte> owner, allocateBytes(count * unit));
  const std::span<const std::byte> one = fill.bytes();
  if (std::all_of(one.begin(), one.end(), [](std::byte b) { return b == std::byte{0}; })) {
    std::memset(owner.get(), 0, count * unit);
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(owner.get() + i * unit, one.data(), unit);
    }
  }
  const std::vector<std::int64_t> inStrides = rowMajorStrides(data.shape());
  const std::vector<std::int64_t> outStrides = rowMajorStrides(shape);
  Shape box; // what is copied: pads may be negative
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::int64_t rows = 1;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t skipped = std::max<std::int64_t>(0, -padding.before[axis]);
    const std::int64_t begin = std::max<std::int64_t>(0, padding.before[axis]);
    box.push_back(std::max<std::int64_t>(0, std::min(data.shape()[axis] - skipped, shape[axis] - begin)));
    in += skipped * inStrides[axis];
    out += begin * outStrides[axis];
    rows *= axis + 1 < shape.size() ? box.back() : 1;
  }
  const std::size_t run = box.empty() ? unit : static_cast<std::size_t>(box.back()) * unit;
  std::vector<std::int64_t> index(shape.size(), 0);
  for (std::int64_t row = 0; row < rows && run > 0; ++row) {
    std::memcpy(owner.get() + static_cast<std::size_t>(out) * unit,
                data.bytes().data() + static_cast<std::size_t>(in) * unit, run);
    for (std::size_t axis = shape.size() - std::min<std::size_t>(shape.size(), 1); axis-- > 0;) {
      in += inStrides[axis];
      out += outStrides[axis];
      if (++index[axis] < box[axis]) {
        break;
      }
      in -= inStrides[axis] * box[axis];
      out -= outStrides[axis] * box[axis];
      index[axis] = 0;
    }
  }
  return Tensor::share(data.type(), shape, owner, {owner.get(), count * unit});
}

/// `data` in a tensor of `shape` whose index i along an axis comes from `sources`[axis][i] (times the axis's
/// stride); from `first` on, `run` indices of the last axis are neighbours in `data` as well. For whole
/// bytes.
Result<Tensor> paddedByIndex(const Tensor& data, const Shape& shape,
                             std::span<const std::vector<std::int64_t>> sources, std::size_t first,
                             std::size_t run) {
  const auto unit = static_cast<std::size_t>(elementBits(data.type())) / 8;
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  HALFSTEP_TRY(const std::shared_ptr<std::byte> owner, allocateBytes(count * unit));
  const std::vector<std::int64_t>& columns = sources.back();
  std::vector<std::size_t> index(shape.size(), 0);
  for (std::size_t out = 0; out < count; out += columns.size()) {
    std::int64_t row = 0;
    for (std::size_t axis = 0; axis + 1 < shape.size(); ++axis) {
      row += sources[axis][index[axis]];
    }
    for (std::size_t i = 0; i < columns.size();) {
      const std::size_t length = i == first && run > 0 ? run : 1;
      std::memcpy(owner.get() + (out + i) * unit,
                  data.bytes().data() + static_cast<std::size_t>(row + columns[i]) * unit, length * unit);
      i += length;
    }
    for (std::size_t axis = shape.size() - 1;
         axis-- > 0 && ++index[axis] == static_cast<std::size_t>(shape[axis]);) {
      index[axis] = 0;
    }
  }
  return Tensor::share(data.type(), shape, owner, {owner.get(), count * unit});
}

OpResult pad(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  const std::size_t rank = data.shape().size();
  HALFSTEP_TRY(const Padding padding, paddingOf(call, rank));
  const std::string mode = call.text("mode", "constant");
  Shape shape = data.shape();
  for (std::size_t axis = 0; axis < rank; ++axis) {
    shape[axis] += padding.before[axis] + padding.after[axis];
    if (mode != "constant" && data.shape()[axis] == 0 && shape[axis] > 0) {
      return call.fail("an empty axis has nothing to pad with");
    }
  }
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  HALFSTEP_TRY(const Tensor fill, padValue(call, data));
  if (mode == "constant" && elementBits(data.type()) >= 8 && data.type() != ElementType::string) {
    return oneOutput(paddedBytes(data, fill, padding, shape));
  }
  HALFSTEP_CHECK(allocateBytes(count * sizeof(std::int64_t))); // or say that it does not fit
  const std::vector<std::int64_t> strides = rowMajorStrides(data.shape());
  std::vector<std::vector<std::int64_t>> sources(rank); // by axis: where an index comes from; −1: filled
  for (std::size_t axis = 0; axis < rank && count > 0; ++axis) {
    for (std::int64_t at = 0; at < shape[axis]; ++at) {
      const std::int64_t here = padSource(mode, at - padding.before[axis], data.shape()[axis]);
      sources[axis].push_back(here < 0 ? -1 : here * strides[axis]);
    }
  }
  const bool mirrors = mode == "edge" || mode == "wrap" || mode == "reflect"; // nothing is filled
  if (mirrors && rank > 0 && count > 0 && elementBits(data.type()) >= 8 &&
      data.type() != ElementType::string) {
    const std::int64_t first = std::max<std::int64_t>(padding.before.back(), 0);
    const std::int64_t last = std::min(shape.back(), data.shape().back() + padding.before.back());
    return oneOutput(paddedByIndex(data, shape, sources, static_cast<std::size_t>(first),
                                   static_cast<std::size_t>(std::max<std::int64_t>(last - first, 0))));
  }
  HALFSTEP_TRY(const Tensor flat, reshaped(data, {static_cast<std::int64_t>(data.count())}));
  const Tensor parts[] = {flat, fill};
  HALFSTEP_TRY(const Tensor source, concatenated(parts, 0));
  const auto filled = static_cast<std::int64_t>(data.count());
  std::vector<std::int64_t> from(count);
  std::vector<std::int64_t> index(rank, 0);
  for (std::int64_t& element : from) {
    std::int64_t at = 0;
    for (std::size_t axis = 0; axis < rank && at >= 0; ++axis) {
      const std::int64_t here = sources[axis][static_cast<std::size_t>(index[axis])];
      at = here < 0 ? -1 : at + here;
    }
    element = at < 0 ? filled : at;
    for (std::size_t axis = rank; axis-- > 0 && ++index[axis] == shape[axis];) {
      index[axis] = 0;
    }
  }
  return oneOutput(rearranged(source, shape, 1, from));
}

OpResult tile(const OpCall& call) {
  HALFSTEP_TRY(Tensor data, call.tensor(0));
  HALFSTEP_TRY(std::vector<std::int64_t> repeats, call.integers(1));
  if (call.version() < 6) { // tiles and axis, one number each
    HALFSTEP_TRY(const std::vector<std::int64_t> axis, call.integers(2));
    if (repeats.size() != 1 || axis.size() != 1) {
      return call.fail("tiles and axis are not one number each");
    }
    HALFSTEP_TRY(const std::size_t at, normalizedAxis(axis[0], data.shape().size()));
    std::vector<std::int64_t> all(data.shape().size(), 1);
    all[at] = repeats[0];
    repeats = all;
  }
  if (repeats.size() != data.shape().size()) {
    return call.fail("it has " + std::to_string(repeats.size()) + " repeats for " +
                     std::to_string(data.shape().size()) + " dimensions");
  }
  // [a, b] repeated [r, s] is [r, a, s, b] with strides 0 for r and s.
  Shape shape;
  Shape merged;
  std::vector<std::int64_t> strides;
  const std::vector<std::int64_t> own = rowMajorStrides(data.shape());
  for (std::size_t axis = 0; axis < repeats.size(); ++axis) {
    std::int64_t length = 0;
    if (repeats[axis] < 0 || __builtin_mul_overflow(repeats[axis], data.shape()[axis], &length)) {
      return call.fail("a repeat makes no sense");
    }
    shape.insert(shape.end(), {repeats[axis], data.shape()[axis]});
    strides.insert(strides.end(), {0, own[axis]});
    merged.push_back(length);
  }
  HALFSTEP_CHECK(elementCount(merged));
  HALFSTEP_TRY(const Tensor tiled, densified(data, shape, strides));
  return oneOutput(reshaped(tiled, merged));
}

/// [N, C, H, W] with blocks of b × b.
struct BlockShape {
  std::int64_t batch = 0, channels = 0, height = 0, width = 0, block = 0;
};

Result<BlockShape> blockShape(const OpCall& call, const Tensor& data) {
  const std::int64_t block = call.integer("blocksize", 0);
  if (data.shape().size() != 4 || block < 1 || block > 1 << 20) {
    return call.fail("it takes four dimensions and a block size of at least 1");
  }
  return BlockShape{data.shape()[0], data.shape()[1], data.shape()[2], data.shape()[3], block};
}

OpResult depthToSpace(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const BlockShape b, blockShape(call, data));
  const std::int64_t depth = b.channels / (b.block * b.block);
  if (depth * b.block * b.block != b.channels) {
    return call.fail("its channels do not divide into blocks");
  }
  const bool columnFirst = call.text("mode", "DCR") == "CRD";
  const Shape apart = columnFirst ? Shape{b.batch, depth, b.block, b.block, b.height, b.width}
                                  : Shape{b.batch, b.block, b.block, depth, b.height, b.width};
  const std::vector<std::size_t> order =
      columnFirst ? std::vector<std::size_t>{0, 1, 4, 2, 5, 3} : std::vector<std::size_t>{0, 3, 4, 1, 5, 2};
  HALFSTEP_TRY(const Tensor split, reshaped(data, apart));
  HALFSTEP_TRY(const Tensor moved, transposed(split, order));
  return oneOutput(reshaped(moved, {b.batch, depth, b.height * b.block, b.width * b.block}));
}

OpResult spaceToDepth(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const BlockShape b, blockShape(call, data));
  if (b.height % b.block != 0 || b.width % b.block != 0) {
    return call.fail("its height or width does not divide into blocks");
  }
  const Shape apart{b.batch, b.channels, b.height / b.block, b.block, b.width / b.block, b.block};
  HALFSTEP_TRY(const Tensor split, reshaped(data, apart));
  HALFSTEP_TRY(const Tensor moved, transposed(split, std::vector<std::size_t>{0, 3, 5, 1, 2, 4}));
  return oneOutput(reshaped(moved, {b.batch, b.channels * b.block * b.block, apart[2], apart[4]}));
}

/// Keeps the upper or lower triangle of the last two axes.
OpResult trilu(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  const std::size_t rank = data.shape().size();
  if (rank < 2) {
    return call.fail("it takes two dimensions or more");
  }
  double k = 0.0;
  if (call.has(1)) {
    HALFSTEP_TRY(k, call.scalar(1));
  }
  const bool upper = call.integer("upper", 1) != 0;
  const std::int64_t rows = data.shape()[rank - 2];
  const std::int64_t columns = data.shape()[rank - 1];
  std::vector<std::int64_t> from(data.count());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const double above = static_cast<double>(at % columns - at / columns % rows) - k;
    from[i] = (upper ? above >= 0.0 : above <= 0.0) ? at : -1;
  }
  return oneOutput(rearranged(data, data.shape(), 1, from));
}

constexpr OperatorEntry kEntries[] = {
    {"", "Concat", concat}, {"", "DepthToSpace", depthToSpace}, {"", "Pad", pad},
    {"", "Slice", slice},   {"", "SpaceToDepth", spaceToDepth}, {"", "Split", split},
    {"", "Tile", tile},     {"", "Transpose", transpose},       {"", "Trilu", trilu},
};

} // namespace

std::span<const OperatorEntry> movementOperators() {
  return kEntries;
}

} // namespace halfstep
