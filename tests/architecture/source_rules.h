// The rules that every source file keeps: who may include whom, and what may not be written at all. They are
// tables (source_rules.cpp); docs/architecture.md gives the reasons. Values; any thread.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace halfstep::test {

struct Finding {
  std::string file; ///< from the project's folder, as in "core/quant/scheme.h"
  int line = 0;     ///< from 1; 0: the whole file
  std::string what;

  std::string text() const { return file + ":" + std::to_string(line) + ": " + what; }
};

/// The floor that a file or an include stands on ("core/quant", "plugins/loaders/onnx", "app"); empty: none.
std::string floorOf(std::string_view path);

/// What is wrong with the includes of the file `path` whose text is `text`.
/// `qtWidgetsHeaders`: names of the headers of Qt Widgets, as in `#include <QLabel>`.
std::vector<Finding> includeFindings(const std::string& path, std::string_view text,
                                     const std::set<std::string>& qtWidgetsHeaders);

/// Singletons, mutable statics, printing libraries, nested event loops and the like.
std::vector<Finding> codeFindings(const std::string& path, std::string_view text);

/// Files that answer more than one question, by their length.
std::vector<Finding> sizeFindings(const std::string& path, std::string_view text);

/// What is wrong with one compiler command of this project.
std::vector<std::string> commandFindings(const std::string& command);

} // namespace halfstep::test
