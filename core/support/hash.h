// SHA-256, by which plans and reports recognise the file they were made for.
#pragma once

#include "core/support/job_context.h"
#include "core/support/result.h"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace halfstep {

/// The SHA-256 of `bytes` in lower-case hexadecimal (64 characters). Stops within about 10 ms when asked to.
Result<std::string> sha256(std::span<const std::byte> bytes, const JobContext& context);

/// The same of a file's content. Errors: it cannot be read; cancelled.
Result<std::string> sha256OfFile(const std::filesystem::path& path, const JobContext& context);

} // namespace halfstep
