// What commands print: tables for people, or one JSON document. Collected and written at the end, so that a
// command that fails leaves nothing on standard output. Main thread.
#pragma once

#include "core/io/json_number.h"
#include "core/support/result.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace halfstep::cli {

using Json = nlohmann::ordered_json;

/// Text as a terminal may show it: invalid UTF-8 replaced, control characters written as \xNN, so that a name
/// in a file can neither break a line nor send escape sequences.
std::string displayText(std::string_view text);

using halfstep::jsonNumber;

/// Rows of cells as aligned columns, the first row being the header. `leftAligned`: how many columns from the
/// left are text. Cells are display text.
std::string tableText(const std::vector<std::vector<std::string>>& rows, std::size_t leftAligned);

class Output {
public:
  explicit Output(bool json)
      : m_json(json) {}

  bool json() const { return m_json; }
  /// Text for people; ignored with --json.
  void text(const std::string& text);
  /// The document; ignored without --json.
  void document(const Json& json);

  /// Writes what was collected to standard output. Error: it cannot be written.
  Result<void> flush() const;

private:
  bool m_json;
  std::string m_collected;
};

/// "halfstep: FILE: what (where)" as one line on standard error.
void printError(const Error& error);
/// "halfstep: warning: …" likewise.
void printWarning(const std::string& text);
/// One line on standard error for somebody who waits: only on a terminal.
void printNote(const std::string& text);

} // namespace halfstep::cli
