#include "core/exec/rearrange.h"

#include "core/exec/elements.h"

#include <algorithm>
#include <cstring>

namespace halfstep {

namespace {

Error outside() {
  return {ErrorKind::failed, "an index lies outside the tensor"};
}

/// Copies block after block of whole bytes.
Result<Tensor> rearrangedBytes(const Tensor& source, const Shape& shape, std::size_t blockBytes,
                               std::span<const std::int64_t> from) {
  const std::span<const std::byte> bytes = source.bytes();
  const auto blocks = static_cast<std::int64_t>(blockBytes == 0 ? 0 : bytes.size() / blockBytes);
  HALFSTEP_TRY(std::shared_ptr<std::byte> owner, allocateBytes(from.size() * blockBytes));
  std::byte* out = owner.get();
  for (const std::int64_t block : from) {
    if (block >= blocks) {
      return outside();
    }
    if (block < 0) {
      std::memset(out, 0, blockBytes);
    } else {
      std::memcpy(out, bytes.data() + static_cast<std::size_t>(block) * blockBytes, blockBytes);
    }
    out += blockBytes;
  }
  const std::byte* data = owner.get();
  return Tensor::share(source.type(), shape, std::move(owner), {data, from.size() * blockBytes});
}

/// One axis of a copy: how many steps, and how far apart they lie in the source, in bytes.
struct CopyAxis {
  std::int64_t count;
  std::int64_t stride;
};

/// Copies `count` units of `size` bytes that lie `stride` bytes apart.
void copyUnits(const std::byte* from, std::int64_t stride, std::int64_t count, std::size_t size,
               std::byte* out) {
  const auto each = [&]<std::size_t kSize>(std::integral_constant<std::size_t, kSize>) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::memcpy(out + static_cast<std::size_t>(i) * kSize, from + i * stride, kSize); // one instruction
    }
  };
  switch (size) {
  case 1:
    return each(std::integral_constant<std::size_t, 1>());
  case 2:
    return each(std::integral_constant<std::size_t, 2>());
  case 4:
    return each(std::integral_constant<std::size_t, 4>());
  case 8:
    return each(std::integral_constant<std::size_t, 8>());
  default:
    for (std::int64_t i = 0; i < count; ++i) {
      std::memcpy(out + static_cast<std::size_t>(i) * size, from + i * stride, size);
    }
  }
}

/// The axes of a copy in bytes, those that run on into each other joined.
std::vector<CopyAxis> copyAxes(const Shape& shape, std::span<const std::int64_t> strides, std::size_t bytes) {
  std::vector<CopyAxis> axes;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t stride = strides[axis] * static_cast<std::int64_t>(bytes);
    if (shape[axis] == 1) {
      continue;
    }
    if (!axes.empty() && axes.back().stride == stride * shape[axis]) {
      axes.back() = {axes.back().count * shape[axis], stride};
    } else {
      axes.push_back({shape[axis], stride});
    }
  }
  return axes;
}

/// densified() for whole bytes and at least one element.
Result<Tensor> densifiedBytes(const Tensor& source, const Shape& shape, std::span<const std::int64_t> strides,
                              std::int64_t offset) {
  std::size_t unit = static_cast<std::size_t>(elementBits(source.type())) / 8;
  std::int64_t least = offset;
  std::int64_t most = offset;
  std::size_t count = 1;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    std::int64_t reach = 0;
    if (__builtin_mul_overflow(strides[axis], shape[axis] - 1, &reach) ||
        __builtin_add_overflow(reach < 0 ? least : most, reach, reach < 0 ? &least : &most)) {
      return outside();
    }
    count *= static_cast<std::size_t>(shape[axis]);
  }
  if (least < 0 || most >= static_cast<std::int64_t>(source.count())) {
    return outside();
  }
  const std::size_t total = count * unit;
  const std::byte* from = source.bytes().data() + static_cast<std::size_t>(offset) * unit;
  std::vector<CopyAxis> axes = copyAxes(shape, strides, unit);
  if (!axes.empty() && axes.back().stride == static_cast<std::int64_t>(unit)) {
    unit *= static_cast<std::size_t>(axes.back().count);
    axes.pop_back();
  }
  HALFSTEP_TRY(std::shared_ptr<std::byte> owner, allocateBytes(total));
  const CopyAxis inner = axes.empty() ? CopyAxis{1, 0} : axes.back();
  if (!axes.empty()) {
    axes.pop_back();
  }
  std::vector<std::int64_t> index(axes.size(), 0);
  const std::size_t run = static_cast<std::size_t>(inner.count) * unit;
  for (std::size_t done = 0; done < total; done += run) {
    copyUnits(from, inner.stride, inner.count, unit, owner.get() + done);
    for (std::size_t axis = axes.size(); axis-- > 0;) {
      from += axes[axis].stride;
      if (++index[axis] < axes[axis].count) {
        break;
      }
      from -= axes[axis].stride * axes[axis].count;
      index[axis] = 0;
    }
  }
  const std::byte* data = owner.get();
  return Tensor::share(source.type(), shape, std::move(owner), {data, total});
}

/// Elements of 2 or 4 bits, the first one in the low bits.
Result<Tensor> rearrangedBits(const Tensor& source, const Shape& shape, std::size_t block,
                              std::span<const std::int64_t> from) {
  const auto bits = static_cast<std::size_t>(elementBits(source.type()));
  const std::size_t perByte = 8 / bits;
  const unsigned mask = (1u << bits) - 1u;
  std::vector<std::byte> packed(packedBytes(source.type(), from.size() * block));
  for (std::size_t i = 0; i < from.size() * block; ++i) {
    const std::int64_t first = from[i / block];
    if (first < 0) {
      continue;
    }
    const std::size_t at = static_cast<std::size_t>(first) * block + i % block;
    if (at >= source.count()) {
      return outside();
    }
    const unsigned value =
        (std::to_integer<unsigned>(source.bytes()[at / perByte]) >> (at % perByte * bits)) & mask;
    packed[i / perByte] |= static_cast<std::byte>(value << (i % perByte * bits));
  }
  return Tensor::own(source.type(), shape, std::move(packed));
}

Result<Tensor> rearrangedStrings(const Tensor& source, const Shape& shape, std::size_t block,
                                 std::span<const std::int64_t> from) {
  std::vector<std::string> strings(from.size() * block);
  for (std::size_t i = 0; i < strings.size(); ++i) {
    if (from[i / block] >= 0) {
      const std::size_t at = static_cast<std::size_t>(from[i / block]) * block + i % block;
      if (at >= source.count()) {
        return outside();
      }
      strings[i] = source.strings()[at];
    }
  }
  return Tensor::ofStrings(shape, std::move(strings));
}

} // namespace

std::vector<std::int64_t> rowMajorStrides(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) {
    // A shape with a zero has no elements, whatever its other dimensions: then the product may be anything.
    if (__builtin_mul_overflow(strides[axis], std::max<std::int64_t>(shape[axis], 1), &strides[axis - 1])) {
      strides[axis - 1] = 0;
    }
  }
  return strides;
}

Result<Tensor> rearranged(const Tensor& source, const Shape& shape, std::size_t block,
                          std::span<const std::int64_t> from) {
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  if (from.size() * block != count) {
    return Error{ErrorKind::failed, "the shape " + shapeText(shape) + " does not have " +
                                        std::to_string(from.size() * block) + " elements"};
  }
  if (source.type() == ElementType::string) {
    return rearrangedStrings(source, shape, block, from);
  }
  const int bits = elementBits(source.type());
  return bits < 8 ? rearrangedBits(source, shape, block, from)
                  : rearrangedBytes(source, shape, block * static_cast<std::size_t>(bits) / 8, from);
}

Result<Tensor> densified(const Tensor& source, const Shape& shape, std::span<const std::int64_t> strides,
                         std::int64_t offset) {
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  if (count > 0 && elementBits(source.type()) >= 8 && source.type() != ElementType::string) {
    return densifiedBytes(source, shape, strides, offset);
  }
  // The innermost axes that are dense in the source are moved as one block.
  std::size_t block = 1;
  std::size_t outer = shape.size();
  while (outer > 0 && (strides[outer - 1] == static_cast<std::int64_t>(block) || shape[outer - 1] == 1)) {
    block *= static_cast<std::size_t>(shape[outer - 1]);
    --outer;
  }
  const auto blockStride = static_cast<std::int64_t>(block);
  bool whole = block > 0 && offset % std::max<std::int64_t>(blockStride, 1) == 0;
  for (std::size_t axis = 0; axis < outer; ++axis) {
    whole = whole && strides[axis] % blockStride == 0;
  }
  if (!whole) {
    block = 1;
    outer = shape.size();
  }
  std::vector<std::int64_t> from;
  if (count > 0) {
    from.resize(count / block);
    std::vector<std::int64_t> index(outer, 0);
    std::int64_t at = offset;
    for (std::int64_t& block_ : from) {
      if (at < 0) {
        return outside();
      }
      block_ = at / static_cast<std::int64_t>(block);
      for (std::size_t axis = outer; axis-- > 0;) {
        at += strides[axis];
        if (++index[axis] < shape[axis]) {
          break;
        }
        at -= strides[axis] * shape[axis];
        index[axis] = 0;
      }
    }
  }
  return rearranged(source, shape, count > 0 ? block : 1, from);
}

Result<Tensor> transposed(const Tensor& tensor, std::span<const std::size_t> permutation) {
  const std::vector<std::int64_t> strides = rowMajorStrides(tensor.shape());
  Shape shape;
  std::vector<std::int64_t> moved;
  for (const std::size_t axis : permutation) {
    if (axis >= strides.size()) {
      return Error{ErrorKind::failed, "a permutation names an axis that the tensor does not have"};
    }
    shape.push_back(tensor.shape()[axis]);
    moved.push_back(strides[axis]);
  }
  return densified(tensor, shape, moved);
}

Result<Tensor> concatenated(std::span<const Tensor> tensors, std::size_t axis) {
  if (tensors.empty() || axis >= tensors.front().shape().size()) {
    return Error{ErrorKind::failed, "nothing to concatenate along axis " + std::to_string(axis)};
  }
  const Tensor& first = tensors.front();
  Shape shape = first.shape();
  shape[axis] = 0;
  for (const Tensor& tensor : tensors) {
    Shape other = tensor.shape();
    if (other.size() != shape.size() || tensor.type() != first.type()) {
      return Error{ErrorKind::failed,
                   "cannot concatenate " + shapeText(first.shape()) + " and " + shapeText(tensor.shape())};
    }
    shape[axis] += other[axis];
    other[axis] = first.shape()[axis];
    if (other != first.shape()) {
      return Error{ErrorKind::failed, "cannot concatenate " + shapeText(first.shape()) + " and " +
                                          shapeText(tensor.shape()) + " along axis " + std::to_string(axis)};
    }
  }
  std::size_t outer = 1;
  std::size_t inner = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    (i < axis ? outer : inner) *= i == axis ? 1 : static_cast<std::size_t>(shape[i]);
  }
  if (first.type() == ElementType::string) {
    std::vector<std::string> strings;
    for (std::size_t row = 0; row < outer; ++row) {
      for (const Tensor& tensor : tensors) {
        const std::size_t length = tensor.count() / std::max<std::size_t>(outer, 1);
        const auto part = tensor.strings().subspan(row * length, length);
        strings.insert(strings.end(), part.begin(), part.end());
      }
    }
    return Tensor::ofStrings(shape, std::move(strings));
  }
  const int bits = elementBits(first.type());
  if (bits < 8) {
    return Error{ErrorKind::unsupported, "packed elements cannot be concatenated"};
  }
  const std::size_t elementBytes = static_cast<std::size_t>(bits) / 8;
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  HALFSTEP_TRY(std::shared_ptr<std::byte> owner, allocateBytes(count * elementBytes));
  std::byte* out = owner.get();
  for (std::size_t row = 0; row < outer; ++row) {
    for (const Tensor& tensor : tensors) {
      const std::size_t bytes = static_cast<std::size_t>(tensor.shape()[axis]) * inner * elementBytes;
      if (bytes > 0) {
        std::memcpy(out, tensor.bytes().data() + row * bytes, bytes);
      }
      out += bytes;
    }
  }
  const std::byte* data = owner.get();
  return Tensor::share(first.type(), shape, std::move(owner), {data, count * elementBytes});
}

Result<Tensor> sliced(const Tensor& tensor, std::size_t axis, std::int64_t first, std::int64_t count) {
  if (axis >= tensor.shape().size() || first < 0 || count < 0 || count > tensor.shape()[axis] ||
      first > tensor.shape()[axis] - count) {
    return outside();
  }
  const std::vector<std::int64_t> strides = rowMajorStrides(tensor.shape());
  Shape shape = tensor.shape();
  shape[axis] = count;
  return densified(tensor, shape, strides, first * strides[axis]);
}

Result<Shape> broadcastShape(const Shape& a, const Shape& b) {
  Shape shape(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < shape.size(); ++i) { // from the last axis on
    const std::int64_t left = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t right = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (left != right && left != 1 && right != 1) {
      return Error{ErrorKind::failed,
                   "shapes " + shapeText(a) + " and " + shapeText(b) + " do not broadcast"};
    }
    shape[shape.size() - 1 - i] = left == 1 ? right : left;
  }
  return shape;
}

std::vector<std::int64_t> broadcastStrides(const Shape& shape, const Shape& to) {
  const std::vector<std::int64_t> own = rowMajorStrides(shape);
  std::vector<std::int64_t> strides(to.size(), 0);
  const std::size_t missing = to.size() - std::min(to.size(), shape.size());
  for (std::size_t axis = missing; axis < to.size(); ++axis) {
    strides[axis] = shape[axis - missing] == 1 ? 0 : own[axis - missing];
  }
  return strides;
}

Result<Tensor> broadcasted(const Tensor& tensor, const Shape& shape) {
  if (tensor.shape() == shape) {
    return tensor;
  }
  HALFSTEP_TRY(const Shape joined, broadcastShape(tensor.shape(), shape));
  if (joined != shape) {
    return Error{ErrorKind::failed,
                 "the shape " + shapeText(tensor.shape()) + " does not broadcast to " + shapeText(shape)};
  }
  return densified(tensor, shape, broadcastStrides(tensor.shape(), shape));
}

} // namespace halfstep
