// For operators whose inputs and outputs may be of different floating-point types, so that
// Widening::floats, which gives every result the same one, does not serve them. Internal to
// core/exec/operators.
#pragma once

#include "core/exec/elements.h"
#include "core/exec/operators/axis_rows.h"
#include "core/exec/widening.h"

#include <algorithm>

namespace halfstep {

inline bool isHalf(ElementType type) {
  return type == ElementType::float16 || type == ElementType::bfloat16;
}

/// float16 and bfloat16 as float32; others as they are.
inline Result<Tensor> widened(Tensor tensor) {
  if (isHalf(tensor.type())) {
    return asFloat32(tensor);
  }
  return tensor;
}

/// A float32 tensor rounded to `type` if that is float16 or bfloat16; otherwise as it is.
inline Result<Tensor> narrowedBack(Tensor tensor, ElementType type) {
  if (isHalf(type)) {
    return narrowed(tensor, type);
  }
  return tensor;
}

/// Values as a tensor of any of the types float16, bfloat16, float32 and float64. Error: another type.
inline Result<Tensor> floatTensor(const std::vector<double>& values, const Shape& shape, ElementType type) {
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  if (count != values.size() ||
      !(isHalf(type) || type == ElementType::float32 || type == ElementType::float64)) {
    return Error{ErrorKind::failed, "there is no such tensor of " + std::string(elementTypeName(type))};
  }
  if (type == ElementType::float64) {
    HALFSTEP_TRY(const NewTensor<double> made, newTensor<double>(shape));
    std::copy(values.begin(), values.end(), made.values.begin());
    return made.finish();
  }
  HALFSTEP_TRY(const NewTensor<float> made, newTensor<float>(shape));
  std::transform(values.begin(), values.end(), made.values.begin(),
                 [](double value) { return static_cast<float>(value); });
  return narrowedBack(made.finish(), type);
}

/// A tensor of any type of numbers whose elements are value(0), value(1), …
template <class F>
Result<Tensor> generatedTensor(const Shape& shape, ElementType type, F value) {
  const ElementType wide = isHalf(type) ? ElementType::float32 : type;
  return dispatchNumbers(wide, [&]<class T>(TypeTag<T>) -> Result<Tensor> {
    HALFSTEP_TRY(const NewTensor<T> made, newTensor<T>(shape, wide));
    for (std::size_t i = 0; i < made.values.size(); ++i) {
      made.values[i] = fromDouble<T>(value(i));
    }
    return narrowedBack(made.finish(), type);
  });
}

/// The elements of a small tensor of numbers.
inline std::vector<double> doublesOf(const Tensor& tensor) {
  std::vector<double> values(tensor.count());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = tensor.valueAt(i);
  }
  return values;
}

} // namespace halfstep
