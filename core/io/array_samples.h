// Samples that stand in arrays: .npy files, the members of .npz archives, IDX files.
#pragma once

#include "core/analysis/samples.h"
#include "core/io/array_input.h"
#include "core/model/model.h"

#include <array>
#include <filesystem>
#include <string_view>

namespace halfstep {

/// Names that labels go by, without suffix.
inline constexpr std::array<std::string_view, 4> kLabelNames = {"labels", "targets", "label", "y"};
bool isLabelName(std::string_view name);

/// Samples of `arrays`, of which the first axis numbers the samples. Each input takes the array of its name
/// ("/" written as "_"); where there is one input, also one called x, input, inputs, images or data, or else
/// the only one that is no label. `source`: the file or folder, for errors and descriptions. `content`: with
/// oneSample the arrays are one together.
/// Errors: an input without an array, arrays that do not fit, different numbers of samples, wrong labels.
Result<std::shared_ptr<const SampleSource>>
arraySamples(std::vector<NamedArray> arrays, const Model& model, const DataSettings& settings,
             const std::filesystem::path& source,
             ArrayInput::Content content = ArrayInput::Content::manySamples);

/// One .npy file for every sample of a model with one input, in this order; `labels` may be empty. Files are
/// opened when they are asked for; only the first one now.
Result<std::shared_ptr<const SampleSource>> arraySeries(std::vector<std::filesystem::path> files,
                                                        const std::optional<NamedArray>& labels,
                                                        const Model& model, const DataSettings& settings,
                                                        const std::filesystem::path& source);

/// FNV-1a over bytes: for fingerprints.
std::uint64_t fingerprintOf(std::span<const std::byte> bytes, std::uint64_t before = 0xcbf29ce484222325);
std::uint64_t fingerprintOf(std::string_view text, std::uint64_t before = 0xcbf29ce484222325);

} // namespace halfstep
