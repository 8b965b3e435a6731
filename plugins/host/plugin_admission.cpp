#include "plugins/host/plugin_admission.h"

#include "plugins/api/archive_reader_factory.h"
#include "plugins/api/calibration_store_factory.h"
#include "plugins/api/exporter_factory.h"
#include "plugins/api/image_reader_factory.h"
#include "plugins/api/loader_factory.h"

#include <QJsonValue>

#include <algorithm>
#include <array>

namespace halfstep {

namespace {

/// A kind of plug-in, and the interface that it must declare.
struct Kind {
  const char* name;
  const char* iid;
};
constexpr std::array<Kind, 5> kKinds = {{{"loader", HALFSTEP_LOADER_IID},
                                         {"exporter", HALFSTEP_EXPORTER_IID},
                                         {"images", HALFSTEP_IMAGES_IID},
                                         {"archive", HALFSTEP_ARCHIVE_IID},
                                         {"store", HALFSTEP_STORE_IID}}};

std::string problemWith(const PluginRecord& record, const std::string& iid,
                        const std::set<std::string>& takenIds) {
  if (std::none_of(kKinds.begin(), kKinds.end(), [&](const Kind& kind) { return iid == kind.iid; })) {
    return "is a Qt plug-in for another program: its interface is \"" + iid + "\"";
  }
  const auto expected =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& kind) { return record.kind == kind.name; });
  if (expected == kKinds.end()) {
    return "its metadata has the kind \"" + record.kind +
           "\"; expected loader, exporter, images, archive or store";
  }
  if (iid != expected->iid) {
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
