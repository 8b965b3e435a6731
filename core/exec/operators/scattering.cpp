// ScatterElements, ScatterND and TensorScatter. Each makes a list of places of the result and the updates
// that go there, in order; plain replacement moves elements of any type, reductions compute.
#include "core/exec/operators/scattering.h"

#include "core/exec/operators/results.h"
#include "core/exec/rearrange.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace halfstep {

namespace {

/// Replaces block places[i] of `data` by block i of `updates`; the last one wins.
Result<Tensor> replaced(const Tensor& data, const Tensor& updates, std::size_t block,
                        std::span<const std::int64_t> places) {
  if (data.count() == 0 || updates.count() == 0) {
    return data;
  }
  if (const int bits = elementBits(data.type()); bits >= 8) { // whole bytes: they go where they belong
    const std::size_t bytes = block * static_cast<std::size_t>(bits) / 8;
    HALFSTEP_TRY(std::shared_ptr<std::byte> owner, allocateBytes(data.bytes().size()));
    const std::span<std::byte> made(owner.get(), data.bytes().size());
    std::copy(data.bytes().begin(), data.bytes().end(), made.begin());
    for (std::size_t i = 0; i < places.size(); ++i) {
      std::memcpy(made.data() + static_cast<std::size_t>(places[i]) * bytes,
                  updates.bytes().data() + i * bytes, bytes);
    }
    return Tensor::share(data.type(), data.shape(), std::move(owner), made);
  }
  HALFSTEP_TRY(const Tensor flatData, reshaped(data, {static_cast<std::int64_t>(data.count())}));
  HALFSTEP_TRY(const Tensor flatUpdates, reshaped(updates, {static_cast<std::int64_t>(updates.count())}));
  const Tensor parts[] = {flatData, flatUpdates};
  HALFSTEP_TRY(const Tensor joined, concatenated(parts, 0));
  const auto blocks = static_cast<std::int64_t>(data.count() / block);
  std::vector<std::int64_t> from(static_cast<std::size_t>(blocks));
  for (std::size_t i = 0; i < from.size(); ++i) {
    from[i] = static_cast<std::int64_t>(i);
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    from[static_cast<std::size_t>(places[i])] = blocks + static_cast<std::int64_t>(i);
  }
  return rearranged(joined, data.shape(), block, from);
}

enum class Reduction { none, add, multiply, minimum, maximum };

Result<Reduction> reductionOf(const OpCall& call) {
  const std::string name = call.text("reduction", "none");
  if (name == "none") {
    return Reduction::none;
  }
  if (name == "add") {
    return Reduction::add;
  }
  if (name == "mul") {
    return Reduction::multiply;
  }
  if (name == "min") {
    return Reduction::minimum;
  }
  if (name == "max") {
    return Reduction::maximum;
  }
  return call.unsupported("the reduction " + name + " is not known");
}

/// Integers wrap around.
template <class T>
T reduced(Reduction reduction, T a, T b) {
  if (reduction == Reduction::minimum || reduction == Reduction::maximum) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(a) || std::isnan(b)) {
        return std::isnan(a) ? a : b;
      }
    }
    return reduction == Reduction::minimum ? std::min(a, b) : std::max(a, b);
  }
  if constexpr (std::is_integral_v<T>) {
    const auto x = static_cast<std::uint64_t>(a);
    const auto y = static_cast<std::uint64_t>(b);
    return static_cast<T>(reduction == Reduction::add ? x + y : x * y);
  } else {
    return reduction == Reduction::add ? a + b : a * b;
  }
}

/// `data` with block i of `updates` taken into block places[i].
Result<Tensor> scattered(const OpCall& call, const Tensor& data, const Tensor& updates, std::size_t block,
                         std::span<const std::int64_t> places) {
  HALFSTEP_TRY(const Reduction reduction, reductionOf(call));
  if (data.type() != updates.type()) {
    return call.fail("the updates are of another type");
  }
  if (reduction == Reduction::none) {
    return replaced(data, updates, block, places);
  }
  return dispatchNumbers(data.type(), [&]<class T>(TypeTag<T>) -> Result<Tensor> {
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(data.shape(), data.type()));
    const Elements<T> old(data);
    const Elements<T> other(updates);
    std::copy(old.begin(), old.end(), made.values.begin());
    for (std::size_t i = 0; i < places.size(); ++i) {
      T* to = made.values.data() + static_cast<std::size_t>(places[i]) * block;
      for (std::size_t k = 0; k < block; ++k) {
        to[k] = reduced(reduction, to[k], other[i * block + k]);
      }
    }
    return made.finish();
  });
}

} // namespace

OpResult scatterElements(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const Tensor indices, call.tensor(1));
  HALFSTEP_TRY(const Tensor updates, call.tensor(2));
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", 0), data.shape().size()));
  if (indices.shape() != updates.shape() || indices.shape().size() != data.shape().size()) {
    return call.fail("indices of " + shapeText(indices.shape()) + " and updates of " +
                     shapeText(updates.shape()) + " do not fit " + shapeText(data.shape()));
  }
  HALFSTEP_TRY(std::vector<std::int64_t> places, toIntegers(indices));
  for (std::size_t k = 0; k < data.shape().size() && !places.empty(); ++k) {
    if (k != axis && indices.shape()[k] > data.shape()[k]) {
      return call.fail("indices of " + shapeText(indices.shape()) + " reach beyond " +
                       shapeText(data.shape()));
    }
  }
  const std::vector<std::int64_t> strides = rowMajorStrides(data.shape());
  const std::int64_t length = data.shape()[axis];
  std::vector<std::int64_t> at(data.shape().size(), 0);
  for (std::int64_t& place : places) {
    if (place < -length || place >= length) {
      return call.fail("the index " + std::to_string(place) + " lies outside " + shapeText(data.shape()));
    }
    std::int64_t offset = (place < 0 ? place + length : place) * strides[axis];
    for (std::size_t k = 0; k < at.size(); ++k) {
      offset += k == axis ? 0 : at[k] * strides[k];
    }
    place = offset;
    for (std::size_t k = at.size(); k-- > 0;) {
      if (++at[k] < indices.shape()[k]) {
        break;
      }
      at[k] = 0;
    }
  }
  return oneOutput(scattered(call, data, updates, 1, places));
}

namespace {

/// Which block of `shape` each index of ScatterND names. Error: one that lies outside.
Result<std::vector<std::int64_t>> placesOf(const OpCall& call, const Tensor& indices, const Shape& shape) {
  const auto depth = static_cast<std::size_t>(indices.shape().back());
  HALFSTEP_TRY(const std::vector<std::int64_t> numbers, toIntegers(indices));
  std::vector<std::int64_t> places(dimensionsProduct(indices.shape(), 0, indices.shape().size() - 1), 0);
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (std::size_t k = 0; k < depth; ++k) {
      const std::int64_t length = shape[k];
      const std::int64_t index = numbers[i * depth + k];
      if (index < -length || index >= length) {
        return call.fail("the index " + std::to_string(index) + " lies outside " + shapeText(shape));
      }
      places[i] = places[i] * length + (index < 0 ? index + length : index);
    }
  }
  return places;
}

/// What constant indices came to for this shape.
struct KeptPlaces {
  Tensor indices; ///< held, so that its bytes are at no other's address
  Shape shape;
  std::vector<std::int64_t> places;
};

/// The same, kept from run to run where the indices are constant.
Result<std::shared_ptr<const KeptPlaces>> keptPlaces(const OpCall& call, const Tensor& indices,
                                                     const Shape& shape) {
  NodeMemory* memory = call.isConstant(1) ? call.memory() : nullptr;
  if (memory != nullptr) {
    const std::scoped_lock lock(memory->mutex);
    const auto kept = std::static_pointer_cast<const KeptPlaces>(memory->content);
    if (kept != nullptr && kept->indices.bytes().data() == indices.bytes().data() &&
        kept->indices.shape() == indices.shape() && kept->shape == shape) {
      return kept;
    }
  }
  auto made = std::make_shared<KeptPlaces>();
  made->indices = indices;
  made->shape = shape;
  HALFSTEP_TRY(made->places, placesOf(call, indices, shape));
  if (memory != nullptr) {
    const std::scoped_lock lock(memory->mutex);
    memory->content = made;
  }
  return std::shared_ptr<const KeptPlaces>(std::move(made));
}

} // namespace

OpResult scatterNd(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const Tensor indices, call.tensor(1));
  HALFSTEP_TRY(const Tensor updates, call.tensor(2));
  const std::size_t rank = data.shape().size();
  if (indices.shape().empty() || rank == 0 || indices.shape().back() > static_cast<std::int64_t>(rank)) {
    return call.fail("indices of " + shapeText(indices.shape()) + " do not fit " + shapeText(data.shape()));
  }
  const auto depth = static_cast<std::size_t>(indices.shape().back());
  Shape expected(indices.shape().begin(), indices.shape().end() - 1);
  expected.insert(expected.end(), data.shape().begin() + static_cast<std::ptrdiff_t>(depth),
                  data.shape().end());
  if (updates.shape() != expected) {
    return call.fail("the updates are " + shapeText(updates.shape()) + ", expected " + shapeText(expected));
  }
  const std::size_t block = dimensionsProduct(data.shape(), depth, rank);
  const std::size_t count = dimensionsProduct(indices.shape(), 0, indices.shape().size() - 1);
  if (block == 0 || count == 0) {
    return std::vector<Value>{data};
  }
  HALFSTEP_TRY(const auto kept, keptPlaces(call, indices, data.shape()));
  return oneOutput(scattered(call, data, updates, block, kept->places));
}

/// Writes new entries into a cache of keys or values, from a place of its own for each batch entry.
OpResult tensorScatter(const OpCall& call) {
  HALFSTEP_TRY(const Tensor cache, call.tensor(0));
  HALFSTEP_TRY(const Tensor updates, call.tensor(1));
  const std::size_t rank = cache.shape().size();
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", -2), rank));
  const std::string mode = call.text("mode", "linear");
  Shape expected = cache.shape();
  if (axis == 0 || updates.shape().size() != rank || updates.type() != cache.type() ||
      (mode != "linear" && mode != "circular")) {
    return call.fail("updates of " + shapeText(updates.shape()) + " do not fit " + shapeText(cache.shape()));
  }
  if (cache.count() == 0) {
    return std::vector<Value>{cache};
  }
  expected[axis] = updates.shape()[axis];
  std::vector<std::int64_t> starts(dimensionOf(cache.shape(), 0), 0);
  if (call.has(2)) {
    HALFSTEP_TRY(starts, call.integers(2));
  }
  const std::int64_t length = cache.shape()[axis];
  const std::int64_t added = updates.shape()[axis];
  if (updates.shape() != expected || starts.size() != dimensionOf(cache.shape(), 0) || added > length) {
    return call.fail("updates of " + shapeText(updates.shape()) + " do not fit " + shapeText(cache.shape()));
  }
  for (const std::int64_t start : starts) {
    if (start < 0 || start >= std::max<std::int64_t>(length, 1) ||
        (mode == "linear" && start + added > length)) {
      return call.fail("the place " + std::to_string(start) + " lies outside " + shapeText(cache.shape()));
    }
  }
  const std::size_t block = dimensionsProduct(cache.shape(), axis + 1, rank);
  if (updates.count() == 0) {
    return std::vector<Value>{cache};
  }
  std::vector<std::int64_t> places(updates.count() / block);
  const std::size_t rowsPerBatch = dimensionsProduct(cache.shape(), 1, axis);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::size_t row = i / static_cast<std::size_t>(added);
    const std::int64_t step = static_cast<std::int64_t>(i) % added;
    places[i] = static_cast<std::int64_t>(row) * length + (starts[row / rowsPerBatch] + step) % length;
  }
  return oneOutput(replaced(cache, updates, block, places));
}

} // namespace halfstep
