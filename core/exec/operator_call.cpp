#include "core/exec/operator_call.h"

namespace halfstep {

Result<Tensor> OpCall::tensor(std::size_t index) const {
  if (!has(index)) {
    return fail("input " + std::to_string(index) + " is missing");
  }
  if (!m_inputs[index].isTensor()) {
    return fail("input " + std::to_string(index) + " is no tensor");
  }
  return m_inputs[index].tensor();
}

Result<std::vector<std::int64_t>> OpCall::integers(std::size_t index) const {
  HALFSTEP_TRY(const Tensor values, tensor(index));
  return toIntegers(values);
}

Result<double> OpCall::scalar(std::size_t index) const {
  HALFSTEP_TRY(const Tensor value, tensor(index));
  if (value.count() != 1) {
    return fail("input " + std::to_string(index) + " has " + std::to_string(value.count()) +
                " elements, expected 1");
  }
  return value.valueAt(0);
}

bool OpCall::hasAttribute(std::string_view name) const {
  return m_node.attributes.find(std::string(name)) != m_node.attributes.end();
}

std::vector<float> OpCall::reals(std::string_view name) const {
  const auto found = m_node.attributes.find(std::string(name));
  const auto* values =
      found != m_node.attributes.end() ? std::get_if<std::vector<float>>(&found->second) : nullptr;
  return values != nullptr ? *values : std::vector<float>();
}

std::vector<std::string> OpCall::texts(std::string_view name) const {
  const auto found = m_node.attributes.find(std::string(name));
  const auto* values =
      found != m_node.attributes.end() ? std::get_if<std::vector<std::string>>(&found->second) : nullptr;
  return values != nullptr ? *values : std::vector<std::string>();
}

Result<std::shared_ptr<const Graph>> OpCall::graph(std::string_view name) const {
  const auto found = m_node.attributes.find(std::string(name));
  const auto* graph =
      found != m_node.attributes.end() ? std::get_if<std::shared_ptr<const Graph>>(&found->second) : nullptr;
  if (graph == nullptr || *graph == nullptr) {
    return fail("the attribute " + std::string(name) + " is no graph");
  }
  return *graph;
}

Result<std::size_t> normalizedAxis(std::int64_t axis, std::size_t rank) {
  const auto axes = static_cast<std::int64_t>(rank);
  if (axis < -axes || axis >= axes) {
    return Error{ErrorKind::failed,
                 "axis " + std::to_string(axis) + " of a tensor of " + std::to_string(rank) + " dimensions"};
  }
  return static_cast<std::size_t>(axis < 0 ? axis + axes : axis);
}

} // namespace halfstep
