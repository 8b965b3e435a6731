#include "core/model/graph.h"

#include <span>

namespace halfstep {

namespace {

template <class T>
const T* find(const Node& node, std::string_view attribute) {
  const auto found = node.attributes.find(std::string(attribute));
  return found == node.attributes.end() ? nullptr : std::get_if<T>(&found->second);
}

/// `values` as a tensor of `shape`, whose element count they have.
template <class T>
Tensor ofNumbers(ElementType type, Shape shape, std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  return Tensor::own(type, std::move(shape), {bytes.begin(), bytes.end()}).value();
}

template <class T>
Shape lengthOf(const std::vector<T>& values) {
  return {static_cast<std::int64_t>(values.size())};
}

} // namespace

std::int64_t Node::integer(std::string_view attribute, std::int64_t fallback) const {
  const auto* value = find<std::int64_t>(*this, attribute);
  return value == nullptr ? fallback : *value;
}

float Node::real(std::string_view attribute, float fallback) const {
  const auto* value = find<float>(*this, attribute);
  return value == nullptr ? fallback : *value;
}

std::string Node::text(std::string_view attribute, std::string fallback) const {
  const auto* value = find<std::string>(*this, attribute);
  return value == nullptr ? fallback : *value;
}

std::vector<std::int64_t> Node::integers(std::string_view attribute) const {
  const auto* value = find<std::vector<std::int64_t>>(*this, attribute);
  return value == nullptr ? std::vector<std::int64_t>{} : *value;
}

std::string dimensionsText(const ValueInfo& info) {
  if (!info.hasShape) {
    return "?";
  }
  std::string text = "[";
  for (std::size_t i = 0; i < info.shape.size(); ++i) {
    const Dimension& dimension = info.shape[i];
    text += i == 0 ? "" : ", ";
    text += dimension.value >= 0 ? std::to_string(dimension.value)
                                 : (dimension.name.empty() ? "?" : dimension.name);
  }
  return text + "]";
}

std::optional<Tensor> constantNodeValue(const Node& node) {
  if (node.opType != "Constant" || !node.domain.empty()) {
    return std::nullopt;
  }
  for (const char* attribute : {"value", "sparse_value"}) {
    if (const auto* tensor = find<Tensor>(node, attribute); tensor != nullptr) {
      return *tensor;
    }
  }
  if (const auto* value = find<float>(node, "value_float"); value != nullptr) {
    return ofNumbers<float>(ElementType::float32, {}, std::span(value, 1));
  }
  if (const auto* values = find<std::vector<float>>(node, "value_floats"); values != nullptr) {
    return ofNumbers<float>(ElementType::float32, lengthOf(*values), *values);
  }
  if (const auto* value = find<std::int64_t>(node, "value_int"); value != nullptr) {
    return ofNumbers<std::int64_t>(ElementType::int64, {}, std::span(value, 1));
  }
  if (const auto* values = find<std::vector<std::int64_t>>(node, "value_ints"); values != nullptr) {
    return ofNumbers<std::int64_t>(ElementType::int64, lengthOf(*values), *values);
  }
  if (const auto* value = find<std::string>(node, "value_string"); value != nullptr) {
    return Tensor::ofStrings({}, {*value}).value();
  }
  if (const auto* values = find<std::vector<std::string>>(node, "value_strings"); values != nullptr) {
    return Tensor::ofStrings(lengthOf(*values), *values).value();
  }
  return std::nullopt;
}

const Tensor* Graph::constant(std::string_view tensorName) const {
  const std::string key(tensorName);
  if (const auto found = initializers.find(key); found != initializers.end()) {
    return &found->second;
  }
  const auto found = nodeConstants.find(key);
  return found == nodeConstants.end() ? nullptr : &found->second;
}

void Graph::indexConstants() {
  for (const Node& node : nodes) {
    if (node.outputs.size() == 1 && !node.outputs[0].empty()) {
      if (auto value = constantNodeValue(node)) {
        nodeConstants.insert_or_assign(node.outputs[0], std::move(*value));
      }
    }
  }
}

void Graph::addInitializer(std::string tensorName, Tensor tensor) {
  const auto [position, added] = initializers.insert_or_assign(tensorName, std::move(tensor));
  if (added) {
    initializerNames.push_back(std::move(tensorName));
  }
  static_cast<void>(position);
}

} // namespace halfstep
