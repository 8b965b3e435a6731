#include "app/cli/output.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace halfstep::cli {

namespace {

/// The length of the UTF-8 sequence at the start of `text`, or 0 where there is no valid one.
std::size_t sequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xc2 && first < 0xe0 ? 2
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
  if (length == 0 || length > text.size()) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return 0;
    }
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool surrogate = first == 0xed && byte(1) >= 0xa0;
  const bool beyond = first == 0xf4 && byte(1) >= 0x90;
  return overlong || surrogate || beyond ? 0 : length;
}

/// Columns on a terminal: one per character (wide characters, which names hardly have, not considered).
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void printLine(const std::string& line) {
  std::fprintf(stderr, "halfstep: %s\n", displayText(line).c_str());
}

} // namespace

std::string displayText(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::size_t length = sequenceLength(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool c1 = length == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (length == 0) {
      shown += "\uFFFD";
    } else if (first < 0x20 || first == 0x7f || c1) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x",
                    c1 ? static_cast<unsigned>(static_cast<unsigned char>(text[1])) : unsigned{first});
      shown += escape;
    } else {
      shown += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return shown;
}

std::string tableText(const std::vector<std::vector<std::string>>& rows, std::size_t leftAligned) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], columns(row[i]));
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - columns(row[i]), ' ');
      line += (i == 0 ? "" : "  ") + (i < leftAligned ? row[i] + padding : padding + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

void Output::text(const std::string& text) {
  if (!m_json) {
    m_collected += text;
  }
}

void Output::document(const Json& json) {
  if (m_json) {
    // Names are bytes of somebody's file: what is not UTF-8 is replaced rather than thrown at.
    m_collected = json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
}

Result<void> Output::flush() const {
  const bool written = std::fwrite(m_collected.data(), 1, m_collected.size(), stdout) == m_collected.size();
  if (std::fflush(stdout) != 0 || !written) {
    return Error{ErrorKind::failed, "standard output cannot be written"};
  }
  return {};
}

void printError(const Error& error) {
  printLine(error.message());
}

void printWarning(const std::string& text) {
  printLine("warning: " + text);
}

void printNote(const std::string& text) {
  if (isatty(STDERR_FILENO) != 0) {
    std::fprintf(stderr, "\r\033[K"); // over a line of progress
    printLine(text);
  }
}

} // namespace halfstep::cli
