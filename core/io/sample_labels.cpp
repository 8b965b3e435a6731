#include "core/io/sample_labels.h"

#include "core/analysis/output_roles.h"

namespace halfstep {

std::optional<std::int64_t> classesOf(const Model& model) {
  if (model.graph.outputs.size() != 1 || model.graph.outputs[0].shape.empty()) {
    return std::nullopt;
  }
  const OutputRole role = outputRoles(model).front();
  const std::vector<Dimension>& shape = model.graph.outputs[0].shape;
  const bool told = role.kind != OutputKind::values && !role.reshaped;
  const int axis = told ? role.classAxis : -1;
  const int from = axis + (axis < 0 ? static_cast<int>(shape.size()) : 0);
  if (from < 0 || from >= static_cast<int>(shape.size())) {
    return std::nullopt;
  }
  std::int64_t classes = 1;
  for (auto at = shape.begin() + from;
       at != (told && role.flattened ? shape.end() : shape.begin() + from + 1); ++at) {
    classes = at->value > 0 && classes > 0 ? classes * at->value : -1;
  }
  return classes > 1 ? std::optional(classes) : std::nullopt;
}

Result<void> checkLabel(std::int64_t label, std::size_t index, std::optional<std::int64_t> classes) {
  const std::string where = "label " + std::to_string(index);
  if (label < -1) {
    return Error{ErrorKind::damagedFile,
                 "holds the class " + std::to_string(label) + "; expected 0 or more, or -1 for none", where};
  }
  if (classes && label >= *classes) {
    return Error{ErrorKind::damagedFile,
                 "holds the class " + std::to_string(label) + "; the model's first output has " +
                     std::to_string(*classes) + " classes",
                 where};
  }
  return {};
}

Result<SampleLabels> SampleLabels::of(Tensor labels, std::size_t samples, const Model& model) {
  if (!isInteger(labels.type()) || elementBits(labels.type()) < 8) {
    return Error{ErrorKind::unsupported, "holds labels of type " +
                                             std::string(elementTypeName(labels.type())) +
                                             "; expected integers"};
  }
  if (labels.shape().empty() || static_cast<std::size_t>(labels.shape()[0]) != samples) {
    return Error{ErrorKind::damagedFile, "holds labels of shape " + shapeText(labels.shape()) +
                                             "; expected one for each of " + std::to_string(samples) +
                                             " samples"};
  }
  const auto classes = classesOf(model);
  for (std::size_t i = 0; i < labels.count(); ++i) {
    HALFSTEP_CHECK(checkLabel(static_cast<std::int64_t>(labels.valueAt(i)), i, classes));
  }
  SampleLabels read;
  read.m_perSample = samples == 0 ? 0 : labels.count() / samples;
  read.m_labels = std::move(labels);
  return read;
}

std::vector<std::int64_t> SampleLabels::row(std::size_t index) const {
  std::vector<std::int64_t> row(m_perSample);
  for (std::size_t i = 0; i < m_perSample; ++i) {
    row[i] = static_cast<std::int64_t>(m_labels.valueAt(index * m_perSample + i));
  }
  return row;
}

} // namespace halfstep
