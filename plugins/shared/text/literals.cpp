#include "plugins/shared/text/literals.h"

#include <algorithm>
#include <cassert>
#include <cctype>
#include <string_view>

namespace halfstep {

namespace {

/// How a language writes what JSON writes otherwise.
struct Spelling {
  const char* yes;
  const char* no;
  const char* nothing;
  bool bareNumbersAsKeys;
};

bool isWholeNumber(const std::string& text) {
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  return text.size() > first && std::all_of(text.begin() + static_cast<std::ptrdiff_t>(first), text.end(),
                                            [](unsigned char c) { return std::isdigit(c) != 0; });
}

// Recursion: the depth is that of the formats' own structures, a handful.
std::string spelled(const OrderedJson& json, const Spelling& spelling) {
  if (json.is_null()) {
    return spelling.nothing;
  }
  if (json.is_boolean()) {
    return json.get<bool>() ? spelling.yes : spelling.no;
  }
  std::string text;
  if (json.is_array()) {
    for (const OrderedJson& element : json) {
      text += (text.empty() ? "" : ", ") + spelled(element, spelling);
    }
    return "[" + text + "]";
  }
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) {
      const bool bare = spelling.bareNumbersAsKeys && isWholeNumber(key);
      text += (text.empty() ? "" : ", ") + (bare ? key : jsonLine(key)) + ": " + spelled(value, spelling);
    }
    return "{" + text + "}";
  }
  return jsonLine(json);
}

} // namespace

std::string jsonLine(const OrderedJson& json) {
  return json.dump(-1, ' ', true, OrderedJson::error_handler_t::replace);
}

std::string jsonText(const OrderedJson& json) {
  return json.dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

std::string yamlFlow(const OrderedJson& json) {
  return spelled(json, {"true", "false", "null", true});
}

std::string pythonLiteral(const OrderedJson& json) {
  return spelled(json, {"True", "False", "None", true});
}

// Recursion: as in `spelled`.
std::string plainWords(const OrderedJson& json) {
  if (json.is_string()) {
    return json.get<std::string>();
  }
  if (json.is_null() || json.is_boolean()) {
    return json.is_null() ? "none" : json.get<bool>() ? "yes" : "no";
  }
  if (!json.is_structured()) {
    return jsonLine(json);
  }
  std::string text;
  for (const auto& [key, value] : json.items()) {
    const bool inner = value.is_object();
    text += (text.empty() ? "" : ", ") + (json.is_object() ? key + " " : std::string()) + (inner ? "(" : "") +
            plainWords(value) + (inner ? ")" : "");
  }
  return text;
}

std::string shellWord(const std::string& text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           (c != '\0' && std::string_view("_-./:@%+,=").find(char(c)) != std::string_view::npos);
  });
  if (plain) {
    return text;
  }
  std::string word = "'";
  for (const char c : text) {
    word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return word + "'";
}

std::string forDocstring(std::string text) {
  std::replace(text.begin(), text.end(), '\\', '/');
  std::replace(text.begin(), text.end(), '"', '\'');
  return text;
}

void replaceMark(std::string& text, const std::string& mark, const std::string& with) {
  const std::size_t place = text.find(mark);
  assert(place != std::string::npos);
  text.replace(place, mark.size(), with);
}

} // namespace halfstep
