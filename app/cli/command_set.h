// The commands of halfstep-cli: each file declares its own on the parser and says what to run. What they
// share (plug-ins, interruption, output) is handed to them here.
#pragma once

#include "app/cli/command_parser.h"
#include "app/cli/output.h"
#include "core/support/job_context.h"
#include "plugins/host/plugin_host.h"

#include <filesystem>
#include <functional>
#include <vector>

namespace halfstep::cli {

/// What a command works with. Lives while the command runs; main thread.
class Environment {
public:
  Environment(std::filesystem::path programFolder, JobContext context, bool json);

  /// Scanned at first use: commands that need no plug-in do not wait for them.
  const PluginHost& plugins();
  const std::filesystem::path& programFolder() const { return m_programFolder; }
  const JobContext& context() const { return m_context; }
  Output& output() { return m_output; }

  /// Opens the model with the loader that knows it, `share` of the progress going to that.
  Result<std::shared_ptr<const Model>> loadModel(const std::string& file, double share);

private:
  std::filesystem::path m_programFolder;
  JobContext m_context;
  Output m_output;
  std::optional<PluginHost> m_plugins;
};

/// What a command does once its arguments are parsed.
using Action = std::function<Result<void>(Environment&)>;

struct Command {
  CLI::App* parser; ///< owned by the main one
  Action run;
};

/// Declares every command on `main`, in the order of the help text.
std::vector<Command> declareCommands(CLI::App& main);

// One per file, NAME_command.cpp.
Command inspectCommand(CLI::App& main);
Command quantizeCommand(CLI::App& main);
Command evaluateCommand(CLI::App& main);
Command calibrateCommand(CLI::App& main);
Command sensitivityCommand(CLI::App& main);
Command runCommand(CLI::App& main);
Command dataCommand(CLI::App& main);
Command latencyCommand(CLI::App& main);
Command searchCommand(CLI::App& main);
Command diffCommand(CLI::App& main);
Command exportCommand(CLI::App& main);
Command checkCommand(CLI::App& main);
Command reportCommand(CLI::App& main);
Command conformanceCommand(CLI::App& main);
Command pluginsCommand(CLI::App& main);
Command kernelsCommand(CLI::App& main);
Command completionCommand(CLI::App& main);

} // namespace halfstep::cli
