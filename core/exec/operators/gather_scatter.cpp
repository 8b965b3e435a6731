// Operators that pick elements by index or condition: Gather and its relatives, OneHot, Compress, NonZero,
// Unique, ReverseSequence. Those that write at indices are in scattering.cpp.
#include "core/exec/operator_families.h"
#include "core/exec/operators/results.h"
#include "core/exec/operators/scattering.h"
#include "core/exec/rearrange.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace halfstep {

namespace {

/// Slices without elements cost no memory until they are counted.
constexpr std::size_t kMostEmpty = std::size_t{1} << 24;

using Places = NewTensor<std::int64_t>;

/// Room for `count` indices, where their number comes from a model.
Result<Places> newPlaces(std::size_t count) {
  return newTensor<std::int64_t>({static_cast<std::int64_t>(count)});
}

Error outside(const OpCall& call, std::int64_t index, const Shape& shape) {
  return call.fail("the index " + std::to_string(index) + " lies outside " + shapeText(shape));
}

OpResult gather(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const Tensor indices, call.tensor(1));
  const Shape& from = data.shape();
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", 0), from.size()));
  HALFSTEP_TRY(const std::vector<std::int64_t> numbers, toIntegers(indices));
  Shape shape(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), indices.shape().begin(), indices.shape().end());
  shape.insert(shape.end(), from.begin() + static_cast<std::ptrdiff_t>(axis) + 1, from.end());
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  const std::int64_t length = from[axis];
  for (const std::int64_t index : numbers) {
    if (index < -length || index >= length) {
      return outside(call, index, from);
    }
  }
  if (count == 0) {
    return oneOutput(rearranged(data, shape, 1, {}));
  }
  const std::size_t block = dimensionsProduct(from, axis + 1, from.size());
  HALFSTEP_TRY(const Places places, newPlaces(count / block));
  for (std::size_t i = 0; i < places.values.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i / numbers.size());
    const std::int64_t index = numbers[i % numbers.size()];
    places.values[i] = row * length + (index < 0 ? index + length : index);
  }
  return oneOutput(rearranged(data, shape, block, places.values));
}

OpResult gatherElements(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const Tensor indices, call.tensor(1));
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", 0), data.shape().size()));
  HALFSTEP_TRY(std::vector<std::int64_t> places, toIntegers(indices));
  const Shape& shape = indices.shape();
  bool fits = shape.size() == data.shape().size();
  for (std::size_t k = 0; fits && k < shape.size(); ++k) {
    fits = k == axis || shape[k] <= data.shape()[k];
  }
  if (!fits) {
    return call.fail("indices of " + shapeText(shape) + " do not fit " + shapeText(data.shape()));
  }
  const std::vector<std::int64_t> strides = rowMajorStrides(data.shape());
  const std::int64_t length = data.shape()[axis];
  std::vector<std::int64_t> at(shape.size(), 0);
  for (std::int64_t& place : places) {
    if (place < -length || place >= length) {
      return outside(call, place, data.shape());
    }
    place = (place < 0 ? place + length : place) * strides[axis];
    for (std::size_t k = 0; k < at.size(); ++k) {
      place += k == axis ? 0 : at[k] * strides[k];
    }
    for (std::size_t k = at.size(); k-- > 0;) {
      if (++at[k] < shape[k]) {
        break;
      }
      at[k] = 0;
    }
  }
  return oneOutput(rearranged(data, shape, 1, places));
}

OpResult gatherNd(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const Tensor indices, call.tensor(1));
  const Shape& from = data.shape();
  const Shape& by = indices.shape();
  const std::int64_t batchDims = call.integer("batch_dims", 0);
  const auto smaller = static_cast<std::int64_t>(std::min(from.size(), by.size()));
  if (batchDims < 0 || batchDims >= smaller ||
      by.back() > static_cast<std::int64_t>(from.size()) - batchDims ||
      !std::equal(from.begin(), from.begin() + batchDims, by.begin())) {
    return call.fail("indices of " + shapeText(by) + " do not fit " + shapeText(from));
  }
  const auto batchAxes = static_cast<std::size_t>(batchDims);
  const auto depth = static_cast<std::size_t>(by.back());
  Shape shape(by.begin(), by.end() - 1);
  shape.insert(shape.end(), from.begin() + static_cast<std::ptrdiff_t>(batchAxes + depth), from.end());
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  if (count == 0) {
    return oneOutput(rearranged(data, shape, 1, {}));
  }
  HALFSTEP_TRY(const std::vector<std::int64_t> numbers, toIntegers(indices));
  const std::size_t block = dimensionsProduct(from, batchAxes + depth, from.size());
  const std::size_t perBatch = dimensionsProduct(by, batchAxes, by.size() - 1);
  HALFSTEP_TRY(const Places places, newPlaces(count / block));
  for (std::size_t i = 0; i < places.values.size(); ++i) {
    auto place = static_cast<std::int64_t>(i / perBatch);
    for (std::size_t k = 0; k < depth; ++k) {
      const std::int64_t length = from[batchAxes + k];
      const std::int64_t index = numbers[i * depth + k];
      if (index < -length || index >= length) {
        return outside(call, index, from);
      }
      place = place * length + (index < 0 ? index + length : index);
    }
    places.values[i] = place;
  }
  return oneOutput(rearranged(data, shape, block, places.values));
}

/// Indices outside −depth…depth−1 make a row of off values.
OpResult oneHot(const OpCall& call) {
  constexpr double kLargest = 9e15;
  HALFSTEP_TRY(const Tensor indices, call.tensor(0));
  HALFSTEP_TRY(const double depthNumber, call.scalar(1));
  HALFSTEP_TRY(const Tensor values, call.tensor(2)); // off, on
  HALFSTEP_TRY(const std::size_t axis, normalizedAxis(call.integer("axis", -1), indices.shape().size() + 1));
  if (!(depthNumber >= 0 && depthNumber < kLargest) || values.count() != 2) {
    return call.fail("it takes a depth and two values");
  }
  const auto depth = static_cast<std::int64_t>(depthNumber);
  Shape shape = indices.shape();
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), depth);
  HALFSTEP_TRY(const Places places, newTensor<std::int64_t>(shape));
  std::fill(places.values.begin(), places.values.end(), 0);
  const std::size_t inner = dimensionsProduct(shape, axis + 1, shape.size());
  for (std::size_t i = 0; i < indices.count() && depth > 0; ++i) {
    double index = std::trunc(indices.valueAt(i));
    index += index < 0 ? depthNumber : 0;
    if (index >= 0 && index < static_cast<double>(depth)) {
      const std::size_t row = i / inner * static_cast<std::size_t>(depth) + static_cast<std::size_t>(index);
      places.values[row * inner + i % inner] = 1;
    }
  }
  return oneOutput(rearranged(values, shape, 1, places.values));
}

/// The slices along `axis` that a condition selects; of the flat tensor without `axis`.
OpResult compress(const OpCall& call) {
  HALFSTEP_TRY(Tensor data, call.tensor(0));
  HALFSTEP_TRY(const Tensor condition, call.tensor(1));
  if (condition.type() != ElementType::boolean) {
    return call.fail("its condition is not boolean");
  }
  std::size_t axis = 0;
  if (call.hasAttribute("axis")) {
    HALFSTEP_TRY(axis, normalizedAxis(call.integer("axis", 0), data.shape().size()));
  } else {
    HALFSTEP_TRY(data, reshaped(data, {static_cast<std::int64_t>(data.count())}));
  }
  Shape shape = data.shape();
  const std::int64_t length = shape[axis];
  std::vector<std::int64_t> chosen;
  for (std::size_t i = 0; i < condition.count(); ++i) {
    if (condition.valueAt(i) != 0) {
      if (static_cast<std::int64_t>(i) >= length) {
        return outside(call, static_cast<std::int64_t>(i), shape);
      }
      chosen.push_back(static_cast<std::int64_t>(i));
    }
  }
  shape[axis] = static_cast<std::int64_t>(chosen.size());
  const std::size_t block = dimensionsProduct(shape, axis + 1, shape.size());
  std::vector<std::int64_t> places;
  const auto outer = static_cast<std::int64_t>(dimensionsProduct(shape, 0, axis));
  for (std::int64_t row = 0; row < outer && block > 0 && !chosen.empty(); ++row) {
    for (const std::int64_t index : chosen) {
      places.push_back(row * length + index);
    }
  }
  return oneOutput(rearranged(data, shape, std::max<std::size_t>(block, 1), places));
}

/// The coordinates of the elements that are not zero, one column each. A scalar has no coordinates.
OpResult nonZero(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < data.count(); ++i) {
    const bool set = data.type() == ElementType::string ? !data.strings()[i].empty() : data.valueAt(i) != 0;
    if (set) {
      found.push_back(i);
    }
  }
  const std::size_t rank = data.shape().size();
  const Shape shape{static_cast<std::int64_t>(rank), static_cast<std::int64_t>(found.size())};
  HALFSTEP_TRY(const Places made, newTensor<std::int64_t>(shape));
  for (std::size_t k = 0; k < found.size(); ++k) {
    std::size_t rest = found[k];
    for (std::size_t axis = rank; axis-- > 0;) {
      made.values[axis * found.size() + k] =
          static_cast<std::int64_t>(rest % dimensionOf(data.shape(), axis));
      rest /= dimensionOf(data.shape(), axis);
    }
  }
  return std::vector<Value>{made.finish()};
}

/// Compares two slices: negative, 0 or positive.
using SliceOrder = std::function<int(std::size_t, std::size_t)>;

/// A total order, with NaN as the largest number.
template <class T>
int ordered(const T& a, const T& b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) {
      return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
    }
  }
  return a < b ? -1 : (b < a ? 1 : 0);
}

template <class T>
int orderedSlices(const T* values, std::size_t a, std::size_t b, std::size_t length) {
  for (std::size_t i = 0; i < length; ++i) {
    if (const int order = ordered(values[a * length + i], values[b * length + i]); order != 0) {
      return order;
    }
  }
  return 0;
}

Result<SliceOrder> sliceOrder(const Tensor& slices, std::size_t length) {
  if (slices.type() == ElementType::string) {
    return SliceOrder(
        [=](std::size_t a, std::size_t b) { return orderedSlices(slices.strings().data(), a, b, length); });
  }
  return dispatchNumbers(slices.type(), [&]<class T>(TypeTag<T>) -> Result<SliceOrder> {
    const auto values = std::make_shared<const Elements<T>>(slices);
    return SliceOrder(
        [=](std::size_t a, std::size_t b) { return orderedSlices(values->data(), a, b, length); });
  });
}

struct Groups {
  std::vector<std::int64_t> first; ///< the first slice of each
  std::vector<std::int64_t> group; ///< of each slice
  std::vector<std::int64_t> count; ///< of each group
};

/// Groups of equal slices, in their order or in that of their first occurrence.
Groups groupsOf(std::size_t count, const SliceOrder& order, bool sorted) {
  std::vector<std::size_t> items(count);
  for (std::size_t i = 0; i < count; ++i) {
    items[i] = i;
  }
  std::stable_sort(items.begin(), items.end(), [&](std::size_t a, std::size_t b) { return order(a, b) < 0; });
  std::vector<std::vector<std::size_t>> equal;
  for (const std::size_t item : items) {
    if (equal.empty() || order(equal.back().front(), item) != 0) {
      equal.emplace_back();
    }
    equal.back().push_back(item);
  }
  if (!sorted) {
    std::sort(equal.begin(), equal.end(), [](const auto& a, const auto& b) { return a.front() < b.front(); });
  }
  Groups groups;
  groups.group.resize(count);
  for (const std::vector<std::size_t>& same : equal) {
    for (const std::size_t item : same) {
      groups.group[item] = static_cast<std::int64_t>(groups.first.size());
    }
    groups.first.push_back(static_cast<std::int64_t>(same.front()));
    groups.count.push_back(static_cast<std::int64_t>(same.size()));
  }
  return groups;
}

OpResult unique(const OpCall& call) {
  HALFSTEP_TRY(Tensor data, call.tensor(0));
  std::size_t axis = 0;
  if (call.hasAttribute("axis")) {
    HALFSTEP_TRY(axis, normalizedAxis(call.integer("axis", 0), data.shape().size()));
  } else {
    HALFSTEP_TRY(data, reshaped(data, {static_cast<std::int64_t>(data.count())}));
  }
  std::vector<std::size_t> permutation{axis};
  for (std::size_t k = 0; k < data.shape().size(); ++k) {
    if (k != axis) {
      permutation.push_back(k);
    }
  }
  HALFSTEP_TRY(const Tensor slices, transposed(data, permutation));
  const std::size_t count = dimensionOf(data.shape(), axis);
  const std::size_t length = count == 0 ? 0 : data.count() / count;
  if (length == 0 && count > kMostEmpty) {
    return call.fail("there are too many empty slices");
  }
  HALFSTEP_TRY(const SliceOrder order, sliceOrder(slices, length));
  const Groups groups = groupsOf(count, order, call.integer("sorted", 1) != 0);
  Shape shape = data.shape();
  shape[axis] = static_cast<std::int64_t>(groups.first.size());
  const std::size_t block = dimensionsProduct(shape, axis + 1, shape.size());
  std::vector<std::int64_t> places;
  const auto outer = static_cast<std::int64_t>(dimensionsProduct(shape, 0, axis));
  for (std::int64_t row = 0; row < outer && block > 0 && count > 0; ++row) {
    for (const std::int64_t index : groups.first) {
      places.push_back(row * static_cast<std::int64_t>(count) + index);
    }
  }
  HALFSTEP_TRY(Tensor result, rearranged(data, shape, std::max<std::size_t>(block, 1), places));
  return std::vector<Value>{std::move(result), integersTensor(groups.first), integersTensor(groups.group),
                            integersTensor(groups.count)};
}

/// Reverses the first lengths[b] steps of each batch entry.
OpResult reverseSequence(const OpCall& call) {
  HALFSTEP_TRY(const Tensor data, call.tensor(0));
  HALFSTEP_TRY(const std::vector<std::int64_t> lengths, call.integers(1));
  const Shape& shape = data.shape();
  HALFSTEP_TRY(const std::size_t batchAxis, normalizedAxis(call.integer("batch_axis", 1), shape.size()));
  HALFSTEP_TRY(const std::size_t timeAxis, normalizedAxis(call.integer("time_axis", 0), shape.size()));
  if (batchAxis == timeAxis || lengths.size() != dimensionOf(shape, batchAxis)) {
    return call.fail("its lengths do not fit " + shapeText(shape));
  }
  for (const std::int64_t length : lengths) {
    if (length < 0 || length > shape[timeAxis]) {
      return call.fail("a sequence of " + std::to_string(length) + " steps in " + shapeText(shape));
    }
  }
  const std::size_t inner = std::max(batchAxis, timeAxis) + 1;
  const std::size_t block = dimensionsProduct(shape, inner, shape.size());
  if (data.count() == 0) {
    return std::vector<Value>{data};
  }
  const std::vector<std::int64_t> strides =
      rowMajorStrides(Shape(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(inner)));
  std::vector<std::int64_t> places(data.count() / block);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto place = static_cast<std::int64_t>(i);
    const std::int64_t batch = place / strides[batchAxis] % shape[batchAxis];
    const std::int64_t time = place / strides[timeAxis] % shape[timeAxis];
    const std::int64_t length = lengths[static_cast<std::size_t>(batch)];
    places[i] = time < length ? place + (length - 1 - 2 * time) * strides[timeAxis] : place;
  }
  return oneOutput(rearranged(data, shape, block, places));
}

constexpr Widening kFloats = Widening::floats;

constexpr OperatorEntry kEntries[] = {
    {"", "Compress", compress},
    {"", "Gather", gather},
    {"", "GatherElements", gatherElements},
    {"", "GatherND", gatherNd},
    {"", "NonZero", nonZero},
    {"", "OneHot", oneHot},
    {"", "ReverseSequence", reverseSequence},
    {"", "Scatter", scatterElements},
    {"", "ScatterElements", scatterElements, kFloats},
    {"", "ScatterND", scatterNd, kFloats},
    {"", "TensorScatter", tensorScatter},
    {"", "Unique", unique, kFloats},
};

} // namespace

std::span<const OperatorEntry> gatherScatterOperators() {
  return kEntries;
}

} // namespace halfstep
