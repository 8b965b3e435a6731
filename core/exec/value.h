// What flows along an edge of a running graph: a tensor, a sequence, or nothing (an optional that is empty,
// an input left out). Immutable; copies share.
#pragma once

#include "core/tensor/tensor.h"

#include <memory>
#include <mutex>
#include <variant>
#include <vector>

namespace halfstep {

/// A tensor in a layout of its own, as an operator left it for others that understand it. Immutable; any
/// thread.
class LazyTensor {
public:
  virtual ~LazyTensor() = default;
  const Shape& shape() const { return m_shape; }
  /// The same elements row-major; made at the first call. May throw std::bad_alloc.
  const Tensor& plain() const {
    std::call_once(m_once, [this] { m_plain = makePlain(); });
    return m_plain;
  }

protected:
  explicit LazyTensor(Shape shape)
      : m_shape(std::move(shape)) {}
  virtual Tensor makePlain() const = 0;

private:
  Shape m_shape;
  mutable std::once_flag m_once;
  mutable Tensor m_plain;
};

class Value {
public:
  Value() = default;
  Value(std::shared_ptr<const LazyTensor> tensor)
      : m_content(std::move(tensor)) {}
  Value(Tensor tensor)
      : m_content(std::move(tensor)) {}
  static Value sequence(std::vector<Value> items) {
    Value value;
    value.m_content = std::make_shared<const std::vector<Value>>(std::move(items));
    return value;
  }

  bool isAbsent() const { return m_content.index() == 0; }
  bool isTensor() const { return m_content.index() == 1 || m_content.index() == 3; }
  bool isSequence() const { return m_content.index() == 2; }
  /// Only where isTensor().
  const Tensor& tensor() const {
    const auto* lazy = std::get_if<std::shared_ptr<const LazyTensor>>(&m_content);
    return lazy != nullptr ? (*lazy)->plain() : std::get<Tensor>(m_content);
  }
  /// The tensor in its own layout; null for plain ones.
  const LazyTensor* lazy() const {
    const auto* lazy = std::get_if<std::shared_ptr<const LazyTensor>>(&m_content);
    return lazy != nullptr ? lazy->get() : nullptr;
  }
  /// Only where isSequence().
  const std::vector<Value>& items() const {
    return *std::get<std::shared_ptr<const std::vector<Value>>>(m_content);
  }

private:
  std::variant<std::monostate, Tensor, std::shared_ptr<const std::vector<Value>>,
               std::shared_ptr<const LazyTensor>>
      m_content;
};

} // namespace halfstep
