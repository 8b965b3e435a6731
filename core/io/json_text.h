// JSON as files of people hold it: what is wrong with it is said in this program's words.
#pragma once

#include "core/support/result.h"

#include <nlohmann/json.hpp>

#include <exception>
#include <string>
#include <string_view>

namespace halfstep {

/// Errors (kind `damagedFile`, with line and column, counted from 1, of what is not understood): it is not
/// JSON; a number in it is beyond every double.
Result<nlohmann::ordered_json> parseJson(std::string_view text);

/// What an exception says of a document that lacks something, without the library's own number.
std::string jsonProblem(const std::exception& exception);

} // namespace halfstep
