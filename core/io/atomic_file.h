// Writes a file whole or not at all: into a temporary file beside it, synced, then renamed over the old one.
#pragma once

#include "core/support/result.h"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace halfstep {

/// Errors (kind `failed`, naming the file): no such folder, no permission, disk full. The old file is
/// untouched then, and no temporary file is left.
Result<void> writeFileAtomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
Result<void> writeFileAtomically(const std::filesystem::path& path, std::string_view text);

} // namespace halfstep
