// Text as it stands in a page: names of somebody's file cannot become markup, and numbers do not depend on
// the locale. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace halfstep {

/// For element content and attributes in double quotes. What is not UTF-8 is replaced by U+FFFD; characters
/// that no reader sees (controls, marks that turn the direction of writing) are spelled out as \u{202e}.
std::string escaped(std::string_view text);

/// At most `most` characters, the middle left out: what tells names of layers apart stands at both ends.
/// Not escaped.
std::string elided(std::string_view text, std::size_t most);

/// A coordinate: two decimals at most, a dot, no exponent.
std::string coordinate(double value);

/// With as many digits as bring the number back exactly; "inf", "-inf" and "nan" for those that are not
/// finite.
std::string exactNumber(double value);

/// <data value="0.0123">0.012</data>: what people read and what programs may read.
std::string dataElement(double value, const std::string& text);

/// A part of the page with its heading; `content` is HTML.
std::string section(const std::string& id, const std::string& title, const std::string& content);

} // namespace halfstep
