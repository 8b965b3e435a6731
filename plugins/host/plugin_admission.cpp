#include "plugins/host/plugin_admission.h"

#include "plugins/api/exporter_factory.h"
#include "plugins/api/loader_factory.h"

#include <QJsonValue>

namespace halfstep {

namespace {

/// The interface that a plug-in of `kind` must declare; null for a kind that there is not.
const char* iidOfKind(const std::string& kind) {
  if (kind == "loader") {
    return HALFSTEP_LOADER_IID;
  }
  if (kind == "exporter") {
    return HALFSTEP_EXPORTER_IID;
  }
  return nullptr;
}

std::string problemWith(const PluginRecord& record, const std::string& iid,
                        const std::set<std::string>& takenIds) {
  if (iid != HALFSTEP_LOADER_IID && iid != HALFSTEP_EXPORTER_IID) {
    return "is a Qt plug-in for another program: its interface is \"" + iid + "\"";
  }
  const char* expected = iidOfKind(record.kind);
  if (expected == nullptr) {
    return "its metadata has the kind \"" + record.kind + "\"; expected loader or exporter";
  }
  if (iid != expected) {
    return "its kind \"" + record.kind + "\" and its interface \"" + iid + "\" contradict each other";
  }
  if (record.apiVersion != kPluginApiVersion) {
    return "was built for plug-in API version " + std::to_string(record.apiVersion) + "; this program has " +
           std::to_string(kPluginApiVersion);
  }
  if (record.id.empty()) {
    return "its metadata has no id";
  }
  if (takenIds.contains(record.id)) {
    return "another plug-in already has the id \"" + record.id + "\"";
  }
  return {};
}

} // namespace

PluginRecord admitPlugin(const std::string& file, const QJsonObject& metadata, const std::string& loadError,
                         const std::set<std::string>& takenIds) {
  PluginRecord record;
  record.file = file;
  if (metadata.isEmpty()) {
    record.problem = "is not a Qt plug-in" + (loadError.empty() ? std::string() : ": " + loadError);
    return record;
  }
  const QJsonObject own = metadata.value(QLatin1String("MetaData")).toObject();
  record.kind = own.value(QLatin1String("kind")).toString().toStdString();
  record.id = own.value(QLatin1String("id")).toString().toStdString();
  record.name = own.value(QLatin1String("name")).toString().toStdString();
  record.apiVersion = own.value(QLatin1String("apiVersion")).toInt();
  record.problem =
      problemWith(record, metadata.value(QLatin1String("IID")).toString().toStdString(), takenIds);
  return record;
}

} // namespace halfstep
