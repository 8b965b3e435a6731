#include "plugins/shared/text/name_patterns.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fnmatch.h>

namespace halfstep {

namespace {

std::string lowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool hasRegex(MatchRule rule) {
  return rule == MatchRule::pythonMatch || rule == MatchRule::pythonSearch ||
         rule == MatchRule::pythonMatchOrTail || rule == MatchRule::regexSearch;
}

/// Whether every match begins where the text does: "^a(b|c)", but not "^a|b". A class of characters is not
/// looked into: it counts as not anchored.
bool isAnchored(const std::string& pattern) {
  int depth = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '[' || (c == '|' && depth == 0)) {
      return false;
    }
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    i += c == '\\' ? 1 : 0;
  }
  return pattern.starts_with('^');
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

NamePattern::NamePattern(MatchRule rule, std::string pattern)
    : m_rule(rule)
    , m_pattern(std::move(pattern)) {
  if (!hasRegex(rule)) {
    return;
  }
  const bool searches = rule == MatchRule::pythonSearch || rule == MatchRule::regexSearch;
  m_fromStart = !searches || isAnchored(m_pattern);
  try {
    m_regex.emplace(rule == MatchRule::regexSearch ? lowerCase(m_pattern) : m_pattern,
                    std::regex::ECMAScript);
  } catch (const std::regex_error&) {
    m_regex.reset();
  }
}

bool NamePattern::regexMatches(const std::string& name) const {
  try {
    return m_regex && std::regex_search(name, *m_regex,
                                        m_fromStart ? std::regex_constants::match_continuous
                                                    : std::regex_constants::match_default);
  } catch (const std::regex_error&) { // more steps than the library allows
    return false;
  }
}

bool NamePattern::matches(const std::string& name) const {
  if (name.size() > kLongestName) {
    return false;
  }
  switch (m_rule) {
  case MatchRule::exact:
    return m_pattern == name;
  case MatchRule::substring:
    return name.find(m_pattern) != std::string::npos;
  case MatchRule::fnmatch:
    // Without escapes, as in Python: a backslash is a backslash.
    return ::fnmatch(m_pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
  case MatchRule::pythonMatch:
  case MatchRule::pythonSearch:
  case MatchRule::regexSearch:
    return regexMatches(name);
  case MatchRule::pythonMatchOrTail:
    return name.ends_with(m_pattern) || regexMatches(name);
  case MatchRule::wildcard:
    return wildcardMatches(m_pattern, name);
  }
  return false;
}

bool matches(MatchRule rule, const std::string& pattern, const std::string& name) {
  return NamePattern(rule, pattern).matches(name);
}

} // namespace halfstep
