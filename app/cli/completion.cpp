#include "app/cli/completion.h"

#include "app/cli/command_set.h"
#include "core/io/atomic_file.h"
#include "core/quant/number_format.h"

#include <CLI/CLI.hpp>

namespace halfstep::cli {

namespace {

std::string longOptions(const CLI::App& parser) {
  std::string names;
  for (const CLI::Option* option : parser.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names += (names.empty() ? "--" : " --") + name;
    }
  }
  return names;
}

std::string implementedFormats() {
  std::string names;
  for (const FormatFacts& format : allFormats()) {
    if (format.implemented) {
      names += (names.empty() ? "" : " ") + std::string(format.name);
    }
  }
  return names;
}

} // namespace

std::string bashCompletion(const CLI::App& main) {
  std::string commands;
  std::string cases;
  for (const CLI::App* command : main.get_subcommands({})) {
    if (!command->get_group().empty()) {
      commands += (commands.empty() ? "" : " ") + command->get_name();
      cases += "    " + command->get_name() + ") options=\"" + longOptions(*command) + "\" ;;\n";
    }
  }
  const std::string formats = implementedFormats();
  return R"sh(# bash completion for halfstep-cli. Made by "halfstep-cli completion"; do not edit.
_halfstep_cli() {
  local word="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" command="" options="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${COMP_WORDS[i]}" in
    -*) ;;
    *) command="${COMP_WORDS[i]}"; break ;;
    esac
  done
  case "$previous" in
  --weights)
    COMPREPLY=($(compgen -W ")sh" +
         formats + R"sh(" -- "$word"))
    return ;;
  --to)
    COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" export --list 2>/dev/null | awk 'NR > 1 { print $1 }')" \
      -- "$word"))
    return ;;
  esac
  case "$command" in
    "") COMPREPLY=($(compgen -W ")sh" +
         commands + " " + longOptions(main) + R"sh(" -- "$word")); return ;;
)sh" + cases +
         R"sh(  esac
  if [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$options --json" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _halfstep_cli halfstep-cli
)sh";
}

Command completionCommand(CLI::App& main) {
  auto out = std::make_shared<std::string>();
  const CommandParser parser(main, "completion", "Print the bash completion script");
  parser.option("--out", *out, "Write it to this file instead");
  parser.hide(); // not in the help: the package installs the file
  return {parser.app(), [&main, out](Environment& environment) -> Result<void> {
            if (!out->empty()) {
              return writeFileAtomically(*out, bashCompletion(main));
            }
            environment.output().text(bashCompletion(main));
            return {};
          }};
}

} // namespace halfstep::cli
