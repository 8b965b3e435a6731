#include "app/cli/command_set.h"

namespace halfstep::cli {

Environment::Environment(std::filesystem::path programFolder, JobContext context, bool json)
    : m_programFolder(std::move(programFolder))
    , m_context(std::move(context))
    , m_output(json) {}

const PluginHost& Environment::plugins() {
  if (!m_plugins) {
    m_plugins.emplace();
    m_plugins->scan(PluginHost::folderFor(m_programFolder));
  }
  return *m_plugins;
}

Result<std::shared_ptr<const Model>> Environment::loadModel(const std::string& file, double share) {
  return plugins().loadModel(file, m_context.part(0.0, share));
}

std::vector<Command> declareCommands(CLI::App& main) {
  return {inspectCommand(main),   quantizeCommand(main),    runCommand(main),         dataCommand(main),
          calibrateCommand(main), evaluateCommand(main),    sensitivityCommand(main), latencyCommand(main),
          searchCommand(main),    diffCommand(main),        exportCommand(main),      checkCommand(main),
          reportCommand(main),    conformanceCommand(main), pluginsCommand(main),     kernelsCommand(main),
          completionCommand(main)};
}

} // namespace halfstep::cli
