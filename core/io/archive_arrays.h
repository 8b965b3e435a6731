// The arrays in .npy, IDX and .npz files, unpacked where they are compressed.
#pragma once

#include "core/io/archive_reader.h"
#include "core/io/array_input.h"
#include "core/model/model.h"

#include <filesystem>
#include <functional>
#include <vector>

namespace halfstep {

/// Which of an archive's members to read, by their names without ".npy"; `all`: those of every member.
using WantedMember = std::function<bool(const std::string& name, const std::vector<std::string>& all)>;

/// The members of an archive that a model can use: labels, those named after inputs, or all for want of them.
WantedMember membersFor(const Model& model);

/// The arrays of an .npz archive; those not wanted are not unpacked. `archives` may be null: there is no
/// plug-in that reads them. Errors name file and member.
Result<std::vector<NamedArray>> arraysIn(const std::filesystem::path& path, const ArchiveReader* archives,
                                         const WantedMember& wanted, const JobContext& context);

/// The only array of a .npy or IDX file, compressed with gzip or not. Called after the file.
Result<NamedArray> arrayIn(const std::filesystem::path& path, const ArchiveReader* archives,
                           const JobContext& context);

/// Whether a file that begins so is compressed.
bool isArchive(std::span<const std::byte> head);
/// A file's first bytes, enough to tell what it is.
Result<std::vector<std::byte>> headOf(const std::filesystem::path& path);

} // namespace halfstep
