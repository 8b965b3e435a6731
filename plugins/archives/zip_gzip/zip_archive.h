// Zip archives through libzip.
#pragma once

#include "core/io/archive_reader.h"

namespace halfstep {

bool isZip(std::span<const std::byte> head);
/// Errors name the file: no archive, an archive whose directory contradicts itself.
Result<std::unique_ptr<const Archive>> openZip(std::shared_ptr<const MappedFile> file);

} // namespace halfstep
