// Patterns that a target matches against names by itself: written so that they match one name and no other,
// and tested by the target's own rule. Values only; any thread.
#pragma once

#include <optional>
#include <regex>
#include <string>
#include <string_view>

namespace halfstep {

enum class MatchRule {
  exact,
  substring,         ///< the pattern stands somewhere in the name (AutoAWQ's skip list)
  fnmatch,           ///< Python's fnmatch.fnmatch, case-sensitive (ModelOpt)
  pythonMatch,       ///< Python's re.match: from the start of the name (GPTQModel, Neural Compressor)
  pythonSearch,      ///< Python's re.search: anywhere (AI Edge Quantizer)
  pythonMatchOrTail, ///< re.match, or the name ends in the pattern (transformers' skip lists)
  regexSearch,       ///< std::regex_search of the lower-cased pattern (llama-quantize)
  wildcard,          ///< at most one '*' for any text (trtexec)
};
/// As ExportPattern::matching says it: "re.match".
std::string_view matchRuleName(MatchRule rule);

/// `text` for a regular expression that matches it and nothing else: the same for Python's re and ECMAScript.
std::string regexEscaped(std::string_view text);
/// `text` for fnmatch.
std::string globEscaped(std::string_view text);

/// The longest name that patterns are tested against: beyond it the matchers would need too much stack.
inline constexpr std::size_t kLongestName = 1000;

/// One pattern, read once, to try against many names. Of regular expressions it knows what Python and
/// ECMAScript have in common; one that cannot be read matches nothing.
class NamePattern {
public:
  NamePattern(MatchRule rule, std::string pattern);
  /// False for names longer than kLongestName.
  bool matches(const std::string& name) const;

private:
  bool regexMatches(const std::string& name) const;

  MatchRule m_rule;
  std::string m_pattern;
  std::optional<std::regex> m_regex; ///< where the rule has one and it can be read
  bool m_fromStart = false;          ///< of the regular expression
};

/// The same for a single name.
bool matches(MatchRule rule, const std::string& pattern, const std::string& name);

} // namespace halfstep
