// Data sets: what a file or folder beside a model is, as samples for it.
#pragma once

#include "core/analysis/samples.h"
#include "core/io/archive_reader.h"
#include "core/io/image_reader.h"
#include "core/io/model_loader.h"
#include "core/quant/data_settings.h"

#include <filesystem>
#include <memory>

namespace halfstep {

/// What reads files whose formats core does not know; null where there is none. All of them must outlive the
/// samples.
struct DataReaders {
  const ModelLoader* tensors = nullptr; ///< the model's own loader
  const ImageReader* images = nullptr;
  const ArchiveReader* archives = nullptr;
};

/// Recognises what `path` is and gives its samples for `model`, those that `settings` select. A folder: ONNX
/// test data sets; .npy files named after the inputs, or one for every sample; one .npz; IDX pictures;
/// pictures; a text. A file: .npy, .npz, IDX, either compressed with gzip, a picture, or a text
/// (docs/data.md has it all).
/// Errors: `usage` where the form cannot be told, is ambiguous or does not fit the model, saying what to
/// give; `damagedFile` naming file and place; `unsupported`; `cancelled`. Any thread.
Result<std::shared_ptr<const SampleSource>> openDataSet(const std::filesystem::path& path, const Model& model,
                                                        const DataSettings& settings,
                                                        const DataReaders& readers,
                                                        const JobContext& context);

} // namespace halfstep
