// What flows along an edge of a running graph: a tensor, a sequence, or nothing (an optional that is empty,
// an input left out). Immutable; copies share.
#pragma once

#include "core/tensor/tensor.h"

#include <memory>
#include <variant>
#include <vector>

namespace halfstep {

class Value {
public:
  Value() = default;
  Value(Tensor tensor)
      : m_content(std::move(tensor)) {}
  static Value sequence(std::vector<Value> items) {
    Value value;
    value.m_content = std::make_shared<const std::vector<Value>>(std::move(items));
    return value;
  }

  bool isAbsent() const { return m_content.index() == 0; }
  bool isTensor() const { return m_content.index() == 1; }
  bool isSequence() const { return m_content.index() == 2; }
  /// Only where isTensor().
  const Tensor& tensor() const { return std::get<Tensor>(m_content); }
  /// Only where isSequence().
  const std::vector<Value>& items() const {
    return *std::get<std::shared_ptr<const std::vector<Value>>>(m_content);
  }

private:
  std::variant<std::monostate, Tensor, std::shared_ptr<const std::vector<Value>>> m_content;
};

} // namespace halfstep
