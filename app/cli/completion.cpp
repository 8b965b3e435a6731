#include "app/cli/completion.h"

#include "app/cli/command_set.h"
#include "core/analysis/evaluation.h"
#include "core/analysis/roofline.h"
#include "core/io/atomic_file.h"
#include "core/quant/scheme_grammar.h"

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

template <class Names>
std::string words(const Names& names) {
  std::string text;
  for (const auto& name : names) {
    text.append(text.empty() ? "" : " ").append(name);
  }
  return text;
}

std::string implementedFormats() {
  std::vector<std::string_view> names;
  for (const FormatFacts& format : allFormats()) {
    if (format.implemented) {
      names.push_back(format.name);
    }
  }
  return words(names);
}

/// What may follow a format: the tokens whose schemes can be computed.
std::string implementedTokens() {
  std::vector<std::string> names;
  for (const std::string& token : schemeTokens()) {
    // Within brackets a shell would need quotes.
    if (const auto scheme = parseScheme("int8:" + token);
        scheme && checkSupported(*scheme) && token.find('(') == std::string::npos) {
      names.push_back(token);
    }
  }
  return words(names);
}

/// "--option) WORDS" for the options that take one of a few words.
std::string valueCases() {
  std::vector<std::string_view> metrics;
  for (const OutputMetric metric : kOutputMetrics) {
    metrics.push_back(metricName(metric));
  }
  std::vector<std::string_view> types;
  for (const LatencyType type : kLatencyTypes) {
    types.push_back(latencyTypeName(type));
  }
  const std::pair<const char*, std::string> values[] = {{"--metric", words(metrics)},
                                                        {"--types", words(types)},
                                                        {"--estimate", "fisher"},
                                                        {"--minimize", "damage size latency bops"},
                                                        {"--layout", "nchw nhwc"},
                                                        {"--channels", "rgb bgr grey"},
                                                        {"--budget", "size= bits= latency= damage="}};
  std::string cases;
  for (const auto& [option, text] : values) {
    cases += std::string("  ") + option + ") values=\"" + text + "\" ;;\n";
  }
  return cases;
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
  return R"sh(# bash completion for halfstep-cli. Made by "halfstep-cli completion"; do not edit.
_halfstep_cli() {
  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command="" option="" options="" values="" ahead="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${COMP_WORDS[i]}" in
    -*) ;;
    *) command="${COMP_WORDS[i]}"; break ;;
    esac
  done
  for ((i = COMP_CWORD - 1; i > 0; i--)); do
    if [[ "${COMP_WORDS[i]}" == -* ]]; then
      option="${COMP_WORDS[i]}"
      break
    fi
  done
  # Bash takes ":" and "=" for words of their own.
  ahead="${COMP_WORDS[COMP_CWORD-2]}"
  if [[ "$word" == [:=] ]]; then
    ahead="$before"
    before="$word"
    word=""
  fi
  case "$option" in
  --weights | --activations | --set | --schemes)
    local formats=")sh" +
         implementedFormats() + R"sh("
    case "$ahead$before" in
    dynamic:) values="$formats" ;;
    *:) values=")sh" +
         implementedTokens() +
         R"sh(" ;;
    *--activations) values="$formats dynamic:" ;;
    *= | *--weights | *--schemes) values="$formats" ;;
    esac ;;
  esac
  case "$before" in
  --to) values="$("${COMP_WORDS[0]}" export --list 2>/dev/null | awk 'NR > 1 { print $1 }')" ;;
  --device) values="$(cd "$(dirname "$(command -v "${COMP_WORDS[0]}")")/../share/halfstep/devices" 2>/dev/null \
    && printf '%s\n' *.json | sed 's/\.json$//')" ;;
)sh" + valueCases() +
         R"sh(  esac
  if [[ -n "$values" ]]; then
    COMPREPLY=($(compgen -W "$values" -- "$word"))
    [[ "${COMPREPLY[0]}" != *[:=] ]] || compopt -o nospace 2> /dev/null
    return
  fi
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
