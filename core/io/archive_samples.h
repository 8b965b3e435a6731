// Samples of which each stands in an archive of its own.
#pragma once

#include "core/analysis/samples.h"
#include "core/io/archive_reader.h"
#include "core/io/array_input.h"
#include "core/model/model.h"

#include <filesystem>
#include <vector>

namespace halfstep {

/// One .npz archive for every sample, in this order, with an array for each of the model's inputs. `labels`:
/// beside them, one for each sample; where there are none, an integer member called like labels is the
/// archive's own. `source`: the folder. Archives are opened when they are asked for; for their labels and, as
/// to the first one, to see whether it fits, now. `archives` must outlive the samples; it may be null.
/// Errors: an archive that holds several samples; as arraySamples().
Result<std::shared_ptr<const SampleSource>>
archiveSeries(std::vector<std::filesystem::path> files, const std::vector<NamedArray>& labels,
              const ArchiveReader* archives, const Model& model, const DataSettings& settings,
              const std::filesystem::path& source, const JobContext& context);

} // namespace halfstep
