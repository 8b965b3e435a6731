#include "core/quant/scheme_grammar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace halfstep {

namespace {

constexpr std::array<std::string_view, 3> kMappings = {"sym", "asym", "pow2"};
constexpr std::array<std::string_view, 4> kCodeRanges = {"restricted", "full", "halfstep", "absmax"};
constexpr std::array<std::string_view, 5> kRoundings = {"even", "away", "zero", "up", "stochastic"};
constexpr std::array<std::string_view, 6> kPlainRanges = {"minmax", "ema", "mse", "kl", "aciq", "hqq"};
constexpr std::array kPlainRangeKinds = {RangeRule::Kind::minmax, RangeRule::Kind::movingAverage,
                                         RangeRule::Kind::mse,    RangeRule::Kind::kl,
                                         RangeRule::Kind::aciq,   RangeRule::Kind::hqq};
/// Methods of the suite; those with a strength take it glued on, "smooth0.5".
constexpr std::array<std::string_view, 15> kMethods = {"rtn",    "gptq",    "awq",  "adaround", "hqq",
                                                       "smooth", "llmint8", "cle",  "biascorr", "lorc",
                                                       "kmeans", "obq",     "lapq", "qat",      "lsq"};
constexpr int kMinGroup = 16;
constexpr int kMaxGroup = 1024;

template <std::size_t N>
std::optional<std::size_t> indexOf(const std::array<std::string_view, N>& names, std::string_view text) {
  const auto found = std::find(names.begin(), names.end(), text);
  return found == names.end() ? std::nullopt : std::optional<std::size_t>(found - names.begin());
}

std::optional<double> number(std::string_view text) {
  double value = 0.0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

/// The shortest text that reads back as the same double.
std::string numberText(double value) {
  std::array<char, 32> buffer{};
  const auto [end, code] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  static_cast<void>(code);
  return {buffer.data(), end};
}

std::size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string nearest(std::string_view token, const std::vector<std::string>& candidates) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const std::string& candidate : candidates) {
    ranked.emplace_back(editDistance(token, candidate), candidate);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text;
  for (std::size_t i = 0; i < ranked.size() && (i < 3 || ranked[i].first == ranked.front().first); ++i) {
    text += (i == 0 ? "" : ", ") + ranked[i].second;
  }
  return text;
}

/// One parse: which parts were already given, so that none is given twice.
class Parser {
public:
  explicit Parser(std::string_view text)
      : m_text(text) {}

  Result<Scheme> parse() {
    std::size_t at = 0;
    bool first = true;
    while (true) {
      const std::size_t end = std::min(tokenEnd(at), m_text.size());
      const std::string_view token = m_text.substr(at, end - at);
      if (first) {
        HALFSTEP_CHECK(takeFormat(token));
      } else {
        HALFSTEP_CHECK(takeToken(token, at));
      }
      first = false;
      if (end == m_text.size()) {
        break;
      }
      at = end + 1;
    }
    if (!m_mapping) {
      m_scheme.mapping = defaultMapping(m_scheme.format);
    }
    if (!m_codeRange) {
      m_scheme.codeRange = defaultCodeRange(m_scheme.mapping);
    }
    return m_scheme;
  }

private:
  std::size_t tokenEnd(std::size_t from) const { return std::min(m_text.find(':', from), m_text.size()); }

  Error wrong(std::string_view token, std::size_t at, const std::string& what) const {
    return Error{ErrorKind::usage, "scheme '" + std::string(m_text) + "': " + what + " '" +
                                       std::string(token) + "' at character " + std::to_string(at + 1)};
  }

  Result<void> takeFormat(std::string_view token) {
    const auto format = numberFormatFromName(token);
    if (!format) {
      std::vector<std::string> names;
      for (const FormatFacts& facts : allFormats()) {
        names.emplace_back(facts.name);
      }
      Error error = wrong(token, 0, "unknown number format");
      error.what += "; nearest: " + nearest(token, names);
      return error;
    }
    m_scheme.format = *format;
    return {};
  }

  Result<void> once(bool& given, std::string_view token, std::size_t at, const char* part) {
    if (given) {
      return wrong(token, at, std::string("a second ") + part);
    }
    given = true;
    return {};
  }

  Result<void> takeToken(std::string_view token, std::size_t at) {
    if (const auto index = indexOf(kMappings, token)) {
      m_scheme.mapping = static_cast<Mapping>(*index);
      return once(m_mapping, token, at, "mapping");
    }
    if (const auto index = indexOf(kCodeRanges, token)) {
      m_scheme.codeRange = static_cast<CodeRange>(*index);
      return once(m_codeRange, token, at, "code range");
    }
    if (const auto index = indexOf(kRoundings, token)) {
      m_scheme.rounding = static_cast<Rounding>(*index);
      return once(m_rounding, token, at, "rounding");
    }
    if (token == "tensor" || token == "channel" || token.starts_with("group")) {
      return takeGranularity(token, at);
    }
    // "hqq" names a range and a method: the first one is the range, a second one the method.
    if (indexOf(kPlainRanges, token) && !(token == "hqq" && m_range)) {
      m_scheme.range.kind = kPlainRangeKinds[*indexOf(kPlainRanges, token)];
      return once(m_range, token, at, "range");
    }
    if (token.starts_with("pct") || token.starts_with("fixed")) {
      return takeRange(token, at);
    }
    return takeMethod(token, at);
  }

  Result<void> takeGranularity(std::string_view token, std::size_t at) {
    HALFSTEP_CHECK(once(m_granularity, token, at, "granularity"));
    if (token == "tensor") {
      m_scheme.granularity = {Granularity::Kind::tensor, 0};
    } else if (token == "channel") {
      m_scheme.granularity = {Granularity::Kind::channel, 0};
    } else {
      int size = 0;
      const std::string_view digits = token.substr(5);
      const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
      if (code != std::errc() || end != digits.data() + digits.size() || size < kMinGroup ||
          size > kMaxGroup) {
        return wrong(token, at, "the group size must be 16 to 1024, not");
      }
      m_scheme.granularity = {Granularity::Kind::group, size};
    }
    return {};
  }

  Result<void> takeRange(std::string_view token, std::size_t at) {
    HALFSTEP_CHECK(once(m_range, token, at, "range"));
    if (token.starts_with("pct")) {
      const auto value = number(token.substr(3));
      if (!value || *value <= 50.0 || *value > 100.0) {
        return wrong(token, at, "a percentile must be above 50 and at most 100, as in pct99.9, not");
      }
      m_scheme.range = {RangeRule::Kind::percentile, *value, 0.0, 0.0};
      return {};
    }
    std::string_view rest = token.substr(5);
    std::optional<double> lo;
    std::optional<double> hi;
    if (rest.size() > 2 && rest.front() == '(' && rest.back() == ')') {
      rest = rest.substr(1, rest.size() - 2);
      const std::size_t comma = rest.find(',');
      if (comma != std::string_view::npos) {
        lo = number(rest.substr(0, comma));
        hi = number(rest.substr(comma + 1));
      }
    }
    constexpr double kLargest = 3.4e38; // the bounds become float32
    if (!lo || !hi || !(*lo < *hi) || std::abs(*lo) > kLargest || std::abs(*hi) > kLargest) {
      return wrong(token, at, "a fixed range is written fixed(lo,hi) with lo below hi, within ±3.4e38, not");
    }
    m_scheme.range = {RangeRule::Kind::fixed, 0.0, *lo, *hi};
    return {};
  }

  Result<void> takeMethod(std::string_view token, std::size_t at) {
    std::vector<MethodStep> steps;
    std::size_t from = 0;
    while (from <= token.size()) {
      const std::size_t plus = std::min(token.find('+', from), token.size());
      const std::string_view part = token.substr(from, plus - from);
      MethodStep step;
      const std::size_t digits = std::min(part.find_first_of("0123456789"), part.size());
      if (indexOf(kMethods, part)) {
        step.name = part; // a name may end in a digit ("llmint8")
      } else if (indexOf(kMethods, part.substr(0, digits)) && number(part.substr(digits))) {
        step.name = part.substr(0, digits);
        step.parameter = *number(part.substr(digits));
        step.hasParameter = true;
        constexpr double kLargestStrength = 1000.0; // above, it would be printed with a "+" in it
        if (!(step.parameter <= kLargestStrength)) {
          return wrong(part, at + from, "a method's strength is at most 1000, not");
        }
      } else {
        Error error = wrong(part, at + from, "unknown token");
        error.what += "; nearest: " + nearest(part, schemeTokens());
        return error;
      }
      steps.push_back(std::move(step));
      from = plus + 1;
    }
    HALFSTEP_CHECK(once(m_method, token, at, "method"));
    if (steps.size() == 1 && steps.front() == MethodStep{"rtn"}) {
      steps.clear(); // round to nearest is what an empty method means
    }
    m_scheme.method = std::move(steps);
    return {};
  }

  std::string_view m_text;
  Scheme m_scheme;
  bool m_mapping = false;
  bool m_codeRange = false;
  bool m_rounding = false;
  bool m_granularity = false;
  bool m_range = false;
  bool m_method = false;
};

} // namespace

Result<Scheme> parseScheme(std::string_view text) {
  return Parser(text).parse();
}

std::string printMethodStep(const MethodStep& step) {
  return step.hasParameter ? step.name + numberText(step.parameter) : step.name;
}

std::string printScheme(const Scheme& scheme) {
  std::string text(formatFacts(scheme.format).name);
  const auto add = [&](std::string_view token) { text.append(":").append(token); };
  if (scheme.mapping != defaultMapping(scheme.format)) {
    add(mappingName(scheme.mapping));
  }
  if (scheme.codeRange != defaultCodeRange(scheme.mapping)) {
    add(codeRangeName(scheme.codeRange));
  }
  if (scheme.granularity != Granularity{}) {
    add(granularityName(scheme.granularity));
  }
  const bool hqqMethod = scheme.method.size() == 1 && scheme.method.front() == MethodStep{"hqq"};
  // A lone "hqq" reads as the range, so the method needs its range written out before it.
  if (scheme.range != RangeRule{} || hqqMethod) {
    add(rangeName(scheme.range));
  }
  if (scheme.rounding != Rounding::even) {
    add(roundingName(scheme.rounding));
  }
  if (!scheme.method.empty()) {
    std::string method;
    for (const MethodStep& step : scheme.method) {
      method += (method.empty() ? "" : "+") + printMethodStep(step);
    }
    add(method);
  }
  return text;
}

std::string_view mappingName(Mapping mapping) {
  return kMappings.at(static_cast<std::size_t>(mapping));
}

std::string_view codeRangeName(CodeRange codeRange) {
  return kCodeRanges.at(static_cast<std::size_t>(codeRange));
}

std::string_view roundingName(Rounding rounding) {
  return kRoundings.at(static_cast<std::size_t>(rounding));
}

std::string granularityName(const Granularity& granularity) {
  switch (granularity.kind) {
  case Granularity::Kind::tensor:
    return "tensor";
  case Granularity::Kind::channel:
    return "channel";
  case Granularity::Kind::group:
    return "group" + std::to_string(granularity.groupSize);
  }
  return {};
}

std::string rangeName(const RangeRule& range) {
  switch (range.kind) {
  case RangeRule::Kind::percentile:
    return "pct" + numberText(range.percentile);
  case RangeRule::Kind::fixed:
    return "fixed(" + numberText(range.lo) + "," + numberText(range.hi) + ")";
  default:
    break;
  }
  const auto found = std::find(kPlainRangeKinds.begin(), kPlainRangeKinds.end(), range.kind);
  return std::string(kPlainRanges.at(static_cast<std::size_t>(found - kPlainRangeKinds.begin())));
}

std::vector<std::string> schemeTokens() {
  std::vector<std::string> tokens;
  const auto add = [&](const auto& names) {
    for (const auto& name : names) {
      if (std::find(tokens.begin(), tokens.end(), name) == tokens.end()) {
        tokens.emplace_back(name);
      }
    }
  };
  add(kMappings);
  add(kCodeRanges);
  add(std::array<std::string_view, 9>{"tensor", "channel", "group16", "group32", "group64", "group128",
                                      "group256", "group512", "group1024"});
  add(kPlainRanges);
  add(std::array<std::string_view, 2>{"pct99.9", "fixed(-1,1)"});
  add(kRoundings);
  add(kMethods);
  return tokens;
}

} // namespace halfstep
