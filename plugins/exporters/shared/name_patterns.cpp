#include "plugins/exporters/shared/name_patterns.h"

#include <algorithm>
#include <cctype>
#include <regex>

#include <fnmatch.h>

namespace halfstep {

namespace {

bool regexFinds(const std::string& pattern, const std::string& name, bool fromStart) {
  try {
    const std::regex regex(pattern, std::regex::ECMAScript);
    return std::regex_search(name, regex,
                             fromStart ? std::regex_constants::match_continuous
                                       : std::regex_constants::match_default);
  } catch (const std::regex_error&) {
    return false;
  }
}

std::string lowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool wildcardMatches(const std::string& pattern, const std::string& name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string::npos) {
    return pattern == name;
  }
  const std::string head = pattern.substr(0, star);
  const std::string tail = pattern.substr(star + 1);
  return name.size() >= head.size() + tail.size() && name.starts_with(head) && name.ends_with(tail);
}

} // namespace

std::string_view matchRuleName(MatchRule rule) {
  switch (rule) {
  case MatchRule::exact:
    return "exact";
  case MatchRule::substring:
    return "substring";
  case MatchRule::fnmatch:
    return "fnmatch";
  case MatchRule::pythonMatch:
    return "re.match";
  case MatchRule::pythonSearch:
    return "re.search";
  case MatchRule::pythonMatchOrTail:
    return "re.match or str.endswith";
  case MatchRule::regexSearch:
    return "std::regex_search";
  case MatchRule::wildcard:
    return "exact, with one *";
  }
  return {};
}

std::string regexEscaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos) {
      escaped += '\\';
    }
    escaped += c;
  }
  return escaped;
}

std::string globEscaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool special = c == '*' || c == '?' || c == '[';
    escaped += special ? std::string{'[', c, ']'} : std::string(1, c);
  }
  return escaped;
}

bool matches(MatchRule rule, const std::string& pattern, const std::string& name) {
  if (name.size() > kLongestName) {
    return false;
  }
  switch (rule) {
  case MatchRule::exact:
    return pattern == name;
  case MatchRule::substring:
    return name.find(pattern) != std::string::npos;
  case MatchRule::fnmatch:
    // Without escapes, as in Python: a backslash is a backslash.
    return ::fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
  case MatchRule::pythonMatch:
    return regexFinds(pattern, name, true);
  case MatchRule::pythonSearch:
    return regexFinds(pattern, name, false);
  case MatchRule::pythonMatchOrTail:
    return name.ends_with(pattern) || regexFinds(pattern, name, true);
  case MatchRule::regexSearch:
    return regexFinds(lowerCase(pattern), name, false);
  case MatchRule::wildcard:
    return wildcardMatches(pattern, name);
  }
  return false;
}

} // namespace halfstep
