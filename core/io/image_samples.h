// Samples that are picture files in a folder.
#pragma once

#include "core/analysis/samples.h"
#include "core/io/image_preparation.h"
#include "core/model/model.h"
#include "core/support/job_context.h"

#include <filesystem>
#include <memory>

namespace halfstep {

/// The pictures in `folder` (suffixes of the reader, whatever their case), sorted by name; where it has none
/// itself, those of its sub-folders, each of which is then a class (numbered in the order of their names).
struct ImageFolder {
  struct Picture {
    std::filesystem::path file;
    std::int64_t label = -1;
  };
  std::vector<Picture> pictures;
  std::vector<std::string> classes; ///< the sub-folders
  bool labelled = false;
};
/// Reads labels.csv as well, where there is one: a header line, a column file, filename, image, path or name
/// and one whose name begins with class_index, class_id, label, class, target or index. Errors name the line:
/// a column is missing, a class that is no number or beyond the model's classes, no line for any picture.
Result<ImageFolder> listPictures(const std::filesystem::path& folder, const ImageReader& reader,
                                 std::optional<std::int64_t> classes, const JobContext& context);

/// Errors: the model has not exactly one input; what ImagePreparation::plan gives. Pictures are decoded when
/// they are asked for.
Result<std::shared_ptr<const SampleSource>> imageSamples(ImageFolder folder, const ImageReader& reader,
                                                         const Model& model, const DataSettings& settings,
                                                         const std::filesystem::path& source);

} // namespace halfstep
