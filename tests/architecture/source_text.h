// C++ source as a scan needs it: its lines without comments, with or without what string literals hold.
// Values; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace halfstep::test {

enum class Literals { keep, blank };

/// The lines of `text` with comments (and, for `blank`, the contents of string and character literals)
/// replaced by spaces, so that line and column stay what they were.
std::vector<std::string> codeLines(std::string_view text, Literals literals);

} // namespace halfstep::test
