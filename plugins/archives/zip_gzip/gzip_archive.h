// A gzip file as an archive with one member.
#pragma once

#include "core/io/archive_reader.h"

namespace halfstep {

bool isGzip(std::span<const std::byte> head);
/// Several gzip streams behind each other are one member. Errors name the file.
Result<std::unique_ptr<const Archive>> openGzip(std::shared_ptr<const MappedFile> file);

} // namespace halfstep
