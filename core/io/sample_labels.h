// The right answers that stand beside a data set.
#pragma once

#include "core/model/model.h"

#include <optional>
#include <span>

namespace halfstep {

/// How many classes the model tells apart: the axis of its output that a Softmax ran along, otherwise the
/// last one, where that is a number above 1. Nothing for a model with several outputs, which is as likely a
/// detector as a classifier.
std::optional<std::int64_t> classesOf(const Model& model);

/// Error (kind `damagedFile`, where "label I"): below −1, or not below `classes`.
Result<void> checkLabel(std::int64_t label, std::size_t index, std::optional<std::int64_t> classes);

/// Labels of samples as a tensor [samples, …] of integers: every sample has a row. They stay in their file.
class SampleLabels {
public:
  SampleLabels() = default;
  /// Reads all labels once. Errors: not integers; no first axis of `samples`; checkLabel().
  static Result<SampleLabels> of(Tensor labels, std::size_t samples, const Model& model);
  std::vector<std::int64_t> row(std::size_t index) const;

private:
  Tensor m_labels;
  std::size_t m_perSample = 0; ///< 0: there are no labels
};

} // namespace halfstep
