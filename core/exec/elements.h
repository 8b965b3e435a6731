// Typed access to a tensor's elements for the operators: reading, making, and choosing code by element type.
#pragma once

#include "core/tensor/tensor.h"

#include <algorithm>
#include <complex>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace halfstep {

/// The element type that holds T. A boolean's bytes are read as std::uint8_t.
template <class T>
constexpr ElementType elementTypeOf() {
  if constexpr (std::is_same_v<T, float>) {
    return ElementType::float32;
  } else if constexpr (std::is_same_v<T, double>) {
    return ElementType::float64;
  } else if constexpr (std::is_same_v<T, std::int8_t>) {
    return ElementType::int8;
  } else if constexpr (std::is_same_v<T, std::int16_t>) {
    return ElementType::int16;
  } else if constexpr (std::is_same_v<T, std::int32_t>) {
    return ElementType::int32;
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return ElementType::int64;
  } else if constexpr (std::is_same_v<T, std::uint8_t>) {
    return ElementType::uint8;
  } else if constexpr (std::is_same_v<T, std::uint16_t>) {
    return ElementType::uint16;
  } else if constexpr (std::is_same_v<T, std::uint32_t>) {
    return ElementType::uint32;
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    return ElementType::uint64;
  } else {
    static_assert(std::is_same_v<T, std::complex<float>>);
    return ElementType::complex64;
  }
}

/// The elements of a tensor of a T-sized type, where they lie, or copied if they are not aligned there. Keeps
/// the tensor alive.
template <class T>
class Elements {
public:
  /// `tensor` should have elements of sizeof(T) bytes: operators check the types of their inputs. Where one
  /// did not, nothing beyond the tensor's bytes is read; what is missing is zero.
  explicit Elements(Tensor tensor)
      : m_tensor(std::move(tensor)) {
    const std::span<const std::byte> bytes = m_tensor.bytes();
    const bool fits = bytes.size() == m_tensor.count() * sizeof(T);
    if (fits && reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(T) == 0) {
      m_data = reinterpret_cast<const T*>(bytes.data());
    } else {
      m_copy.resize(m_tensor.count());
      if (!bytes.empty()) {
        std::memcpy(m_copy.data(), bytes.data(), std::min(bytes.size(), m_copy.size() * sizeof(T)));
      }
      m_data = m_copy.data();
    }
  }
  Elements(const Elements&) = delete;
  Elements& operator=(const Elements&) = delete;

  std::size_t size() const { return m_tensor.count(); }
  const T* data() const { return m_data; }
  const T& operator[](std::size_t index) const { return m_data[index]; }
  std::span<const T> span() const { return {m_data, size()}; }
  const T* begin() const { return m_data; }
  const T* end() const { return m_data + size(); }

private:
  Tensor m_tensor;
  std::vector<T> m_copy;
  const T* m_data;
};

/// Uninitialised memory for `bytes`, aligned for vectors. Error: more than this machine has left.
Result<std::shared_ptr<std::byte>> allocateBytes(std::size_t bytes);

/// A tensor while it is filled.
template <class T>
struct NewTensor {
  Shape shape;
  ElementType type;
  std::shared_ptr<std::byte> owner;
  std::span<T> values; ///< not initialised

  /// Done: the same memory as an immutable tensor.
  Tensor finish() const {
    return Tensor::share(type, shape, owner, std::as_bytes(std::span<const T>(values.data(), values.size())))
        .value();
  }
};

/// Errors: a shape that is none, or too large for this machine.
template <class T>
Result<NewTensor<T>> newTensor(const Shape& shape, ElementType type = elementTypeOf<T>()) {
  HALFSTEP_TRY(const std::size_t count, elementCount(shape));
  HALFSTEP_TRY(std::shared_ptr<std::byte> owner, allocateBytes(count * sizeof(T)));
  T* data = reinterpret_cast<T*>(owner.get());
  return NewTensor<T>{shape, type, std::move(owner), {data, count}};
}

/// One- or zero-dimensional tensors from values.
Tensor integersTensor(const std::vector<std::int64_t>& values);
template <class T>
Result<Tensor> scalarTensor(T value) {
  HALFSTEP_TRY(NewTensor<T> made, newTensor<T>({}));
  made.values[0] = value;
  return made.finish();
}

/// The same bytes with another shape of as many elements.
Result<Tensor> reshaped(const Tensor& tensor, Shape shape);

/// A tag for generic lambdas: `[&]<class T>(TypeTag<T>)`.
template <class T>
struct TypeTag {
  using type = T;
};

/// f(TypeTag<T>()) for the number type T of `type`: float, double and the whole integers; `boolean` as
/// std::uint8_t. `otherwise(type)` for the rest.
template <class F, class Otherwise>
auto dispatchNumbers(ElementType type, F&& f, Otherwise&& otherwise) -> decltype(f(TypeTag<float>())) {
  switch (type) {
  case ElementType::float32:
    return f(TypeTag<float>());
  case ElementType::float64:
    return f(TypeTag<double>());
  case ElementType::int8:
    return f(TypeTag<std::int8_t>());
  case ElementType::int16:
    return f(TypeTag<std::int16_t>());
  case ElementType::int32:
    return f(TypeTag<std::int32_t>());
  case ElementType::int64:
    return f(TypeTag<std::int64_t>());
  case ElementType::uint8:
  case ElementType::boolean:
    return f(TypeTag<std::uint8_t>());
  case ElementType::uint16:
    return f(TypeTag<std::uint16_t>());
  case ElementType::uint32:
    return f(TypeTag<std::uint32_t>());
  case ElementType::uint64:
    return f(TypeTag<std::uint64_t>());
  default:
    return otherwise(type);
  }
}

/// The same with an error for other types.
template <class F>
auto dispatchNumbers(ElementType type, F&& f) -> decltype(f(TypeTag<float>())) {
  return dispatchNumbers(type, f, [](ElementType other) -> decltype(f(TypeTag<float>())) {
    return Error{ErrorKind::unsupported,
                 "elements of type " + std::string(elementTypeName(other)) + " are not supported here"};
  });
}

} // namespace halfstep
