// Writes an ONNX model whole or not at all, with its weights in a second file where it would be too large.
#pragma once

#include "core/support/job_context.h"
#include "plugins/exporters/onnx_model/outside_data.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace halfstep::onnx_export {

/// Writes `proto`, with the data that its initializers stand for in `outside`, to `path`; where the message
/// would have more than `externalAbove` bytes, the raw data of large initializers goes to "PATH.data" (and
/// out of `proto`). Both files are complete and synced before the first takes its place; the data file is put
/// back if the second cannot. Returns the files, the model first. Errors (kind `failed`): as AtomicFile;
/// `unsupported`: more than 2 GB without weights.
Result<std::vector<std::filesystem::path>> writeModel(onnx::ModelProto& proto, const OutsideData& outside,
                                                      const std::filesystem::path& path,
                                                      std::uint64_t externalAbove, const JobContext& context);

} // namespace halfstep::onnx_export
