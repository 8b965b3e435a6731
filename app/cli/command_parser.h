// Where a command declares its options. The command line's library stays behind it: including that takes ten
// seconds of compiling, and there are twenty commands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
} // namespace CLI

namespace halfstep::cli {

/// An option that was declared; what is said of it here shows in --help and is checked while parsing.
class DeclaredOption {
public:
  explicit DeclaredOption(CLI::Option& option)
      : m_option(&option) {}

  DeclaredOption required() const;
  DeclaredOption between(int least, int most) const;
  DeclaredOption between(std::uint64_t least, std::uint64_t most) const;
  DeclaredOption between(double least, double most) const;
  /// --help tells the value that the variable has now.
  DeclaredOption showsDefault() const;
  /// One value for each time it is given: what follows is something else.
  DeclaredOption repeated() const;
  /// Several values in one word, separated by commas.
  DeclaredOption separatedByCommas() const;

private:
  CLI::Option* m_option; ///< owned by the parser
};

/// The parser of one command. The variables must live until the main parser has parsed. Names: "MODEL" for a
/// place in the line, "--save" for a named option, "--latency,!--no-latency" for a flag and its opposite.
class CommandParser {
public:
  /// Declares the command on the main parser.
  CommandParser(CLI::App& main, const std::string& name, const std::string& summary);
  /// One that was declared already.
  explicit CommandParser(CLI::App& command)
      : m_command(&command) {}

  DeclaredOption option(const std::string& name, std::string& value, const std::string& help) const;
  DeclaredOption option(const std::string& name, std::vector<std::string>& values,
                        const std::string& help) const;
  DeclaredOption option(const std::string& name, std::uint64_t& value, const std::string& help) const;
  DeclaredOption option(const std::string& name, std::optional<std::uint64_t>& value,
                        const std::string& help) const;
  DeclaredOption option(const std::string& name, int& value, const std::string& help) const;
  DeclaredOption option(const std::string& name, double& value, const std::string& help) const;
  DeclaredOption flag(const std::string& name, bool& value, const std::string& help) const;
  /// What --help ends with: examples.
  void footer(const std::string& text) const;
  /// Leaves the command out of the list in --help.
  void hide() const;

  CLI::App* app() const { return m_command; }

private:
  CLI::App* m_command; ///< owned by the main parser
};

} // namespace halfstep::cli
