// halfstep-cli: inspects, quantizes and exports from the command line, over the same core as the window.
#include "app/cli/command_set.h"
#include "app/cli/interruption.h"
#include "app/cli/progress_line.h"
#include "core/support/mapped_file.h"
#include "core/support/near_names.h"

#include <QCoreApplication>
#include <QFile>

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>

namespace {

using namespace halfstep;

constexpr int kUsage = 2;

constexpr const char* kFooter = R"(Examples:
  halfstep-cli inspect model.onnx
  halfstep-cli quantize model.onnx --weights int8
  halfstep-cli quantize model.onnx --weights int4:asym:group64:mse --set 'head*=int8' --save-plan plan.halfstep.json
  halfstep-cli export model.onnx --plan plan.halfstep.json --to ort-overrides --out overrides.json

Exit status: 0 done; 1 the work failed; 2 wrong usage; 3 a file is damaged; 4 something in it is not supported;
130 interrupted.)";

void addOptionNames(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* one : app.get_options()) {
    for (const std::string& name : one->get_lnames()) {
      names.push_back("--" + name);
    }
  }
}

std::string optionName(const char* argument) {
  return std::string(argument).substr(0, std::string(argument).find('='));
}

/// The first option that neither `command` nor the program has, with those that are called nearly like it;
/// empty where each is known.
std::string unknownOption(const CLI::App& main, const CLI::App& command, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string option = optionName(argv[i]);
    if (!option.starts_with("--") || option == "--") {
      continue;
    }
    if (main.get_option_no_throw(option) == nullptr && command.get_option_no_throw(option) == nullptr) {
      std::vector<std::string> options;
      addOptionNames(command, options);
      addOptionNames(main, options);
      return command.get_name() + " has no option " + option + nearNamesText(option, options);
    }
  }
  return {};
}

/// What is wrong with the command's name, or with an option before it: the parser only says that a command is
/// missing.
std::string commandProblem(const CLI::App& main, int argc, char** argv) {
  std::string names;
  std::vector<std::string> commands;
  for (const CLI::App* command :
       main.get_subcommands([](const CLI::App* app) { return !app->get_group().empty(); })) {
    names += (names.empty() ? "" : ", ") + command->get_name();
    commands.push_back(command->get_name());
  }
  for (int i = 1; i < argc; ++i) {
    if (argv[i][0] == '-') {
      const std::string option = optionName(argv[i]);
      if (main.get_option_no_throw(option) == nullptr) {
        std::vector<std::string> options;
        addOptionNames(main, options);
        return "there is no option " + option + nearNamesText(option, options);
      }
    } else {
      return "there is no command \"" + std::string(argv[i]) + "\"" + nearNamesText(argv[i], commands) +
             "; there are: " + names;
    }
  }
  return "which command? There are: " + names;
}

/// Wrong usage is one line too; the parser's own text may have several.
int sayUsage(const CLI::ParseError& error, const CLI::App& main, int argc, char** argv) {
  const auto given = main.get_subcommands();
  std::string what = given.empty() && error.get_name() == "RequiredError" ? commandProblem(main, argc, argv)
                                                                          : std::string(error.what());
  for (const CLI::App* command : given) {
    if (const std::string unknown = unknownOption(main, *command, argc, argv);
        error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError) && !unknown.empty()) {
      what = unknown;
    }
    what += "; halfstep-cli " + command->get_name() + " --help tells more";
  }
  cli::printError({ErrorKind::usage, what});
  return kUsage;
}

int run(const CLI::App& main, const std::vector<cli::Command>& commands, bool json) {
  cli::Interruption interruption; // before any thread is started
  Result<void> result;
  {
    cli::ProgressLine progress;
    const std::filesystem::path folder =
        QFile::encodeName(QCoreApplication::applicationDirPath()).toStdString();
    cli::Environment environment(folder, JobContext(interruption.token(), progress.sink()), json);
    for (const cli::Command& command : commands) {
      if (main.got_subcommand(command.parser)) {
        result = command.run(environment);
      }
    }
    const bool interrupted = !result && result.error().kind == ErrorKind::cancelled;
    if (auto read = MappedFile::checkEver(); !read && !interrupted) {
      result = std::move(read); // whatever else is wrong, or seems right, comes from that
    }
    if (result) {
      result = environment.output().flush();
    }
  }
  if (!result) {
    cli::printError(result.error());
    return exitStatus(result.error().kind);
  }
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  for (const int signal : {SIGPIPE, SIGXFSZ}) { // a closed pipe and a limit on the size of files are errors
    std::signal(signal, SIG_IGN);               // of writing, so that no temporary file stays behind
  }
  const QCoreApplication application(argc, argv);
  CLI::App main("Shows what quantization does to a neural network, layer by layer.", "halfstep-cli");
  main.set_version_flag("--version", "halfstep-cli " HALFSTEP_VERSION);
  main.require_subcommand(1);
  main.fallthrough();
  main.footer(kFooter);
  bool json = false;
  main.add_flag("--json", json, "Print one JSON document instead of text");
  const auto commands = cli::declareCommands(main);
  try {
    main.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) { // --help, --version
      return main.exit(error);
    }
    return sayUsage(error, main, argc, argv);
  }
  try {
    return run(main, commands, json);
  } catch (const std::bad_alloc&) {
    cli::printError({ErrorKind::failed, "there is not enough memory"});
  } catch (const std::exception& exception) {
    cli::printError({ErrorKind::failed, exception.what()});
  }
  return exitStatus(ErrorKind::failed);
}
