// Samples in the form of ONNX's backend tests: folders test_data_set_N with input_0.pb, input_1.pb, …
#pragma once

#include "core/analysis/samples.h"
#include "core/io/model_loader.h"

#include <filesystem>
#include <memory>
#include <vector>

namespace halfstep {

/// The folders test_data_set_N in `folder`, by their numbers; `folder` itself where it has an input_0.pb.
std::vector<std::filesystem::path> tensorFolders(const std::filesystem::path& folder);

/// One sample from each folder: input_I.pb is the model's input number I. Files are read when they are asked
/// for; `loader` must outlive the samples. Errors: a file is missing or does not fit the input.
Result<std::shared_ptr<const SampleSource>> tensorFileSamples(std::vector<std::filesystem::path> folders,
                                                              const ModelLoader& loader, const Model& model,
                                                              const std::filesystem::path& source);

} // namespace halfstep
