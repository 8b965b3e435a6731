// Values as text: JSON, YAML, Python and shell words. Values only; any thread.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace halfstep {

/// Keeps the order of its keys, so that writing the same plan twice gives the same bytes.
using OrderedJson = nlohmann::ordered_json;

/// On one line, in ASCII.
std::string jsonLine(const OrderedJson& json);
/// A whole file: one space per level, a line feed at the end.
std::string jsonText(const OrderedJson& json);
/// YAML's flow style. JSON is YAML, but for mappings with whole numbers as keys ("-1"), which lose their
/// quotes: as a JSON key they would be text.
std::string yamlFlow(const OrderedJson& json);
/// An expression of Python: True, False, None; text in ASCII.
std::string pythonLiteral(const OrderedJson& json);
/// For people, in words that can be broken into lines: "bits 4, group_size 64, sym yes".
std::string plainWords(const OrderedJson& json);
/// `text` as one word of a POSIX shell. A NUL cannot be part of one and ends it.
std::string shellWord(const std::string& text);
/// For the inside of a Python docstring or a comment: without what would end it.
std::string forDocstring(std::string text);
/// Puts `with` where `mark` first stands. Precondition: it stands somewhere.
void replaceMark(std::string& text, const std::string& mark, const std::string& with);

} // namespace halfstep
