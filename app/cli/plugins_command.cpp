// halfstep-cli plugins: which plug-ins were found, and why others were not loaded.
#include "app/cli/command_set.h"

namespace halfstep::cli {

namespace {

Result<void> listPlugins(Environment& environment) {
  Json plugins = Json::array();
  std::vector<std::vector<std::string>> rows = {{"ID", "KIND", "NAME", "FILE"}};
  std::string rejected;
  for (const PluginRecord& plugin : environment.plugins().plugins()) {
    plugins.push_back({{"id", plugin.id},
                       {"kind", plugin.kind},
                       {"name", plugin.name},
                       {"api_version", plugin.apiVersion},
                       {"file", plugin.file},
                       {"loaded", plugin.loaded()},
                       {"problem", plugin.loaded() ? Json(nullptr) : Json(plugin.problem)}});
    if (plugin.loaded()) {
      rows.push_back(
          {displayText(plugin.id), plugin.kind, displayText(plugin.name), displayText(plugin.file)});
    } else {
      rejected += "Not loaded: " + displayText(plugin.file + " " + plugin.problem) + "\n";
    }
  }
  environment.output().text(tableText(rows, rows[0].size()) + rejected);
  environment.output().document({{"plugins", plugins}});
  return {};
}

} // namespace

Command pluginsCommand(CLI::App& main) {
  const CommandParser parser(main, "plugins", "Which plug-ins were found, and why others were not loaded");
  parser.footer("Example:\n  halfstep-cli plugins --json");
  return {parser.app(), listPlugins};
}

} // namespace halfstep::cli
