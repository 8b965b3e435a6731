#include "tests/architecture/source_text.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace halfstep::test {

namespace {

class Blanker {
public:
  Blanker(std::string_view text, Literals literals)
      : m_text(text)
      , m_code(text)
      , m_literals(literals) {}

  std::string run() {
    while (m_at < m_text.size()) {
      if (startsWith("//")) {
        blankUntil(m_text.find('\n', m_at));
      } else if (startsWith("/*")) {
        blankUntil(after("*/", m_at + 2));
      } else if (startsWith("R\"")) {
        rawString();
      } else if (m_text[m_at] == '"' || (m_text[m_at] == '\'' && !isDigitSeparator())) {
        literal(m_text[m_at]);
      } else {
        ++m_at;
      }
    }
    return m_code;
  }

private:
  bool startsWith(std::string_view token) const { return m_text.substr(m_at).starts_with(token); }

  bool isDigitSeparator() const {
    return m_at > 0 && std::isalnum(static_cast<unsigned char>(m_text[m_at - 1])) != 0;
  }

  std::size_t after(std::string_view token, std::size_t from) const {
    const std::size_t found = m_text.find(token, from);
    return found == std::string_view::npos ? found : found + token.size();
  }

  void blankUntil(std::size_t end) {
    end = end < m_text.size() ? end : m_text.size();
    for (; m_at < end; ++m_at) {
      if (m_text[m_at] != '\n') {
        m_code[m_at] = ' ';
      }
    }
  }

  void skipLiteral(std::size_t end) {
    if (m_literals == Literals::blank) {
      blankUntil(end);
    }
    m_at = end < m_text.size() ? end : m_text.size();
  }

  void rawString() {
    const std::size_t open = m_text.find('(', m_at);
    const std::string delimiter = open == std::string_view::npos
                                      ? std::string()
                                      : ")" + std::string(m_text.substr(m_at + 2, open - m_at - 2)) + "\"";
    m_at += 2;
    skipLiteral(after(delimiter, m_at));
  }

  void literal(char quote) {
    std::size_t end = ++m_at;
    while (end < m_text.size() && m_text[end] != quote && m_text[end] != '\n') {
      end += m_text[end] == '\\' ? 2 : 1;
    }
    skipLiteral(end);
    ++m_at;
  }

  std::string_view m_text;
  std::string m_code;
  Literals m_literals;
  std::size_t m_at = 0;
};

} // namespace

std::vector<std::string> codeLines(std::string_view text, Literals literals) {
  const std::string code = Blanker(text, literals).run();
  std::vector<std::string> lines;
  std::size_t start = 0;
  while (start < code.size()) {
    const std::size_t end = std::min(code.find('\n', start), code.size());
    lines.push_back(code.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

} // namespace halfstep::test
