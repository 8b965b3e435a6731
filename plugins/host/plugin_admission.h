// Decides from a module's metadata alone, without running any of its code, whether it is a plug-in of ours.
#pragma once

#include <QJsonObject>

#include <set>
#include <string>

namespace halfstep {

/// What a file in a plug-in folder turned out to be.
struct PluginRecord {
  std::string file; ///< absolute path
  std::string kind; ///< "loader", "images"; may be empty for a rejected file, like the next three
  std::string id;
  std::string name;
  int apiVersion = 0;
  std::string problem; ///< why it was rejected; empty: it is loaded
  bool loaded() const { return problem.empty(); }
};

/// `metadata` is what QPluginLoader::metaData() gave for `file` (empty: `loadError` says why). Fills the
/// record; its `problem` says what is wrong with IID, kind, API version or id. `takenIds`: the ids of the
/// plug-ins admitted so far.
PluginRecord admitPlugin(const std::string& file, const QJsonObject& metadata, const std::string& loadError,
                         const std::set<std::string>& takenIds);

} // namespace halfstep
