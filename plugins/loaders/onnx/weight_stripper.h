// The strip pass: rewrites an ONNX file's protobuf message without its weights, so that libonnx's parser,
// which copies everything, only sees what is small. In every TensorProto, wherever it is, the elements
// (raw_data, float_data, int32_data …) are replaced by one raw_data that lists where in the file they lie: a
// sequence of 16-byte records. All lengths are checked against what surrounds them before anything is read or
// allocated.
#pragma once

#include "core/support/job_context.h"
#include "core/support/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace halfstep {

/// One run of a tensor's elements in the file.
struct PayloadRun {
  std::uint32_t field = 0;  ///< of TensorProto: 9 raw_data, 4 float_data, 5 int32_data, 7, 10, 11
  std::uint64_t offset = 0; ///< in the file
  std::uint64_t length = 0; ///< bytes
};

/// The small message: a ModelProto for libonnx's parser.
/// Errors: kind `damagedFile`, saying what is wrong at which byte of what; kind `unsupported` for files above
/// 2 GB (protobuf's limit; such models keep their weights in external data); cancelled. Memory: at most a
/// fixed part plus a small multiple of the file's size, also for hostile files.
Result<std::string> stripWeights(std::span<const std::byte> file, const JobContext& context);

/// The records in the raw_data of a TensorProto of the small message.
std::vector<PayloadRun> payloadRuns(std::string_view rawData);

} // namespace halfstep
