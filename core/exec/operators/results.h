// Small things that many operator families share.
#pragma once

#include "core/exec/elements.h"
#include "core/exec/operator_call.h"
#include "core/kernels/pack.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace halfstep {

/// The result of an operator with one output.
inline OpResult oneOutput(Result<Tensor> tensor) {
  if (!tensor) {
    return std::move(tensor.error());
  }
  return std::vector<Value>{std::move(*tensor)};
}

/// Input `index`, undefined where it is left out.
inline Result<Tensor> optionalTensor(const OpCall& call, std::size_t index) {
  return call.has(index) ? call.tensor(index) : Result<Tensor>(Tensor());
}

/// A dimension of a shape that is known to be valid, as a size.
inline std::size_t dimensionOf(const Shape& shape, std::size_t axis) {
  return static_cast<std::size_t>(shape[axis]);
}

/// The product of the dimensions `first`…`last`−1.
inline std::size_t dimensionsProduct(const Shape& shape, std::size_t first, std::size_t last) {
  std::size_t product = 1;
  for (std::size_t axis = first; axis < last; ++axis) {
    product *= dimensionOf(shape, axis);
  }
  return product;
}

/// `value` as a T: integers saturate and lose their fraction; NaN becomes 0.
template <class T>
T saturated(double value) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(value);
  } else {
    if (std::isnan(value)) {
      return T{0};
    }
    if (value <= static_cast<double>(std::numeric_limits<T>::min())) {
      return std::numeric_limits<T>::min();
    }
    if (value >= static_cast<double>(std::numeric_limits<T>::max())) {
      return std::numeric_limits<T>::max();
    }
    return static_cast<T>(value);
  }
}

/// Codes of at most 8 bits as a tensor of `type`, packed as ONNX does.
inline Result<Tensor> packedCodes(const Shape& shape, ElementType type, std::span<const std::int32_t> codes) {
  const int bits = elementBits(type);
  std::vector<std::uint8_t> packed(kernels::packedSize(codes.size(), bits));
  kernels::packCodes(codes, bits, packed);
  const auto bytes = std::as_bytes(std::span(packed));
  return Tensor::own(type, shape, std::vector<std::byte>(bytes.begin(), bytes.end()));
}

/// The floats of an input with `count` elements; of any number where `count` is 0.
inline Result<std::vector<float>> floatsAt(const OpCall& call, std::size_t index, std::size_t count) {
  HALFSTEP_TRY(const Tensor tensor, call.tensor(index));
  if (count != 0 && tensor.count() != count) {
    return call.fail("input " + std::to_string(index) + " has " + std::to_string(tensor.count()) +
                     " elements, expected " + std::to_string(count));
  }
  return toFloats(tensor, call.job());
}

/// A float32 tensor of these values. Error: the shape does not have as many.
inline Result<Tensor> floatTensor(const Shape& shape, std::span<const float> values) {
  HALFSTEP_TRY(const auto made, newTensor<float>(shape));
  if (made.values.size() != values.size()) {
    return Error{ErrorKind::failed, "the shape " + shapeText(shape) + " does not fit its values"};
  }
  std::copy(values.begin(), values.end(), made.values.begin());
  return made.finish();
}

} // namespace halfstep
