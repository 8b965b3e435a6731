#include "core/io/json_text.h"

#include <algorithm>

namespace halfstep {

namespace {

using Json = nlohmann::ordered_json;

/// Of the character that `byte`, counted from 1, belongs to.
std::string placeOf(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, byte > 0 ? byte - 1 : 0);
  const std::string_view line = before.substr(before.rfind('\n') + 1); // npos + 1 is 0
  const auto characters = std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80; // starts one in UTF-8
  });
  return "line " + std::to_string(std::count(before.begin(), before.end(), '\n') + 1) + ", column " +
         std::to_string(characters + 1);
}

} // namespace

Result<Json> parseJson(std::string_view text) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    const bool ends = error.byte > text.size();
    return Error{ErrorKind::damagedFile,
                 text.empty() ? "is not JSON: it is empty"
                 : ends       ? "is not JSON: it ends too early"
                              : "is not JSON",
                 placeOf(text, std::min(error.byte, text.size() + 1))};
  } catch (const Json::exception&) { // the one other: a number
    return Error{ErrorKind::damagedFile, "holds a number that is too large"};
  }
}

std::string jsonProblem(const std::exception& exception) {
  const std::string_view what = exception.what();
  const std::size_t end = what.find("] ");
  return std::string(
      what.starts_with("[json.exception") && end != std::string_view::npos ? what.substr(end + 2) : what);
}

} // namespace halfstep
