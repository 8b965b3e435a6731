#include "app/cli/command_parser.h"

#include <CLI/CLI.hpp>

namespace halfstep::cli {

DeclaredOption DeclaredOption::required() const {
  m_option->required();
  return *this;
}

DeclaredOption DeclaredOption::between(int least, int most) const {
  m_option->check(CLI::Range(least, most));
  return *this;
}

DeclaredOption DeclaredOption::between(std::uint64_t least, std::uint64_t most) const {
  m_option->check(CLI::Range(least, most));
  return *this;
}

DeclaredOption DeclaredOption::between(double least, double most) const {
  m_option->check(CLI::Range(least, most));
  return *this;
}

DeclaredOption DeclaredOption::showsDefault() const {
  m_option->capture_default_str();
  return *this;
}

DeclaredOption DeclaredOption::repeated() const {
  m_option->allow_extra_args(false);
  return *this;
}

DeclaredOption DeclaredOption::separatedByCommas() const {
  m_option->delimiter(',');
  return *this;
}

CommandParser::CommandParser(CLI::App& main, const std::string& name, const std::string& summary)
    : m_command(main.add_subcommand(name, summary)) {}

DeclaredOption CommandParser::option(const std::string& name, std::string& value,
                                     const std::string& help) const {
  return DeclaredOption(*m_command->add_option(name, value, help));
}

DeclaredOption CommandParser::option(const std::string& name, std::vector<std::string>& values,
                                     const std::string& help) const {
  return DeclaredOption(*m_command->add_option(name, values, help));
}

DeclaredOption CommandParser::option(const std::string& name, std::uint64_t& value,
                                     const std::string& help) const {
  return DeclaredOption(*m_command->add_option(name, value, help));
}

DeclaredOption CommandParser::option(const std::string& name, std::optional<std::uint64_t>& value,
                                     const std::string& help) const {
  return DeclaredOption(*m_command->add_option(name, value, help));
}

DeclaredOption CommandParser::option(const std::string& name, int& value, const std::string& help) const {
  return DeclaredOption(*m_command->add_option(name, value, help));
}

DeclaredOption CommandParser::option(const std::string& name, double& value, const std::string& help) const {
  return DeclaredOption(*m_command->add_option(name, value, help));
}

DeclaredOption CommandParser::flag(const std::string& name, bool& value, const std::string& help) const {
  return DeclaredOption(*m_command->add_flag(name, value, help));
}

void CommandParser::footer(const std::string& text) const {
  m_command->footer(text);
}

void CommandParser::hide() const {
  m_command->group("");
}

} // namespace halfstep::cli
