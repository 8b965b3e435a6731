#include "core/io/line_journal.h"

#include "core/io/atomic_file.h"
#include "core/io/json_text.h"

#include <nlohmann/json.hpp>

#include <string>
#include <system_error>

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

/// Names come from somebody's file: what is not UTF-8 is replaced rather than thrown at.
std::string lineOf(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

Error atLine(Error error, const std::filesystem::path& path, std::size_t line) {
  error.file = path.string();
  error.where = "line " + std::to_string(line);
  return error;
}

} // namespace

Result<LineJournal> LineJournal::create(const std::filesystem::path& path, const std::vector<Json>& lines) {
  std::error_code failure; // told by the writing
  if (path.has_parent_path()) {
    std::filesystem::create_directories(path.parent_path(), failure);
  }
  std::string text;
  for (const Json& line : lines) {
    text += lineOf(line);
  }
  HALFSTEP_CHECK(writeFileAtomically(path, text));
  LineJournal journal;
  journal.m_path = path;
  journal.m_file.open(path, std::ios::binary | std::ios::app);
  if (!journal.m_file) {
    return Error{ErrorKind::failed, "cannot be written", {}, path.string()};
  }
  return journal;
}

Result<void> LineJournal::append(const Json& line) {
  m_file << lineOf(line);
  m_file.flush();
  if (!m_file) {
    return Error{ErrorKind::failed, "cannot be written any further (is the disk full?)", {}, m_path.string()};
  }
  return {};
}

Result<void> readLineJournal(const std::filesystem::path& path,
                             const std::function<Result<void>(const Json&, std::size_t)>& take) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  if (!file || !std::getline(file, line)) {
    return Error{ErrorKind::failed, "cannot be read", {}, path.string()};
  }
  for (std::size_t number = 1; number == 1 || std::getline(file, line); ++number) {
    const Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded()) {
      const bool last = file.eof() || file.peek() == std::ifstream::traits_type::eof();
      if (last && number > 1) {
        break;
      }
      return atLine({ErrorKind::damagedFile, "is no JSON"}, path, number);
    }
    try {
      if (auto taken = take(json, number); !taken) {
        return atLine(taken.error(), path, number);
      }
    } catch (const std::exception& exception) {
      return atLine({ErrorKind::damagedFile, "does not hold what is expected: " + jsonProblem(exception)},
                    path, number);
    }
  }
  return {};
}

} // namespace halfstep
