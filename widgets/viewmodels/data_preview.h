// What a person is shown of a data set before it is used: its size, its labels, the first samples. Made off
// the UI thread; a value.
#pragma once

#include "core/analysis/samples.h"
#include "core/model/model.h"
#include "core/support/job_context.h"

#include <QImage>
#include <QString>

#include <memory>
#include <vector>

namespace halfstep {

struct SamplePreview {
  QString name;
  QString label;   ///< empty without one
  QString content; ///< shapes and ranges of the inputs, one line each
  QImage picture;  ///< of the first input that could be one; null otherwise
};

struct DataPreview {
  std::shared_ptr<const SampleSource> samples;
  QString summary; ///< "100 pictures of …", and how many have labels
  std::vector<SamplePreview> first;
};

/// Reads the first `count` samples. Any thread. Errors: those of reading a sample; cancelled.
Result<DataPreview> previewOf(std::shared_ptr<const SampleSource> samples, const Model& model,
                              std::size_t count, const JobContext& job);

} // namespace halfstep
