// Journals of long measurements: text files with one JSON document per line, the first (the head) saying what
// the others belong to. Only ever appended to, so that a program that is killed loses at most the line that
// it was writing. Owned by whoever measures; one thread at a time.
#pragma once

#include "core/support/result.h"

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

namespace halfstep {

class LineJournal {
public:
  /// Starts the file over with `lines`, the head first: whole or not at all, so that what an older journal
  /// held is not lost on the way. Makes the folder. Errors: it cannot be written.
  static Result<LineJournal> create(const std::filesystem::path& path,
                                    const std::vector<nlohmann::ordered_json>& lines);
  /// Adds a line and sees it to the system. Errors: the disk is full.
  Result<void> append(const nlohmann::ordered_json& line);

private:
  std::filesystem::path m_path;
  std::ofstream m_file;
};

/// Gives every line to `take`, numbered from 1. A last line that is no JSON was being written when the
/// program ended, and is left out. Errors: the file cannot be read; another line is no JSON; those of `take`,
/// and what it throws while it reads a document that is not what it expects (kind `damagedFile`); all with
/// the line.
Result<void>
readLineJournal(const std::filesystem::path& path,
                const std::function<Result<void>(const nlohmann::ordered_json&, std::size_t)>& take);

} // namespace halfstep
