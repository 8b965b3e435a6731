#include "core/model/graph.h"

namespace halfstep {

namespace {

template <class T>
const T* find(const Node& node, std::string_view attribute) {
  const auto found = node.attributes.find(std::string(attribute));
  return found == node.attributes.end() ? nullptr : std::get_if<T>(&found->second);
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

const Tensor* Graph::constant(std::string_view tensorName) const {
  const auto found = initializers.find(std::string(tensorName));
  return found == initializers.end() ? nullptr : &found->second;
}

void Graph::addInitializer(std::string tensorName, Tensor tensor) {
  const auto [position, added] = initializers.insert_or_assign(tensorName, std::move(tensor));
  if (added) {
    initializerNames.push_back(std::move(tensorName));
  }
  static_cast<void>(position);
}

} // namespace halfstep
